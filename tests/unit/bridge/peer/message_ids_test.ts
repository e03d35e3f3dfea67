import assert from "node:assert/strict";
import {
  cancelledIdIn,
  idAt,
  idIn,
  progressOf,
  progressTokenIn,
  progressTokenOf,
} from "../../../../lib/bridge/peer/message_ids.ts";
import { idKey, idText, type RpcId } from "../../../../lib/mcp/messages/json_rpc.ts";
import { STRICT } from "../../../support/strict.ts";

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

for (
  const [said, given, wanted] of [
    ["7", ["n7"], "7"],
    ['"7"', ["n7"], "7"],
    ['"7"', ["n7", "s7"], '"7"'],
    ["7", ["s7"], undefined],
    ['"9007199254740993"', ["n9007199254740993"], "9007199254740993"],
    ['"9007199254740993"', ["n9007199254740992"], undefined],
    ['"7.0"', ["n7"], undefined],
    ['"t"', ["n7"], undefined],
    ["null", ["n7"], undefined],
  ] as const
) {
  Deno.test(`B8: progress of ${said}, where there are ${given}, is that of ${wanted ?? "none"}`, STRICT, () => {
    const textOf = (token: string) => `{"params":{"progress":1.0,"progressToken":${token}}}`;
    const message = { line: encoder.encode(textOf(said)), value: JSON.parse(textOf(said)) };
    const found = progressOf(message, (token) => (given as readonly string[]).includes(idKey(token)));
    assert.equal(found && new TextDecoder().decode(found.message.line), wanted && textOf(wanted));
    assert.deepEqual(found?.message.value, wanted && JSON.parse(textOf(wanted)));
    assert.equal(found && idText(found.token), wanted);
  });
}
