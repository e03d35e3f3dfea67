// A call that waited for its stateless client and was lost (docs/behaviour.md S4, R8): it is made again where the server
// says that its tool may be run again, and what the client has answered is not asked again; anything else is over.
import assert from "node:assert/strict";
import { AskingServer } from "../support/asking_server.ts";
import { startSeveral } from "../support/several.ts";
import { TestSignet } from "../support/signet.ts";
import { answered, ask, type StatelessAsk } from "../support/stateless.ts";
import type { Json } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const CAN: StatelessAsk = { capabilities: { elicitation: {}, sampling: {}, roots: {} } };
const NAME = ["user_name", "elicitation/create", { message: "who?", requestedSchema: {} }];
const AGE = [7, "elicitation/create", { message: "how old?", requestedSchema: {} }];
const GONE = "Invalid params: the call that this requestState belongs to does not wait any more";
const ALICE = { action: "accept", content: { name: "alice" } };
const OLD = { action: "accept", content: { age: 70 } };

function calls(name: string, questions: unknown[], more: Json = {}) {
  return { name, arguments: { questions, ...more } };
}

function again(params: Json, requestState: unknown, inputResponses: Json) {
  return { ...params, requestState, inputResponses };
}

async function sent(signet: TestSignet, params: Json, of: StatelessAsk = CAN) {
  return await answered(ask(signet, "tools/call", params, of));
}

/** Another Signet with the same keys, before the same server; the one before it is gone. */
async function restarted(signet: TestSignet, server: AskingServer, flags: readonly string[] = []): Promise<TestSignet> {
  const { ring } = signet;
  await signet[Symbol.asyncDispose]();
  return await TestSignet.start({ upstream: server.url, ring, flags });
}

/** A call that waits in a Signet that is gone by now. */
async function lost(server: AskingServer, params: Json, flags: readonly string[] = []) {
  const first = await TestSignet.start({ upstream: server.url, flags });
  const { result } = await sent(first, params);
  assert.equal(result.resultType, "input_required");
  return { signet: await restarted(first, server, flags), requestState: result.requestState };
}

function assertGone({ status, error }: Awaited<ReturnType<typeof sent>>): void {
  assert.deepEqual([status, error?.code, error?.message], [200, -32602, GONE]);
}

for (const tool of ["reads", "sets"]) {
  Deno.test(`S4: a lost call is made again, and nothing asked again, if its tool ${tool}`, STRICT, async () => {
    await using server = new AskingServer();
    const params = calls(tool, [NAME, AGE], { together: true });
    const { signet: second, requestState } = await lost(server, params);
    await using signet = second;
    const { result } = await sent(signet, again(params, requestState, { user_name: ALICE, "#7": OLD }));
    assert.equal(result.resultType, "complete");
    assert.deepEqual(result.got, [ALICE, OLD]);
    assert.equal(server.ran.get(tool), 2);
    assert.equal(await signet.metric('signet_replays_total{outcome="rerun"}'), 1);
    assertGone(await sent(signet, again(params, requestState, { user_name: ALICE })));
    assert.equal(server.ran.get(tool), 2, "each round once");
  });
}

for (const tool of ["asks", "writes"]) {
  Deno.test(`R8: a lost call is not made again if its tool ${tool}`, STRICT, async () => {
    await using server = new AskingServer();
    const params = calls(tool, [NAME]);
    const { signet: second, requestState } = await lost(server, params);
    await using signet = second;
    for (const _ of ["the retry", "and another one"]) {
      assertGone(await sent(signet, again(params, requestState, { user_name: ALICE })));
    }
    assert.equal(server.ran.get(tool), 1);
    assert.equal(server.received("POST", "tools/list").length, 1, "the list is asked for once");
    assert.equal(await signet.metric('signet_replays_total{outcome="not_rerun"}'), 2);
  });
}

Deno.test("S4: nothing is known of a tool while nothing was lost", STRICT, async () => {
  await using server = new AskingServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  const params = calls("reads", [NAME]);
  const { result: { requestState } } = await sent(signet, params);
  assert.deepEqual((await sent(signet, again(params, requestState, { user_name: ALICE }))).result.got, [ALICE]);
  assertGone(await sent(signet, again(params, requestState, { user_name: ALICE })));
  assert.equal(server.ran.get("reads"), 1, "a round that was answered is not lost");
  assert.equal(server.received("POST", "tools/list").length, 0);
});

Deno.test("S4: a server that does not say what its tools are gets nothing a second time", STRICT, async () => {
  await using server = new AskingServer();
  const params = calls("reads", [NAME]);
  const { signet: second, requestState } = await lost(server, params);
  await using signet = second;
  const said = server.listed;
  server.listed = undefined;
  assertGone(await sent(signet, again(params, requestState, { user_name: ALICE })));
  assert.equal(server.ran.get("reads"), 1);
  server.listed = said;
  const { result } = await sent(signet, again(params, requestState, { user_name: ALICE }));
  assert.deepEqual(result.got, [ALICE], "nothing had come of it");
});

Deno.test("S4: of two tools by one name both have to be repeatable", STRICT, async () => {
  await using server = new AskingServer();
  const params = calls("reads", [NAME]);
  const { signet: second, requestState } = await lost(server, params);
  await using signet = second;
  server.listed!.push({ name: "reads" });
  assertGone(await sent(signet, again(params, requestState, { user_name: ALICE })));
});

Deno.test(
  "S4: what is asked otherwise is asked of the client, and what it has said is kept until then",
  STRICT,
  async () => {
    await using server = new AskingServer();
    await using signet = await TestSignet.start({ upstream: server.url });
    const params = calls("reads", [NAME, AGE]);
    const first = (await sent(signet, params)).result;
    const second = (await sent(signet, again(params, first.requestState, { user_name: ALICE }))).result;
    assert.deepEqual(Object.keys(second.inputRequests), ["#7"]);
    await using later = await restarted(signet, server);
    // The client brings back the second answer only: the first question has to be asked once more.
    const third = (await sent(later, again(params, second.requestState, { "#7": OLD }))).result;
    assert.deepEqual(third.inputRequests, first.inputRequests);
    const { result } = await sent(later, again(params, third.requestState, { user_name: ALICE }));
    assert.deepEqual(result.got, [ALICE, OLD], "the second one is known");
    assert.equal(server.ran.get("reads"), 2);
  },
);

const CHANGED: readonly [what: string, question: unknown[]][] = [
  ["words", ["user_name", "elicitation/create", { message: "who, again?", requestedSchema: {} }]],
  ["kind", ["user_name", "sampling/createMessage", { message: "who?", requestedSchema: {} }]],
  ["further member", ["user_name", "elicitation/create", { message: "who?", requestedSchema: {}, mode: "form" }]],
];
for (const [what, question] of CHANGED) {
  Deno.test(`S4: an answer is to its question alone, not to one of other ${what}`, STRICT, async () => {
    await using server = new AskingServer();
    const params = calls("reads", [NAME]);
    const { signet: second, requestState } = await lost(server, params);
    await using signet = second;
    server.instead = [question];
    const { result } = await sent(signet, again(params, requestState, { user_name: ALICE }));
    assert.equal(result.resultType, "input_required");
    const [, method, asked] = question;
    assert.deepEqual(result.inputRequests, { user_name: { method, params: asked } });
    const ended = await sent(signet, again(params, result.requestState, { user_name: OLD }));
    assert.deepEqual(ended.result.got, [OLD]);
  });
}

Deno.test("S4: an answer answers once, whatever the server calls the question", STRICT, async () => {
  await using server = new AskingServer();
  const params = calls("reads", [NAME]);
  const { signet: second, requestState } = await lost(server, params);
  await using signet = second;
  const [, method, asked] = NAME;
  server.instead = [["other_id", method, { ...asked as Json, _meta: { progressToken: 3 } }], ["third", method, asked]];
  const { result } = await sent(signet, again(params, requestState, { user_name: ALICE }));
  assert.deepEqual(Object.keys(result.inputRequests), ["third"]);
  const ended = await sent(signet, again(params, result.requestState, { third: OLD }));
  assert.deepEqual(ended.result.got, [ALICE, OLD]);
});

Deno.test("S1 S4: nobody else, and nothing else, is run in place of a lost call", STRICT, async () => {
  await using server = new AskingServer();
  await using issuer = await TestIssuer.create();
  const first = await TestSignet.start({ upstream: server.url, flags: issuer.flags });
  const alice = { ...CAN, token: await issuer.token("alice") };
  const params = calls("reads", [NAME]);
  const { result: { requestState } } = await sent(first, params, alice);
  await using signet = await restarted(first, server, issuer.flags);
  const mallory = { ...CAN, token: await issuer.token("mallory") };
  const said = { user_name: ALICE };
  const refused = [
    await sent(signet, again(params, requestState, said), mallory),
    await sent(signet, again(calls("reads", [NAME, AGE]), requestState, said), alice),
    await sent(signet, again(calls("sets", [NAME]), requestState, said), alice),
  ];
  for (const { status, error } of refused) {
    assert.deepEqual([status, error.code, error.data.reason], [200, -32602, "invalid_request_state"]);
  }
  assert.equal(server.ran.get("reads"), 1);
  assert.equal(server.received("POST", "tools/list").length, 0);
  assert.deepEqual((await sent(signet, again(params, requestState, said), alice)).result.got, [ALICE]);
});

Deno.test("S4: of two retries at once one runs", STRICT, async () => {
  await using server = new AskingServer();
  const params = calls("reads", [NAME]);
  const { signet: second, requestState } = await lost(server, params);
  await using signet = second;
  const listing = Promise.withResolvers<void>();
  server.listing = listing.promise;
  const retries = Array.from({ length: 4 }, () => sent(signet, again(params, requestState, { user_name: ALICE })));
  await until(() => server.received("POST", "tools/list").length === 1, "the server is asked what its tools are");
  listing.resolve();
  const all = await Promise.all(retries);
  const [ran, ...others] = all.sort((a, b) => Number(b.result !== undefined) - Number(a.result !== undefined));
  assert.deepEqual(ran!.result.got, [ALICE]);
  others.forEach(assertGone);
  assert.equal(server.ran.get("reads"), 2);
});

Deno.test(
  "S4: a call whose server was lost is made again at the next one, by what that says of it",
  STRICT,
  async () => {
    await using server = new AskingServer();
    await using signet = await TestSignet.start({ upstream: server.url });
    const reads = calls("reads", [NAME]), sets = calls("sets", [NAME]);
    const [one, two] = [(await sent(signet, reads)).result, (await sent(signet, sets)).result];
    server.lose();
    await until(async () => await signet.metric('signet_bridged_entries{what="calls"}') === 0, "both are lost");
    server.listed!.splice(2, 1, { name: "sets", annotations: { idempotentHint: false } });
    assert.deepEqual((await sent(signet, again(reads, one.requestState, { user_name: ALICE }))).result.got, [ALICE]);
    assertGone(await sent(signet, again(sets, two.requestState, { user_name: ALICE })));
    assert.deepEqual([server.ran.get("reads"), server.ran.get("sets")], [2, 1]);
  },
);

Deno.test("S4: a client that leaves while the server is asked what its tools are may come back", STRICT, async () => {
  await using server = new AskingServer();
  const params = calls("reads", [NAME]);
  const { signet: second, requestState } = await lost(server, params);
  await using signet = second;
  const listing = Promise.withResolvers<void>();
  server.listing = listing.promise;
  const leaving = new AbortController();
  const retried = again(params, requestState, { user_name: ALICE });
  const left = assert.rejects(sent(signet, retried, { ...CAN, signal: leaving.signal }));
  await until(() => server.received("POST", "tools/list").length === 1, "the server is asked what its tools are");
  leaving.abort();
  await left;
  await until(async () => await signet.metric('signet_bridged_entries{what="calls"}') === 0, "Signet knows");
  listing.resolve();
  await until(async () => (await sent(signet, retried)).result?.got !== undefined, "it is made again");
  assert.equal(server.ran.get("reads"), 2);
  await until(async () => await signet.metric("signet_buffered_body_bytes") === 0, "nothing is held any more");
});

Deno.test("S4 M6: of a long list all is read, and of one that is too long nothing", STRICT, async () => {
  await using server = new AskingServer();
  const params = calls("reads", [NAME]);
  const { signet: second, requestState } = await lost(server, params);
  await using signet = second;
  const said = server.listed!;
  const filled = (bytes: number) => [{ name: "filler", description: "x".repeat(bytes) }, ...said];
  const retried = again(params, requestState, { user_name: ALICE });
  server.listed = filled(4 * 1024 * 1024);
  assertGone(await sent(signet, retried));
  server.listed = filled(1024 * 1024);
  assert.deepEqual((await sent(signet, retried)).result?.got, [ALICE]);
});

Deno.test("G1 S4: whoever watches is told that a call was run again", STRICT, async () => {
  await using server = new AskingServer();
  const params = calls("reads", [NAME]);
  const { signet: second, requestState } = await lost(server, params);
  await using signet = second;
  const told: boolean[] = [];
  signet.app.observers.add({ onExchange: ({ rerun }) => void told.push(rerun) });
  await sent(signet, again(params, requestState, { user_name: ALICE }));
  await sent(signet, again(params, requestState, { user_name: ALICE }));
  assert.deepEqual(told, [true, false]);
});

Deno.test("S4: the list is asked for again when it has changed", STRICT, async () => {
  await using server = new AskingServer();
  const first = await TestSignet.start({ upstream: server.url });
  const reads = calls("reads", [NAME]), sets = calls("sets", [NAME]);
  const [one, two] = [(await sent(first, reads)).result, (await sent(first, sets)).result];
  await using signet = await restarted(first, server);
  assert.deepEqual((await sent(signet, again(reads, one.requestState, { user_name: ALICE }))).result.got, [ALICE]);
  server.listed!.splice(2, 1);
  await until(() => server.streams.size === 1, "Signet listens");
  server.push({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  // What is pushed is heard in its order: the question behind it shows that it was.
  server.push({ jsonrpc: "2.0", id: "heard", method: "ping" });
  await until(() => server.requests.some(({ body }) => body.includes('"heard"')), "Signet has heard of it");
  assertGone(await sent(signet, again(sets, two.requestState, { user_name: ALICE })));
  assert.equal(server.ran.get("sets"), 1);
  assert.equal(server.received("POST", "tools/list").length, 2);
});

Deno.test("S4: of a prompt or a resource nothing is known: it is not asked for again", STRICT, async () => {
  await using server = new AskingServer();
  const params = calls("reads", [NAME]);
  const { signet: second } = await lost(server, params, ["--seal-state", "off"]);
  await using signet = second;
  const requestState = `park.${"0".repeat(32)}.1.${"0".repeat(16)}.`;
  const of = { ...CAN };
  for (const method of ["prompts/get", "resources/read"]) {
    const { error } = await answered(ask(signet, method, { name: "reads", uri: "a:b", requestState }, of));
    assert.deepEqual([error.code, error.message], [-32602, GONE]);
  }
  assert.equal(server.received("POST", "tools/list").length, 0);
});

Deno.test(
  "S4: an answer is said to no other call: where it cannot be told whose a question is, it is asked",
  STRICT,
  async () => {
    await using server = new AskingServer();
    const params = calls("reads", [NAME]);
    const first = await TestSignet.start({ upstream: server.url });
    const [one, two] = [(await sent(first, params)).result, (await sent(first, params)).result];
    await using signet = await restarted(first, server);
    const other = (await sent(signet, calls("asks", [AGE]))).result;
    await until(() => server.streams.size === 1, "Signet listens");
    server.asksOnStream = true;
    const asked = await sent(signet, again(params, one.requestState, { user_name: ALICE }));
    assert.deepEqual(asked.result.inputRequests, one.inputRequests, "two calls may have asked it");
    server.asksOnStream = false;
    await sent(signet, again(params, asked.result.requestState, { user_name: ALICE }));
    await sent(signet, again(calls("asks", [AGE]), other.requestState, { "#7": OLD }));
    server.asksOnStream = true;
    assert.deepEqual((await sent(signet, again(params, two.requestState, { user_name: ALICE }))).result.got, [ALICE]);
  },
);

Deno.test("S4: of several servers the one whose tool it is says whether it may be run again", STRICT, async () => {
  await using a = new AskingServer();
  await using b = new AskingServer();
  b.listed = [{ name: "reads" }];
  const first = await startSeveral({ a, b });
  const params = (name: string) => ({ ...calls("reads", [NAME]), name });
  const [ofA, ofB] = [(await sent(first, params("a_reads"))).result, (await sent(first, params("b_reads"))).result];
  const { ring } = first;
  await first[Symbol.asyncDispose]();
  await using signet = await startSeveral({ a, b }, { ring });
  const said = (state: { inputRequests: Json }) =>
    Object.fromEntries(Object.keys(state.inputRequests).map((key) => [key, ALICE]));
  const { result } = await sent(signet, again(params("a_reads"), ofA.requestState, said(ofA)));
  assert.deepEqual(result?.got, [ALICE]);
  assertGone(await sent(signet, again(params("b_reads"), ofB.requestState, said(ofB))));
  assert.deepEqual([a.ran.get("reads"), b.ran.get("reads")], [2, 1]);
});
