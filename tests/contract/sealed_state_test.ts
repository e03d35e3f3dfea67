// What a stateless server gives its client to bring back is sealed on the way (docs/behaviour.md S1; docs/protocol.md 33,
// 34): the client never has the server's own value, and the server gets it back byte for byte, from its owner alone.
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { KeyRing } from "../../lib/envelope/key_ring.ts";
import { FakeMcp, type Recorded } from "../support/fake_mcp.ts";
import { freshRing, TestSignet } from "../support/signet.ts";
import { answered, ask, eventsOf, resultOf, withoutErrorId } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

/** A server that answers each method with a result of the test's. */
function serving(results: Readonly<Record<string, string | ((request: Recorded) => Response)>>): FakeMcp {
  const server = new FakeMcp();
  server.onRequest = (request) => {
    const result = results[JSON.parse(request.body).method as string];
    return typeof result === "function" ? result(request) : result && resultOf(request, result) || undefined;
  };
  return server;
}

const TOOL = { name: "ask", arguments: { city: "Bern", n: 1 } };
const ASKS = `{"resultType":"input_required","inputRequests":{},"requestState":"s-1"}`;

function lastParams(server: FakeMcp) {
  return JSON.parse(server.requests.at(-1)!.body).params;
}

Deno.test("PROTOCOL 33: a request's state comes back to the server byte for byte", STRICT, async () => {
  const written = String.raw`"s\/1 \u00e9é\ud800 {\"x\":[]}\n"`;
  await using server = serving({
    "tools/call": `{"resultType":"input_required", "requestState" : ${written} ,"inputRequests":{}}`,
  });
  await using signet = await TestSignet.start({ upstream: server.url });
  const { result } = await answered(ask(signet, "tools/call", TOOL));
  assert.match(result.requestState, /^[\w-]{90,}$/);
  assert.equal(result.resultType, "input_required");
  const again = await answered(
    ask(signet, "tools/call", { ...TOOL, requestState: result.requestState, inputResponses: {} }),
  );
  assert.equal(again.status, 200);
  assert.ok(server.requests.at(-1)!.body.includes(`"requestState":${written}`), server.requests.at(-1)!.body);
});

for (const pieceBytes of [1, 7, Infinity]) {
  Deno.test(`PROTOCOL 33: so in events that come ${pieceBytes} bytes at a time`, STRICT, async () => {
    const progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}';
    await using server = serving({
      "tools/call": () => eventsOf([progress, `{"jsonrpc":"2.0","id":1,"result":${ASKS}}`], pieceBytes),
    });
    await using signet = await TestSignet.start({ upstream: server.url });
    const { result, text } = await answered(ask(signet, "tools/call", TOOL));
    assert.ok(text.startsWith(`data: ${progress}\n\ndata: {"jsonrpc":"2.0","id":1,`), text);
    assert.ok(!text.includes("s-1"));
    await answered(ask(signet, "tools/call", { ...TOOL, requestState: result.requestState }));
    assert.equal(lastParams(server).requestState, "s-1");
  });
}

Deno.test("PROTOCOL 33: arguments that say the same in other words are the same request", STRICT, async () => {
  await using server = serving({ "tools/call": ASKS, "prompts/get": ASKS, "resources/read": ASKS });
  await using signet = await TestSignet.start({ upstream: server.url });
  const { result } = await answered(ask(signet, "tools/call", TOOL));
  const again = { name: "ask", requestState: result.requestState, arguments: { n: 1.0, city: "\u0042ern" } };
  assert.equal((await answered(ask(signet, "tools/call", again))).status, 200);
  assert.equal(lastParams(server).requestState, "s-1");
  for (const [method, params] of [["prompts/get", { name: "p" }], ["resources/read", { uri: "x://y" }]] as const) {
    const { result: { requestState } } = await answered(ask(signet, method, params));
    assert.equal((await answered(ask(signet, method, { ...params, requestState }))).error, undefined, method);
    assert.equal(lastParams(server).requestState, "s-1");
  }
});

Deno.test("S1: numbers that a double would make equal are two requests", STRICT, async () => {
  await using server = serving({ "tools/call": ASKS });
  await using signet = await TestSignet.start({ upstream: server.url });
  const bodyWith = (n: string, state: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask","arguments":{"n":${n}}${state},` +
    '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}';
  const asked = (n: string, state = "") =>
    answered(ask(signet, "tools/call", { name: "ask" }, { body: bodyWith(n, state) }));
  const { result } = await asked("9007199254740993");
  const state = `,"requestState":"${result.requestState}"`;
  assert.deepEqual(withoutErrorId((await asked("9007199254740992", state)).error), REFUSED_STATE);
  assert.equal((await asked("9007199254740993", state)).error, undefined);
});

/** What a thief, or a client that is mistaken, brings: all are refused alike. */
const STOLEN:
  readonly (readonly [what: string, method: string, params: Readonly<Record<string, unknown>>, outcome: string])[] = [
    ["another tool", "tools/call", { ...TOOL, name: "other" }, "binding"],
    ["another argument", "tools/call", { ...TOOL, arguments: { city: "Basel", n: 1 } }, "binding"],
    ["an argument more", "tools/call", { ...TOOL, arguments: { city: "Bern", n: 1, x: null } }, "binding"],
    ["no arguments", "tools/call", { name: "ask" }, "binding"],
    ["another method", "prompts/get", TOOL, "binding"],
  ];

for (const [what, method, params, outcome] of STOLEN) {
  Deno.test(`S1: a state brought back with ${what} is −32602 in HTTP 200, and goes no further`, STRICT, async () => {
    await using server = serving({ "tools/call": ASKS, "prompts/get": ASKS });
    await using signet = await TestSignet.start({ upstream: server.url });
    const { result: { requestState } } = await answered(ask(signet, "tools/call", TOOL));
    await assertRefused(signet, server, { method, params: { ...params, requestState }, outcome });
  });
}

const REFUSED_STATE = {
  code: -32602,
  message: "Invalid params: the requestState is not one that was given for this request, or has expired",
  data: { reason: "invalid_request_state" },
};

async function assertRefused(
  signet: TestSignet,
  server: FakeMcp,
  { method = "tools/call", params, outcome, token, error = REFUSED_STATE, kind = "request-state" }: {
    method?: string;
    params: Readonly<Record<string, unknown>>;
    outcome: string;
    token?: string;
    error?: unknown;
    kind?: string;
  },
): Promise<void> {
  const before = server.requests.length;
  const counted = `signet_carried_total{kind="${kind}",outcome="${outcome}"}`;
  const count = await signet.metric(counted);
  const refused = await answered(ask(signet, method, params, token === undefined ? {} : { token }));
  assert.deepEqual([refused.status, withoutErrorId(refused.error)], [200, error]);
  assert.equal(server.requests.length, before, "the server is not asked");
  assert.equal(await signet.metric(counted), count + 1, counted);
}

Deno.test(
  "S1: a state of another caller, or with an ending cut, added or changed anywhere, is refused alike",
  STRICT,
  async () => {
    await using server = serving({ "tools/call": ASKS });
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: server.url, flags: issuer.flags });
    const alice = await issuer.token("alice"), mallory = await issuer.token("mallory");
    const { result: { requestState } } = await answered(ask(signet, "tools/call", TOOL, { token: alice }));
    await assertRefused(signet, server, { params: { ...TOOL, requestState }, outcome: "owner", token: mallory });
    const forged: string[] = [requestState.slice(0, -1), requestState + "0", "", "s-1", requestState.toUpperCase()];
    for (let at = 0; at < requestState.length; at++) {
      const other = requestState[at] === "a" ? "b" : "a";
      forged.push(requestState.slice(0, at) + other + requestState.slice(at + 1));
    }
    const reached = server.requests.length;
    for (const one of forged) {
      const refused = await answered(ask(signet, "tools/call", { ...TOOL, requestState: one }, { token: alice }));
      assert.deepEqual([refused.status, withoutErrorId(refused.error)], [200, REFUSED_STATE], one);
    }
    for (const one of [7, {}, ["x"], true]) {
      const refused = await answered(ask(signet, "tools/call", { ...TOOL, requestState: one }, { token: alice }));
      assert.deepEqual([refused.status, withoutErrorId(refused.error)], [200, REFUSED_STATE], JSON.stringify(one));
    }
    assert.equal(server.requests.length, reached);
    // Its owner's is as good as before, with another token of his, too.
    const again = { token: await issuer.token("alice") };
    assert.equal((await answered(ask(signet, "tools/call", { ...TOOL, requestState }, again))).error, undefined);
  },
);

Deno.test(
  "S1: a state is good for ten minutes, for its own server, and under a key as long as the ring has it",
  STRICT,
  async () => {
    let nowMs = 1_800_000_000_000;
    const [first, second] = [freshRing().active, freshRing().active];
    await using server = serving({ "tools/call": ASKS });
    await using elsewhere = serving({ "tools/call": ASKS });
    const now = () => nowMs;
    await using signet = await TestSignet.start({ upstream: server.url, ring: new KeyRing([first]), now });
    await using other = await TestSignet.start({ upstream: elsewhere.url, ring: new KeyRing([first]), now });
    await using replica = await TestSignet.start({ upstream: server.url, ring: new KeyRing([second, first]), now });
    await using without = await TestSignet.start({ upstream: server.url, ring: new KeyRing([second]), now });
    const { result: { requestState } } = await answered(ask(signet, "tools/call", TOOL));
    const params = { ...TOOL, requestState };
    assert.equal((await answered(ask(replica, "tools/call", params))).error, undefined, "a rotated key still opens");
    await assertRefused(other, elsewhere, { params, outcome: "upstream" });
    await assertRefused(without, server, { params, outcome: "key" });
    nowMs += 599_000;
    assert.equal((await answered(ask(signet, "tools/call", params))).error, undefined);
    nowMs += 1_000;
    await assertRefused(signet, server, { params, outcome: "expired" });
  },
);

const TASK = '"taskId":"t\\u00e4sk 7","status":"working","ttlMs":null';

function taskServer(): FakeMcp {
  return serving({
    "tools/call": `{"resultType":"task",${TASK}}`,
    "tasks/get": `{"resultType":"complete",${TASK.replace("\\u00e4", "ä")}}`,
    "tasks/cancel": "{}",
  });
}

const UNKNOWN_TASK = { code: -32602, message: "Invalid params: unknown task", data: { reason: "unknown_task" } };

Deno.test("PROTOCOL 34: a task has one id, however its server spells it, in every place", STRICT, async () => {
  await using server = taskServer();
  await using signet = await TestSignet.start({ upstream: server.url });
  const { result: { taskId } } = await answered(ask(signet, "tools/call", TOOL));
  assert.match(taskId, /^[\w-]+$/);
  assert.equal((await answered(ask(signet, "tools/call", TOOL))).result.taskId, taskId, "the same each time");
  assert.equal((await answered(ask(signet, "tasks/get", { taskId }))).result.taskId, taskId);
  const seen = server.requests.at(-1)!;
  assert.equal(lastParams(server).taskId, "täsk 7");
  assert.equal(seen.headers.get("mcp-name"), `=?base64?${new TextEncoder().encode("täsk 7").toBase64()}?=`);
  assert.equal((await answered(ask(signet, "tasks/cancel", { taskId }))).error, undefined);
});

Deno.test("PROTOCOL 34: a task of another caller, or an id of nobody's, is an unknown one", STRICT, async () => {
  await using server = taskServer();
  await using issuer = await TestIssuer.create();
  await using signet = await TestSignet.start({ upstream: server.url, flags: issuer.flags });
  const alice = await issuer.token("alice"), mallory = await issuer.token("mallory");
  const { result: { taskId } } = await answered(ask(signet, "tools/call", TOOL, { token: alice }));
  const refusal = { error: UNKNOWN_TASK, kind: "task" };
  for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
    await assertRefused(signet, server, { method, params: { taskId }, token: mallory, outcome: "owner", ...refusal });
    await assertRefused(signet, server, {
      method,
      params: { taskId: "t-7" },
      token: alice,
      outcome: "length",
      ...refusal,
    });
  }
  await assertRefused(signet, server, { params: { ...TOOL, requestState: taskId }, token: alice, outcome: "tag" });
});

Deno.test(
  "PROTOCOL 25: a method of tasks that the revision has taken away is none, whatever comes with it",
  STRICT,
  async () => {
    await using server = taskServer();
    await using signet = await TestSignet.start({ upstream: server.url });
    const { status, error } = await answered(ask(signet, "tasks/result", { taskId: "t-7" }));
    assert.deepEqual([status, error.code], [404, -32601]);
    assert.equal(server.requests.length, 0);
  },
);

Deno.test("PROTOCOL 34: a task keeps its id under a new key, while the old one opens it", STRICT, async () => {
  const [first, second] = [freshRing().active, freshRing().active];
  await using server = taskServer();
  await using before = await TestSignet.start({ upstream: server.url, ring: new KeyRing([first]) });
  await using after = await TestSignet.start({ upstream: server.url, ring: new KeyRing([second, first]) });
  const { result: { taskId } } = await answered(ask(before, "tools/call", TOOL));
  assert.equal((await answered(ask(after, "tasks/get", { taskId }))).result.taskId, taskId);
});

Deno.test("PROTOCOL 34: a subscription names tasks by the ids that its client has", STRICT, async () => {
  const ack = '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":' +
    '{"notifications":{"taskIds":["t-1"]},"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}';
  const about = '{"jsonrpc":"2.0","params":{"taskId":"t-1","status":"completed"},"method":"notifications/tasks"}';
  const other = '{"jsonrpc":"2.0","method":"notifications/vendor","params":{"taskId":"t-1"}}';
  await using server = serving({
    "tools/call": '{"resultType":"task","taskId":"t-1"}',
    "subscriptions/listen": () => eventsOf([ack, about, other, '{"jsonrpc":"2.0","id":1,"result":{}}'], 11),
  });
  await using signet = await TestSignet.start({ upstream: server.url });
  const { result: { taskId } } = await answered(ask(signet, "tools/call", TOOL));
  const { text } = await answered(ask(signet, "subscriptions/listen", { notifications: { taskIds: [taskId] } }));
  assert.deepEqual(lastParams(server).notifications.taskIds, ["t-1"]);
  const events = text.split("\n\n").filter((event) => event !== "").map((event) => JSON.parse(event.slice(6)));
  assert.deepEqual(events[0].params.notifications.taskIds, [taskId]);
  assert.equal(events[1].params.taskId, taskId);
  assert.equal(events[2].params.taskId, "t-1", "what a server calls so elsewhere is its own business");
  const stranger = { notifications: { taskIds: [taskId, "t-1"] } };
  const refused = await answered(ask(signet, "subscriptions/listen", stranger));
  assert.deepEqual([refused.status, withoutErrorId(refused.error)], [200, UNKNOWN_TASK]);
});

Deno.test("PROTOCOL 33: a cursor leads on in its own list, the same each time, an empty one too", STRICT, async () => {
  await using server = serving({
    "tools/list": '{"tools":[],"nextCursor":"p\\/2","ttlMs":0,"cacheScope":"private"}',
    "prompts/list": '{"prompts":[],"nextCursor":""}',
  });
  await using signet = await TestSignet.start({ upstream: server.url });
  const { result: { nextCursor: cursor } } = await answered(ask(signet, "tools/list"));
  assert.equal((await answered(ask(signet, "tools/list", { cursor }))).result.nextCursor, cursor);
  assert.ok(server.requests.at(-1)!.body.includes('"cursor":"p\\/2"'));
  const { result: { nextCursor } } = await answered(ask(signet, "prompts/list"));
  assert.equal((await answered(ask(signet, "prompts/list", { cursor: nextCursor }))).result.nextCursor, nextCursor);
  assert.equal(lastParams(server).cursor, "");
  const error = {
    code: -32602,
    message: "Invalid params: the cursor is not one that was given for this list",
    data: { reason: "invalid_cursor" },
  };
  const refusal = { error, kind: "cursor" };
  await assertRefused(signet, server, { method: "prompts/list", params: { cursor }, outcome: "binding", ...refusal });
  await assertRefused(signet, server, {
    method: "tools/list",
    params: { cursor: "p/2" },
    outcome: "length",
    ...refusal,
  });
});

Deno.test("S1: a value that servers would read differently is 400", STRICT, async () => {
  await using server = serving({ "tools/call": ASKS });
  await using signet = await TestSignet.start({ upstream: server.url });
  const { result: { requestState } } = await answered(ask(signet, "tools/call", TOOL));
  const meta = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",' +
    '"io.modelcontextprotocol/clientCapabilities":{}}';
  const reached = server.requests.length;
  for (
    const members of [
      `"requestState":"raw","requestState":"${requestState}"`,
      `"requestState":"${requestState}","requestState":"raw"`,
      `"RequestState":"raw"`,
      `"requestState":"${requestState}","requeſtState":"raw"`,
    ]
  ) {
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask",${members},${meta}}}`;
    const refused = await answered(ask(signet, "tools/call", { name: "ask" }, { body }));
    assert.deepEqual([refused.status, refused.error.code], [400, -32600], members);
  }
  assert.equal(server.requests.length, reached);
});

Deno.test("S1: what is too long to be sealed is −32603, never the server's own", STRICT, async () => {
  const long = "x".repeat(64 * 1024 - 2);
  for (const [state, fits] of [[`"${long}"`, true], [`"${long}x"`, false], ['{"a":1}', false]] as const) {
    for (const answer of ["json", "events"]) {
      const result = `{"content":[],"requestState":${state}}`;
      await using server = serving({
        "tools/call": (request) =>
          answer === "json"
            ? resultOf(request, result)
            : eventsOf([`{"jsonrpc":"2.0","id":1,"result":${result}}`], 999),
      });
      await using signet = await TestSignet.start({ upstream: server.url });
      const { status, error, text, result: given } = await answered(ask(signet, "tools/call", TOOL));
      assert.deepEqual([status, error?.code], [200, fits ? undefined : -32603], answer);
      assert.ok(!text.includes("x".repeat(20)) && !text.includes('"a":1'));
      if (!fits) continue;
      const params = { ...TOOL, requestState: given.requestState };
      assert.equal((await answered(ask(signet, "tools/call", params))).error, undefined);
      assert.equal(lastParams(server).requestState, long);
    }
  }
});

Deno.test(
  "S1: an answer longer than is held passes as it comes, its state sealed wherever it stands",
  STRICT,
  async () => {
    const text = "y".repeat(1_000_000);
    await using server = serving({
      "tools/call": () =>
        eventsOf(
          [`{"jsonrpc":"2.0","id":1,"result":{"content":["${text}"],"requestState":"the-servers-own-state-2","x":"${text}"}}`],
          65_521,
        ),
    });
    await using signet = await TestSignet.start({ upstream: server.url });
    const { result, text: whole } = await answered(ask(signet, "tools/call", TOOL));
    assert.ok(!whole.includes("the-servers-own-state-2"));
    assert.deepEqual([result.content[0].length, result.x.length], [1_000_000, 1_000_000]);
    await answered(ask(signet, "tools/call", { ...TOOL, requestState: result.requestState }));
    assert.equal(lastParams(server).requestState, "the-servers-own-state-2");
  },
);

Deno.test("S1 P6: an answer that is compressed all the same is read", STRICT, async () => {
  await using server = serving({
    "tools/call": (request) => {
      assert.equal(request.headers.get("accept-encoding"), "identity");
      const bytes = Uint8Array.from(gzipSync(`{"jsonrpc":"2.0","id":1,"result":${ASKS}}`));
      return new Response(bytes, { headers: { "content-type": "application/json", "content-encoding": "gzip" } });
    },
  });
  await using signet = await TestSignet.start({ upstream: server.url });
  const { result, headers } = await answered(ask(signet, "tools/call", TOOL));
  assert.equal(headers.get("content-encoding"), null);
  assert.match(result.requestState, /^[\w-]{90,}$/);
});

Deno.test("S1: --seal-state off leaves all of it to the server", STRICT, async () => {
  await using server = serving({ "tools/call": ASKS, "tools/list": '{"tools":[],"nextCursor":"p2"}' });
  await using signet = await TestSignet.start({ upstream: server.url, flags: ["--seal-state", "off"] });
  const { result } = await answered(ask(signet, "tools/call", TOOL));
  assert.equal(result.requestState, "s-1");
  await answered(ask(signet, "tools/call", { ...TOOL, requestState: "anything" }));
  assert.equal(lastParams(server).requestState, "anything");
  assert.equal((await answered(ask(signet, "tools/list", { cursor: "p1" }))).result.nextCursor, "p2");
});

Deno.test("S1: what carries nothing passes as the bytes it came as", STRICT, async () => {
  const result =
    '{ "content" : [ {"type":"text","text":"requestState \\u00e9"} ],"structuredContent":{"taskId":"own","n":1.0}}';
  await using server = serving({ "tools/call": result, "completion/complete": '{"requestState":"own"}' });
  await using signet = await TestSignet.start({ upstream: server.url });
  assert.equal((await answered(ask(signet, "tools/call", TOOL))).text, `{"jsonrpc":"2.0","id":1,"result":${result}}`);
  assert.equal((await answered(ask(signet, "completion/complete", {}))).result.requestState, "own");
});
