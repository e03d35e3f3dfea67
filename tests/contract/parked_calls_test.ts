// A server with sessions that asks a stateless client in mid-call (docs/behaviour.md S1, S4; docs/protocol.md 33): the call
// waits at the server while the client is asked by the answer to its request, and goes on when it comes back.
import assert from "node:assert/strict";
import { AskingServer } from "../support/asking_server.ts";
import { TestSignet } from "../support/signet.ts";
import { answered, ask, type StatelessAsk } from "../support/stateless.ts";
import type { Json } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const CAN = { capabilities: { elicitation: {}, sampling: {}, roots: {} } };

function asks(questions: unknown[], more: Json = {}) {
  return { name: "asks", arguments: { questions, ...more } };
}

function again(params: Json, requestState: unknown, inputResponses: Json) {
  return { ...params, requestState, inputResponses };
}

const NAME = ["user_name", "elicitation/create", { message: "who?", requestedSchema: {}, _meta: { progressToken: 1 } }];
const MODEL = [7, "sampling/createMessage", { messages: [], maxTokens: 5 }];
const GONE = "Invalid params: the call that this requestState belongs to does not wait any more";

Deno.test(
  "S4: what a server asks in mid-call is asked by the answer, and the call goes on with what is said",
  STRICT,
  async () => {
    await using server = new AskingServer();
    await using signet = await TestSignet.start({ upstream: server.url });
    const params = asks([NAME, MODEL], { together: true });
    const { result } = await answered(ask(signet, "tools/call", params, CAN));
    assert.equal(result.resultType, "input_required");
    assert.deepEqual(result.inputRequests, {
      user_name: { method: "elicitation/create", params: { message: "who?", requestedSchema: {} } },
      "#7": { method: "sampling/createMessage", params: { messages: [], maxTokens: 5 } },
    });
    assert.match(result.requestState, /^[\w-]{90,}$/, "sealed");
    const said = { user_name: { action: "accept", content: { n: 1 } }, "#7": { role: "assistant" } };
    const ended = await answered(ask(signet, "tools/call", again(params, result.requestState, said), CAN));
    assert.deepEqual(ended.result.got, [{ action: "accept", content: { n: 1 } }, { role: "assistant" }]);
    assert.equal(ended.result.resultType, "complete");
    assert.equal(server.ran.get("asks"), 1, "nothing ran twice");
  },
);

Deno.test("S4: a call may ask in rounds, and of what is not answered it asks again at once", STRICT, async () => {
  await using server = new AskingServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  const params = asks([NAME, MODEL]);
  const first = (await answered(ask(signet, "tools/call", params, CAN))).result;
  const unsaid =
    (await answered(ask(signet, "tools/call", again(params, first.requestState, { other: {} }), CAN))).result;
  assert.deepEqual(unsaid.inputRequests, first.inputRequests);
  const stale = await answered(ask(signet, "tools/call", again(params, first.requestState, {}), CAN));
  assert.deepEqual([stale.status, stale.error.code, stale.error.message], [200, -32602, GONE], "each round once");
  const said = { user_name: { action: "decline" } };
  const second = (await answered(ask(signet, "tools/call", again(params, unsaid.requestState, said), CAN))).result;
  assert.deepEqual(Object.keys(second.inputRequests), ["#7"]);
  const last = await answered(ask(signet, "tools/call", again(params, second.requestState, { "#7": { ok: 1 } }), CAN));
  assert.deepEqual(last.result.got, [{ action: "decline" }, { ok: 1 }]);
  assert.equal(server.ran.get("asks"), 1);
});

Deno.test("S4: only what the client can do is asked of it", STRICT, async () => {
  await using server = new AskingServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  const of: StatelessAsk = { capabilities: { sampling: {} } };
  const { result } = await answered(ask(signet, "tools/call", asks([NAME]), of));
  assert.deepEqual(result.got, [{ code: -32601, message: "this client cannot be asked" }]);
});

Deno.test("S1 S4: nobody but its owner goes on with a call that waits, nor with other arguments", STRICT, async () => {
  await using server = new AskingServer();
  await using issuer = await TestIssuer.create();
  await using signet = await TestSignet.start({ upstream: server.url, flags: issuer.flags });
  const alice = { ...CAN, token: await issuer.token("alice") };
  const params = asks([NAME]);
  const { result: { requestState } } = await answered(ask(signet, "tools/call", params, alice));
  const said = { user_name: { action: "accept" } };
  const mallory = { ...CAN, token: await issuer.token("mallory") };
  const stolen = await answered(ask(signet, "tools/call", again(params, requestState, said), mallory));
  const other = await answered(ask(signet, "tools/call", again(asks([NAME, NAME]), requestState, said), alice));
  for (const { status, error } of [stolen, other]) {
    assert.deepEqual([status, error.code, error.data.reason], [200, -32602, "invalid_request_state"]);
  }
  const kin = { ...alice, capabilities: { elicitation: {} } };
  const another = await answered(ask(signet, "tools/call", again(params, requestState, said), kin));
  assert.deepEqual([another.error.code, another.error.message], [-32602, GONE], "another kind of client of his");
  const own = await answered(ask(signet, "tools/call", again(params, requestState, said), alice));
  assert.deepEqual(own.result.got, [{ action: "accept" }]);
});

Deno.test("S4: after a restart of Signet the call is lost, and is not run again", STRICT, async () => {
  await using server = new AskingServer();
  const params = asks([NAME]);
  const first = await TestSignet.start({ upstream: server.url });
  const { result: { requestState } } = await answered(ask(first, "tools/call", params, CAN));
  const { ring } = first;
  await first[Symbol.asyncDispose]();
  await using second = await TestSignet.start({ upstream: server.url, ring });
  const retried = again(params, requestState, { user_name: { action: "accept" } });
  const { status, error } = await answered(ask(second, "tools/call", retried, CAN));
  assert.deepEqual([status, error.code, error.message], [200, -32602, GONE]);
  assert.equal(server.ran.get("asks"), 1);
});

Deno.test("S4 M6: a call whose client never comes back is given up in the end, at the server too", STRICT, async () => {
  await using server = new AskingServer();
  await using signet = await TestSignet.start({ upstream: server.url, flags: ["--park-timeout", "1s"] });
  const params = asks([NAME]);
  const { result: { requestState } } = await answered(ask(signet, "tools/call", params, CAN));
  await until(() => server.cancelled.length === 1, "the server hears that nobody comes back");
  const { error } = await answered(ask(signet, "tools/call", again(params, requestState, {}), CAN));
  assert.deepEqual([error.code, error.message], [-32602, GONE]);
});

Deno.test("S4 M6: calls wait in bounded number", STRICT, async () => {
  await using server = new AskingServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  const one = async (n: number) =>
    (await answered(ask(signet, "tools/call", asks([[`q${n}`, "elicitation/create", {}]]), CAN))).result;
  const results = [];
  for (let n = 0; n < 101; n++) results.push(await one(n));
  assert.equal(results.filter(({ resultType }) => resultType === "input_required").length, 100);
  assert.deepEqual(results.at(-1).got, [{ code: -32603, message: "too many questions wait for the client" }]);
});

Deno.test(
  "S4 M6: a thousand calls of ten callers that nobody comes back for leave nothing behind",
  STRICT,
  async () => {
    await using server = new AskingServer();
    await using issuer = await TestIssuer.create();
    const flags = [...issuer.flags, "--park-timeout", "2s"];
    await using signet = await TestSignet.start({ upstream: server.url, flags });
    const held = () => signet.metric("signet_buffered_body_bytes");
    const waiting = () => signet.metric('signet_bridged_entries{what="calls"}');
    const before = await held();
    for (let owner = 0; owner < 10; owner++) {
      const of = { ...CAN, token: await issuer.token(`owner ${owner}`) };
      const one = async (n: number) =>
        (await answered(ask(signet, "tools/call", asks([[`q${owner}-${n}`, "elicitation/create", {}]]), of))).result;
      const results = await Promise.all(Array.from({ length: 100 }, (_, n) => one(n)));
      assert.ok(results.every(({ resultType }) => resultType === "input_required"));
    }
    assert.ok(await waiting() > 0);
    // One that is told so may end before it could be cancelled, too.
    await until(() => server.givenUp === 1000, () => `the server hears of each; heard of ${server.givenUp}`);
    await until(async () => await waiting() === 0, "no call waits any more");
    await until(async () => await held() === before, "all memory is given back");
    assert.equal(server.ran.get("asks"), 1000, "each ran once");
  },
);
