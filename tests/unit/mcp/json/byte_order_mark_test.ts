import assert from "node:assert/strict";
import { BYTE_ORDER_MARK, markLength, textWithoutMark, withoutMark } from "../../../../lib/mcp/json/byte_order_mark.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("B8: a mark before bytes or a text is passed over, once; what only begins like one stays", STRICT, () => {
  const marked = Uint8Array.of(...BYTE_ORDER_MARK, ...BYTE_ORDER_MARK, 0x7b);
  assert.equal(markLength(marked), 3);
  assert.deepEqual(withoutMark(marked), Uint8Array.of(...BYTE_ORDER_MARK, 0x7b));
  for (const plain of [Uint8Array.of(), Uint8Array.of(0xef, 0xbb), Uint8Array.of(0xef, 0xbb, 0xbe, 0x7b)]) {
    assert.equal(withoutMark(plain), plain);
  }
  assert.equal(textWithoutMark("\ufeff\ufeff{}"), "\ufeff{}");
  assert.equal(textWithoutMark("{\ufeff}"), "{\ufeff}");
});
