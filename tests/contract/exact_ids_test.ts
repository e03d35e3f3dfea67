// Integers beyond 2^53, which a number rounds, as ids and progress tokens of either side: what is told apart in the text is
// told apart behind the bridge (docs/protocol.md 19; docs/behaviour.md B6).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { TestSignet } from "../support/signet.ts";
import { answered, ask, STATELESS_VERSION } from "../support/stateless.ts";
import { EventReader, type Json, TestStdio, toolCall } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until, within } from "../support/until.ts";

/** What a number makes one of. */
const ONE = "9007199254740992", OTHER = "9007199254740993";
const CAPABILITIES = { "io.modelcontextprotocol/clientCapabilities": { elicitation: {} } };

function question(id: string, message: string): string {
  const params = { message, requestedSchema: { type: "object", properties: {} } };
  return `{"jsonrpc":"2.0","id":${id},"method":"elicitation/create","params":${JSON.stringify(params)}}`;
}

function cancelled(requestId: string): string {
  return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${requestId}}}`;
}

function silentCall(id: number, token: string): string {
  return JSON.stringify(toolCall(id, "silent", {}, "TOKEN")).replace('"TOKEN"', token);
}

/** A stateless client's call, which may be asked about. */
function statelessCall(id: number, name: string, args: Json = {}): Json {
  const _meta = { "io.modelcontextprotocol/protocolVersion": STATELESS_VERSION, ...CAPABILITIES };
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args, _meta } };
}

Deno.test("B6: progress goes to the call whose token it bears, to the last digit", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const events: EventReader[] = [];
  const progress = (token: string) =>
    `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":1}}`;
  const calls = [ONE, OTHER].map((token, at) => session.begin(silentCall(at, token)));
  await session.call(2, "raw", { line: `${progress(OTHER)}\n${progress(ONE)}` });
  for (const [at, token] of [ONE, OTHER].entries()) {
    const reader = new EventReader(await within("the call's stream", calls[at]!.response));
    events.push(reader);
    assert.match(await reader.bytes(), new RegExp(`"progressToken":${token}`));
  }
  for (const reader of events) reader.release();
});

Deno.test("B8: progress under a number that its server writes as text is told under the number", STRICT, async () => {
  await using stdio = new TestStdio({ limits: { streamAfterMs: 0 } });
  const session = await stdio.open();
  const args = { steps: 1, asText: true };
  const { params, ...stateless } = statelessCall(2, "progress", args) as Json & { params: { _meta: Json } };
  const asked = { ...stateless, params: { ...params, _meta: { ...params._meta, progressToken: 7 } } };
  for (
    const call of [session.begin(toolCall(1, "progress", args, 7)), stdio.begin(asked, { principal: "p" })]
  ) {
    const reader = new EventReader(await within("the call's stream", call.response));
    assert.deepEqual((await within("its progress", reader.next()))!.params, { progressToken: 7, progress: 1 });
    reader.release();
  }
});

Deno.test("C1 C2: an id is the same one however its number is written", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  for (const [written, other] of [["1.0", "1"], ["2", "2e0"], ["-0", "0"], [`${OTHER}`, OTHER]] as const) {
    const call = (id: string) => JSON.stringify(toolCall("ID" as never, "silent")).replace('"ID"', id);
    const waiting = session.post(call(written));
    await until(() => stdio.upstream.sizes().calls === 1, "the call is made");
    const { messages } = await session.post(call(other));
    assert.equal((messages[0]!.error as Json).code, -32600, `${other} while ${written} is in flight`);
    await session.post(cancelled(other));
    const { messages: [answer] } = await within("the cancelled call's answer", waiting);
    assert.match(String((answer!.error as Json).message), /Cancelled/);
  }
});

Deno.test("PROTOCOL 19: a question is taken back by its own id, to the last digit", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const stream = await session.listen();
  const lines = [question(ONE, "one"), question(OTHER, "other"), cancelled(OTHER)];
  void session.begin(toolCall(2, "silent"));
  void session.begin(toolCall(3, "silent"));
  void session.begin(toolCall(4, "raw", { line: lines.join("\n") }));
  const heard: Json[] = [];
  while (heard.length < 3) heard.push((await within("what the server says", stream.next()))!);
  const [, other, taken] = heard;
  assert.equal((other!.params as Json).message, "other");
  assert.deepEqual([taken!.method, (taken!.params as Json).requestId], ["notifications/cancelled", other!.id]);
  stream.release();
});

for (
  const [what, one, other] of [["beyond 2^53", ONE, OTHER], ["that are a text and a number", '"#1"', "1"]] as const
) {
  Deno.test(`S4: two questions with ids ${what} are two to a stateless client`, STRICT, async () => {
    await using stdio = new TestStdio();
    const asking = stdio.post(statelessCall(1, "silent"), { principal: "p" });
    await until(() => stdio.upstream.sizes().calls > 0, "the call is made");
    const line = `${question(one, "one")}\n${question(other, "other")}`;
    await stdio.post(statelessCall(2, "raw", { line }), { principal: "p" });
    const { messages } = await within("what is asked", asking);
    const { inputRequests } = messages[0]!.result as { inputRequests: Record<string, { params: Json }> };
    assert.deepEqual(Object.values(inputRequests).map(({ params }) => params.message), ["one", "other"]);
  });
}

Deno.test("PROTOCOL 19: a question that cannot be asked is refused under its own id", STRICT, async () => {
  await using server = new FakeMcp({ sessionsOnly: true });
  const refused = Promise.withResolvers<string>();
  server.onRequest = ({ body }) => {
    if (!body.includes('"error"')) return undefined;
    refused.resolve(body);
    return new Response(null, { status: 202 });
  };
  server.tool("asks", ({ id }) => {
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        const say = (text: string) => controller.enqueue(new TextEncoder().encode(`data: ${text}\n\n`));
        say(question(OTHER, "?"));
        await refused.promise;
        say(JSON.stringify({ jsonrpc: "2.0", id, result: { content: [] } }));
        controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  });
  await using signet = await TestSignet.start({ upstream: server.url });
  const { result } = await within("the answer", answered(ask(signet, "tools/call", { name: "asks", arguments: {} })));
  assert.deepEqual(result.content, []);
  assert.match(await refused.promise, new RegExp(`"id":${OTHER},"error"`));
});

Deno.test("B8: messages that a server writes as one reach the client as they were written", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const data = '{"n":9007199254740993,"f":1.0,"z":-0,"e":1e400,"a":1,"a":2,"\\u0062":"\\ud800"}';
  const line = `[{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":${data}}}]`;
  const stream = await session.listen();
  for (const id of [1, 2]) void session.begin(toolCall(id, "silent"));
  void session.begin(toolCall(3, "raw", { line }));
  let text = "";
  while (!text.includes("}}\n")) text += await within("the message", stream.bytes());
  assert.ok(text.includes(`"data":${data}`), text);
  stream.release();
});

Deno.test("PROTOCOL 12: progress tokens of a batch are told apart to the last digit", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open({ protocolVersion: "2025-03-26" });
  const calls = [ONE, OTHER].map((token, at) => silentCall(at, token).replace('"silent"', '"count"'));
  const { messages } = await session.post(`[${calls.join(",")}]`);
  assert.deepEqual(messages.map(({ error }) => error), [undefined, undefined]);
});

Deno.test("B8: an error that bears no id is its call's, as it was written", STRICT, async () => {
  await using server = new FakeMcp({ sessionsOnly: true });
  const error = '{"code":-32603,"message":"m","data":{"n":9007199254740993,"e":1e400,"a":1,"a":2}}';
  server.tool("fails", () => {
    const text = `{"id":null,"error":${error},"jsonrpc":"2.0"}`;
    return new Response(text, { headers: { "content-type": "application/json" } });
  });
  await using signet = await TestSignet.start({ upstream: server.url });
  const { text } = await answered(ask(signet, "tools/call", { name: "fails", arguments: {} }, { rpcId: "mine" }));
  assert.ok(text.includes(`"error":${error}`), text);
  assert.equal(JSON.parse(text).id, "mine");
});

Deno.test("M6: more messages in one than a client may send are none of a server's either", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const message = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"MARK"}}';
  const batch = (size: number) => `[${Array(size).fill(message).join(",")}]`;
  const { messages } = await session.post(toolCall(1, "raw", { line: `${batch(1001)}\n${batch(2)}` }));
  assert.equal(messages.filter(({ method }) => method === "notifications/message").length, 2);
});

Deno.test("M6 B9: nobody waits for an answer that came among more messages than there may be", STRICT, async () => {
  await using stdio = new TestStdio();
  const session = await stdio.open();
  const waiting = session.post(toolCall(1, "silent"));
  const answers = Array.from({ length: 1001 }, (_, id) => `{"jsonrpc":"2.0","id":${id},"result":{}}`);
  void session.begin(toolCall(2, "raw", { line: `[${answers.join(",")}]` }));
  const { messages } = await within("the call to end", waiting);
  assert.match(JSON.stringify(messages.at(-1)?.error), /more messages in one/);
});
