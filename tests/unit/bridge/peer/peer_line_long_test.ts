// A long line says of itself what a short one does, as far as anybody needs it.
import assert from "node:assert/strict";
import { isRpc, readLine, readLongLine } from "../../../../lib/bridge/peer/peer_line.ts";
import { STRICT } from "../../../support/strict.ts";

const encoder = new TextEncoder();
const LONG = "x".repeat(600_000);

/** Lines whose value matters whole, or not at all. */
const WHOLE = [
  `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"instructions":"${LONG}"}}`,
  `{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["x"],"more":"${LONG}"}}`,
  `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${LONG}"}}`,
  `{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{"messages":["${LONG}"]}}`,
  `{"jsonrpc":"2.0","id":1,"result":"${LONG}"}`,
  `{"level":"info","text":"${LONG}"}`,
  `[{"jsonrpc":"2.0","method":"a"},"${LONG}"]`,
  `{"jsonrpc":"2.0","id":1,"result":{"a":"${LONG}"}`,
  `${LONG}`,
];

Deno.test("B8: readLongLine reads as readLine does what is no plain answer", STRICT, async () => {
  for (const text of WHOLE) {
    assert.deepEqual(await readLongLine(encoder.encode(text)), readLine(encoder.encode(text)), text.slice(0, 60));
  }
});

Deno.test("B8: readLongLine tells whose an answer is, and whether it is a result or an error", STRICT, async () => {
  for (const id of ["5", '"5"', "5.0"]) {
    for (const rest of [`"result":{"content":["${LONG}"]}`, `"error":{"code":-32601,"message":"m","data":"${LONG}"}`]) {
      const text = encoder.encode(`\ufeff{"jsonrpc":"2.0","id":${id},${rest}}\r`);
      const [long, short] = [(await readLongLine(text))!, readLine(text)!];
      assert.deepEqual(long.text, short.text);
      assert.ok(isRpc(long.value) && isRpc(short.value));
      assert.equal(long.value.id, short.value.id);
      assert.equal("result" in long.value, "result" in short.value);
      const codeOf = (value: { readonly error?: unknown }) => (value.error as { code?: number } | undefined)?.code;
      assert.equal(codeOf(long.value), codeOf(short.value));
    }
  }
});

Deno.test("B8: readLongLine takes bytes that are not UTF-8", STRICT, async () => {
  const text = encoder.encode(`{"jsonrpc":"2.0","id":1,"result":{"a":"${LONG}?"}}`);
  text[text.length - 4] = 0xff;
  assert.deepEqual((await readLongLine(text))!.text, readLine(text)!.text);
});
