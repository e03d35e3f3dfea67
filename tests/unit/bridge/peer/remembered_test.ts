// What a session's next peer has to be told, within bounds (docs/behaviour.md M6).
import assert from "node:assert/strict";
import { type Effect, effectOf, Remembered } from "../../../../lib/bridge/peer/remembered.ts";
import type { RpcRequest } from "../../../../lib/mcp/messages/json_rpc.ts";
import { parseMessage } from "../../../../lib/mcp/messages/read_message.ts";
import { STRICT } from "../../../support/strict.ts";

function effectIn(text: string): Effect | undefined {
  const bytes = new TextEncoder().encode(text);
  return effectOf(parseMessage(bytes, { maxDepth: 10 }) as RpcRequest, bytes);
}

function told(remembered: Remembered): unknown[] {
  return [...remembered.retell()].map((text) => JSON.parse(new TextDecoder().decode(text)).params);
}

const subscribe = (uri: string): Effect => ({ kind: "subscribe", uri });

Deno.test("M6: only requests whose effect outlives a peer have one", STRICT, () => {
  const request = (method: string, params: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`;
  assert.deepEqual(effectIn(request("logging/setLevel", '{"level":"warning"}')), { kind: "level", level: "warning" });
  for (const level of ['"loud"', "7", "null", `"${"x".repeat(100)}"`, "{}"]) {
    assert.equal(effectIn(request("logging/setLevel", `{"level":${level}}`)), undefined, level);
  }
  assert.equal(effectIn(request("logging/setLevel", "null")), undefined);
  assert.deepEqual(effectIn(request("resources/subscribe", '{"uri":"a:1"}')), subscribe("a:1"));
  assert.equal(effectIn(request("resources/subscribe", '{"uri":1}')), undefined);
  assert.equal(effectIn(request("resources/read", '{"uri":"a:1"}')), undefined);
});

Deno.test("M6: room is taken when a request leaves, and given back when it fails", STRICT, () => {
  const remembered = new Remembered({ maxSubscriptions: 2, maxSubscribedLength: 10 });
  const first = remembered.begin(subscribe("a:1"))!;
  const second = remembered.begin(subscribe("a:2"))!;
  assert.equal(remembered.begin(subscribe("a:3")), undefined, "two are on their way");
  first(false);
  second(true);
  assert.deepEqual(told(remembered), [{ uri: "a:2" }]);
  assert.equal(remembered.begin(subscribe("b".repeat(8))), undefined, "too long for what is left");
  remembered.begin(subscribe("a:2"))!(false);
  assert.equal(remembered.subscriptions, 1, "a second one that fails does not take the first away");
  remembered.begin({ kind: "unsubscribe", uri: "a:2" })!(true);
  remembered.begin({ kind: "unsubscribe", uri: "a:9" })!(true);
  assert.deepEqual([remembered.subscriptions, remembered.length], [0, 0]);
  remembered.begin({ kind: "level", level: "debug" })!(true);
  remembered.begin({ kind: "level", level: "error" })!(false);
  assert.deepEqual(told(remembered), [{ level: "debug" }]);
});
