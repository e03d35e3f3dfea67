// What is spliced for stateless clients and their peers crosses as it was written (docs/protocol.md 29, 31).
import assert from "node:assert/strict";
import {
  clientResponse,
  clientResult,
  toolIn,
  unknownState,
  withSubscriptionId,
  withToken,
} from "../../../../lib/bridge/stateless/texts.ts";
import { idSpan } from "../../../../lib/mcp/json/placed_text.ts";
import { STRICT } from "../../../support/strict.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const placed = (text: string) => ({ text: bytes(text), id: idSpan(bytes(text)) });
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("B6: a response made here bears the client's id to the letter", STRICT, () => {
  const id = bytes("12345678901234567890");
  const { length } = text(clientResponse(id, { result: { a: 1 } }));
  assert.equal(length, '{"jsonrpc":"2.0","id":12345678901234567890,"result":{"a":1}}'.length);
  assert.equal(text(clientResult(id, '"b":"é"')), '{"jsonrpc":"2.0","id":12345678901234567890,"result":{"b":"é"}}');
  assert.match(text(unknownState(bytes('"x"'))), /"id":"x","error":\{"code":-32602,.*"invalid_request_state"/);
});

Deno.test("B6: tokens and ids of subscriptions are replaced where they stand, and nothing else", STRICT, () => {
  const call = '{"params":{"name":"t\\u00fc","_meta":{"progressToken":"mine","other":9007199254740993}},"id":1}';
  const { text: asked, id } = withToken(placed(call), 42);
  assert.equal(text(asked), call.replace('"mine"', "42"));
  assert.deepEqual(id, idSpan(asked));
  assert.equal(toolIn(bytes(call)), "tü");
  assert.equal(toolIn(bytes('{"id":1}')), undefined);
  const told = '{"params":{"_meta":{"io.modelcontextprotocol/subscriptionId":0,"x":1}}}';
  assert.equal(text(withSubscriptionId(bytes(told), bytes('"mine"'))), told.replace(":0,", ':"mine",'));
  assert.equal(text(withSubscriptionId(bytes('{"params":{}}'), bytes("1"))), '{"params":{}}', "where there is none");
});
