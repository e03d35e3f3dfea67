// A server of HTTP+SSE (2024-11-05) behind Signet, as the client of a Streamable HTTP server sees it: what breaks there,
// what it may not do, and with whose credential it is asked.
import assert from "node:assert/strict";
import { NO_CARRIER } from "../../lib/bridge/peer/peer.ts";
import { callOf } from "../../lib/http1/call_of.ts";
import { HttpUpstream } from "../../lib/upstream/http.ts";
import { sseStreams } from "../../lib/upstream/sse.ts";
import type { UpstreamRequest } from "../../lib/upstream/upstream.ts";
import { callerKeys } from "../support/callers.ts";
import { FakeSseMcp } from "../support/fake_sse_mcp.ts";
import { initializeText } from "../support/http_peer.ts";
import { call, TestSignet } from "../support/signet.ts";
import { SILENT_LOG } from "../support/silent_log.ts";
import { answered, ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

interface Scene extends AsyncDisposable {
  readonly server: FakeSseMcp;
  readonly signet: TestSignet;
}

async function scene(flags: readonly string[] = []): Promise<Scene> {
  const server = new FakeSseMcp();
  const signet = await TestSignet.start({ upstream: `sse+${server.url}`, flags });
  const end = async () => {
    await signet[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  };
  return { server, signet, [Symbol.asyncDispose]: end };
}

/** What came of a call: its status, and its JSON-RPC answer. */
async function outcome(answer: Promise<Response>): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await answer;
  const text = await response.text();
  const json = /^data: (.*)$/m.exec(text)?.[1] ?? text;
  return { status: response.status, body: json === "" ? {} : JSON.parse(json) };
}

const message = (body: Record<string, unknown>) => String((body.error as { message?: string } | undefined)?.message);

Deno.test("B10: messages go where the stream says, with the credential of the request at hand", STRICT, async () => {
  await using at = await scene();
  const { server, signet } = at;
  const id = await signet.open({ token: "one" });
  assert.deepEqual(server.opened, ["Bearer one"]);
  const { body } = await outcome(signet.post(call(1, "echo"), { id, token: "two" }));
  assert.deepEqual(body, { jsonrpc: "2.0", id: 1, result: { of: "tools/call" } });
  const [posted] = server.posts("tools/call");
  assert.equal(posted!.authorization, "Bearer two");
  assert.match(posted!.path, /^\/messages\?session=/);
  assert.equal(posted!.message.id, 2, "an id of Signet's own (B6)");
  server.cut();
  await until(() => signet.logs.some(({ event }) => event === "MCP server's event stream ended"), "the end to be seen");
  assert.equal((await outcome(signet.post(call(3, "echo"), { id, token: "three" }))).status, 200);
  assert.deepEqual(server.opened, ["Bearer one", "Bearer three"]);
});

Deno.test("B10: with the session the stream ends", STRICT, async () => {
  await using at = await scene();
  const id = await at.signet.open();
  assert.equal(at.server.streams.size, 1);
  const ended = await at.signet.delete({ id });
  await ended.body?.cancel();
  assert.equal(ended.status, 204);
  await until(() => at.server.streams.size === 0, "the end of the stream");
});

Deno.test("B10 L7: a stream that stateless clients share ends as soon as --session-idle says", STRICT, async () => {
  await using scenery = await scene(["--session-idle", "1s"]);
  const { server, signet } = scenery;
  assert.equal((await answered(ask(signet, "tools/call", { name: "echo", arguments: {} }))).status, 200);
  await until(() => server.streams.size === 0, "the idle stream has ended");
});

Deno.test(
  "B10 B5: a stream that breaks fails what waits for it, once, and the next call opens another",
  STRICT,
  async () => {
    await using at = await scene();
    const { server, signet } = at;
    const id = await signet.open();
    server.onCall = () => undefined;
    const waiting = outcome(signet.post(call(1, "slow"), { id }));
    await until(() => server.posts("tools/call").length === 1, "the call");
    server.cut();
    const { body } = await waiting;
    assert.match(message(body), /stream ended before it answered/);
    server.onCall = () => ({ result: {} });
    assert.deepEqual((await outcome(signet.post(call(2, "quick"), { id }))).body.result, {});
    const calls = server.posts("tools/call").map(({ message }) => (message.params as { name: string }).name);
    assert.deepEqual(calls, ["slow", "quick"], "nothing runs twice");
    assert.equal(server.posts("initialize").length, 2);
  },
);

Deno.test("B10: a message the server does not take fails its own call only", STRICT, async () => {
  await using at = await scene();
  const { server, signet } = at;
  const id = await signet.open();
  server.onPost = ({ message }) => message.method === "tools/call" ? new Response(null, { status: 500 }) : undefined;
  assert.match(message((await outcome(signet.post(call(1, "echo"), { id }))).body), /status 500/);
  server.onPost = undefined;
  assert.deepEqual((await outcome(signet.post(call(2, "echo"), { id }))).body.result, { of: "tools/call" });
  assert.equal(server.opened.length, 1);
});

Deno.test("B10: an endpoint of another origin is refused, and nothing is sent there", STRICT, async () => {
  await using elsewhere = new FakeSseMcp();
  const foreign = new URL("/messages", elsewhere.url).href;
  for (
    const endpoint of [
      foreign,
      foreign.replace("http:", ""),
      "https://127.0.0.1/messages",
      "http://user:pass@127.0.0.1/x",
      "javascript:alert(1)",
      `/${"x".repeat(5000)}`,
    ]
  ) {
    await using at = await scene();
    at.server.endpoint = () => endpoint;
    const { status, body } = await outcome(
      at.signet.post({
        jsonrpc: "2.0",
        id: 0,
        method: "initialize",
        params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
      }),
    );
    assert.equal(status, 502, endpoint.slice(0, 40));
    assert.match(message(body), /an endpoint that is not its own/);
    assert.equal(at.server.posted.length, 0);
    await until(() => at.server.streams.size === 0, "the stream to be let go of");
  }
  assert.equal(elsewhere.posted.length, 0);
});

Deno.test("B10: a session that ends while its stream is greeted leaves no stream behind", STRICT, async () => {
  await using server = new FakeSseMcp();
  const answered = Promise.withResolvers<void>();
  server.onPost = ({ message }) => {
    if (message.method === "initialize") answered.resolve();
    return undefined;
  };
  const held = Promise.withResolvers<void>();
  const inner = new HttpUpstream({ name: "old", url: server.url });
  const send = (request: UpstreamRequest) => {
    const call = inner.send(request);
    // The server's answer is on the stream before the message is known to be taken.
    const late = () => callOf(held.promise.then(() => call.response), () => call.abort());
    return request.method === "POST" ? late() : call;
  };
  const open = sseStreams({
    inner: Object.assign(Object.create(inner), { send, url: inner.url }),
    fieldsOf: () => [],
    log: SILENT_LOG,
  });
  const events = {
    onMessage: () => undefined,
    onLost() {},
    onReplaced() {},
    retell: () => [],
    unusedSinceMs: () => undefined,
    onDoomed() {},
  };
  const life = open({ caller: callerKeys("anna"), session: "s", fields: [] })(events);
  const opening = life.initialize(initializeText(), NO_CARRIER).catch(() => {});
  await answered.promise;
  await life.stop("leave", { fields: [] }).gone;
  held.resolve();
  await opening;
  await until(() => server.streams.size === 0, "the end of the stream");
  inner.close();
});

Deno.test("B10: an endpoint named again leads nowhere else", STRICT, async () => {
  await using at = await scene();
  const { server, signet } = at;
  const id = await signet.open();
  server.say("event: endpoint\ndata: /stolen\n\n");
  assert.equal((await outcome(signet.post(call(1, "echo"), { id }))).status, 200);
  assert.ok(server.posted.every(({ path }) => path.startsWith("/messages?")));
});

Deno.test("B10: a server that refuses the stream is named to client and operator", STRICT, async () => {
  const cases: [Response, number, RegExp][] = [
    [new Response("no", { status: 401 }), 403, /does not accept the credential/],
    [new Response("no", { status: 404 }), 502, /refused the request \(status 404\)/],
    [new Response("{}", { headers: { "content-type": "application/json" } }), 502, /no MCP server answers/],
    [new Response("no", { status: 503 }), 502, /cannot answer now/],
  ];
  for (const [answer, wanted, words] of cases) {
    await using at = await scene();
    at.server.refusal = () => answer.clone();
    const initialize = {
      jsonrpc: "2.0",
      id: 0,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } },
    };
    const { status, body } = await outcome(at.signet.post(initialize));
    assert.deepEqual([status, words.test(message(body))], [wanted, true], `${message(body)} for ${answer.status}`);
  }
});

Deno.test(
  "B10 M6: an event over the bound ends the stream, not Signet, and nothing of it is held",
  STRICT,
  async () => {
    await using at = await scene(["--max-buffered", "8MiB"]);
    const { server, signet } = at;
    const id = await signet.open();
    server.onCall = () => undefined;
    const waiting = outcome(signet.post(call(1, "echo"), { id }));
    await until(() => server.posts("tools/call").length === 1, "the call");
    const stream = server.last;
    const flood = (async () => {
      server.say("event: message\ndata: ", stream);
      for (let i = 0; i < 64 && server.streams.size > 0; i++) {
        server.say("x".repeat(512 * 1024), stream);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })().catch(() => {});
    assert.match(message((await waiting).body), /stream ended/);
    server.streams.clear();
    await flood;
    server.onCall = () => ({ result: {} });
    assert.equal((await outcome(signet.post(call(2, "echo"), { id }))).status, 200);
  },
);

Deno.test("B10: what is no message on the stream is discarded, and said so often and no oftener", STRICT, async () => {
  await using at = await scene();
  const { server, signet } = at;
  const id = await signet.open();
  for (let i = 0; i < 20; i++) server.say("event: message\ndata: junk\n\n");
  server.say('event: message\ndata: {"jsonrpc":"2.0","id":99,"result":{}}\n\n: comment\n\nevent: other\ndata: {}\n\n');
  assert.equal((await outcome(signet.post(call(1, "echo"), { id }))).status, 200);
  assert.equal(signet.logs.filter(({ event }) => event === "MCP server's output discarded").length, 5);
});
