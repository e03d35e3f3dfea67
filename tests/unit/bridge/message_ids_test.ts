import assert from "node:assert/strict";
import { cancelledIdIn, idAt, idIn, progressTokenIn, progressTokenOf } from "../../../lib/bridge/message_ids.ts";
import type { RpcId } from "../../../lib/mcp/json_rpc.ts";
import { STRICT } from "../../support/strict.ts";

const encoder = new TextEncoder();

/** As they are written, and what they are; undefined for what is no id. */
const IDS: readonly (readonly [string, RpcId | undefined])[] = [
  ["7", 7],
  ["-0", -0],
  ["1.0", 1],
  ['"7"', "7"],
  ['"\\u0061"', "a"],
  ['""', ""],
  ["9007199254740991", 9007199254740991],
  ["9007199254740992", 9007199254740992n],
  ["9007199254740993", 9007199254740993n],
  ["-9007199254740993", -9007199254740993n],
  ["18446744073709551615", 18446744073709551615n],
  ["1.5", 1.5],
  ["1e20", 1e20],
  ["1e400", undefined],
  ["9007199254740993.0", undefined],
  ["123456789012345678901234567890", undefined],
  ["null", undefined],
  ["true", undefined],
  ["{}", undefined],
  ["[1]", undefined],
];

for (const [written, wanted] of IDS) {
  Deno.test(`B6: ${written} as an id or a token is ${wanted ?? "none"}`, STRICT, () => {
    const messageOf = (text: string) => ({ line: encoder.encode(text), value: JSON.parse(text) });
    assert.equal(idIn(messageOf(`{"jsonrpc":"2.0","id":${written},"method":"m"}`)), wanted);
    assert.equal(cancelledIdIn(messageOf(`{"params":{"requestId":${written}}}`)), wanted);
    assert.equal(progressTokenIn(messageOf(`{"params":{"progress":1,"progressToken":${written}}}`)), wanted);
    const request = messageOf(`{"params":{"_meta":{"progressToken":${written}}}}`);
    assert.equal(progressTokenOf(request.value, request.line), wanted);
    assert.equal(idAt(encoder.encode(written), { start: 0, end: written.length }), wanted);
  });
}
