// An HTTP server as a peer: the handshake, one POST a request, what goes with it, how it is cancelled, how it fails, how
// the session ends (docs/behaviour.md A6, A8, C2, L5; docs/protocol.md 1, 2, 10, 11, 18).
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { SignetError } from "../../../../lib/errors.ts";
import { findMember } from "../../../../lib/mcp/json/json_text.ts";
import type { LogFacts, Logger } from "../../../../lib/observe/log.ts";
import { FakeMcp } from "../../../support/fake_mcp.ts";
import { ANNA, by, EventScript, HttpPeerScene, initializeText, textOf } from "../../../support/http_peer.ts";
import { SILENT_LOG } from "../../../support/silent_log.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

const json = (value: unknown, init?: ResponseInit) => Response.json(value, init);

for (const events of [false, true]) {
  const lane = events ? "events" : "JSON";
  Deno.test(`PROTOCOL 11: a server is greeted, confirmed and asked (${lane})`, STRICT, async () => {
    await using server = new FakeMcp({ events });
    await using scene = new HttpPeerScene(server.url);
    const reply = await scene.open();
    assert.equal(reply.id, 1, "the peer's own id, which the bridge exchanges");
    assert.equal(scene.life.protocolVersion, "2025-11-25");
    assert.deepEqual(scene.life.capabilities, { tools: {} });
    assert.equal(scene.life.state, [...server.sessions][0]);
    const answer = await scene.call("echo", { arguments: { a: 1 } });
    assert.deepEqual(answer, { jsonrpc: "2.0", id: 2, result: { echoed: { a: 1 } } });
    const [first, confirmed, asked] = server.requests;
    assert.equal(first!.sessionId, null);
    assert.equal(first!.headers.get("mcp-protocol-version"), null);
    assert.match(confirmed!.body, /notifications\/initialized/, "before any request");
    for (const request of [confirmed!, asked!]) {
      assert.equal(request.sessionId, scene.life.state);
      assert.equal(request.headers.get("mcp-protocol-version"), "2025-11-25");
      assert.equal(request.headers.get("accept"), "application/json, text/event-stream");
    }
  });
}

Deno.test("P6: an answer in a coding nobody asked for is read, and one with a mark before it", STRICT, async () => {
  await using server = new FakeMcp();
  server.onRequest = async ({ body }) => {
    const { id, method } = JSON.parse(body);
    if (method !== "initialize" && method !== "tools/call") return undefined;
    const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "z", version: "1" } };
    const text = `\ufeff${JSON.stringify({ jsonrpc: "2.0", id, result })}`;
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    return await Promise.resolve(new Response(new Uint8Array(gzipSync(text)), { headers }));
  };
  await using scene = new HttpPeerScene(server.url);
  assert.equal(((await scene.open()).result as { protocolVersion: string }).protocolVersion, "2025-11-25");
  assert.equal(scene.life.state, undefined, "a server that gives no id has none to lead back to");
  assert.ok((await scene.call("t")).result);
});

Deno.test("A8: a server is told the fields it may see, of the request at hand, and no others", STRICT, async () => {
  await using server = new FakeMcp();
  await using scene = new HttpPeerScene(server.url);
  await scene.open(by("first"));
  await scene.call("echo", {}, by("second"));
  await scene.call("echo", {}, { fields: [] });
  const seen = server.requests.map(({ headers }) => headers.get("authorization"));
  assert.deepEqual(seen, ["Bearer first", "Bearer first", "Bearer second", null]);
  assert.ok(server.requests.every(({ headers }) => !headers.has("x-private")));
});

Deno.test("A8: by default no field of a client's goes to a server", STRICT, async () => {
  await using server = new FakeMcp();
  await using scene = new HttpPeerScene(server.url, {}, "as set up by default");
  await scene.open();
  assert.equal(server.requests[0]!.headers.get("authorization"), null);
});

Deno.test("an id that comes back as text finds its request", STRICT, async () => {
  await using server = new FakeMcp();
  server.tool("t", ({ id }) => json({ jsonrpc: "2.0", id: String(id), result: { ok: true } }));
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  assert.deepEqual((await scene.call("t")).result, { ok: true });
});

Deno.test("what comes on a call's stream is told of as the call's; the answer is the answer", STRICT, async () => {
  await using server = new FakeMcp();
  server.tool("t", ({ id }) =>
    new EventScript()
      .event({ method: "notifications/progress", params: { progressToken: 7, progress: 1 } })
      .event({ id: "q", method: "sampling/createMessage", params: {} })
      .event({ id, result: { ok: true } })
      .end());
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  const { id, outcome } = scene.ask("tools/call", { name: "t" });
  assert.deepEqual((await outcome).result, { ok: true });
  assert.deepEqual(scene.heard.map(({ message, about }) => [message.method, about]), [
    ["notifications/progress", id],
    ["sampling/createMessage", id],
  ]);
  assert.ok(scene.life.peer.send(textOf({ id: "q", result: {} }), ANNA));
  await until(() => server.received("POST").some(({ body }) => body.includes('"id":"q"')), "the client's answer");
  scene.life.peer.refuse("q2", -32601, 'no "such" thing');
  await until(() => server.received("POST").some(({ body }) => body.includes('"q2"')), "a refusal");
  const refusal = JSON.parse(server.requests.at(-1)!.body);
  assert.deepEqual(refusal.error, { code: -32601, message: 'no "such" thing' });
});

Deno.test("A6: a slow call holds up no other, and there is a bound to how many there are", STRICT, async () => {
  await using server = new FakeMcp();
  const gate = Promise.withResolvers<void>();
  server.tool("slow", async () => await gate.promise.then(() => ({ slow: true })));
  await using scene = new HttpPeerScene(server.url, { limits: { maxCalls: 3 } });
  await scene.open();
  await until(() => scene.life.peer.pending === 0, "the handshake's end");
  const slow = [scene.ask("tools/call", { name: "slow" }), scene.ask("tools/call", { name: "slow" })];
  assert.ok((await scene.call("echo")).result);
  await until(() => scene.life.peer.pending === 2, "the end of the quick one");
  const third = scene.ask("tools/call", { name: "slow" });
  assert.equal(scene.ask("tools/call", { name: "slow" }).id, undefined);
  gate.resolve();
  for (const { outcome } of [...slow, third]) assert.deepEqual((await outcome).result, { slow: true });
});

Deno.test("C2: a cancelled call is told of by the id it has there, and its POST ends", STRICT, async () => {
  await using server = new FakeMcp();
  const script = new EventScript();
  server.tool("t", () => script.response);
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  const { id } = scene.ask("tools/call", { name: "t" });
  await until(() => server.ran.get("t") === 1, "the call");
  scene.life.peer.send(textOf({ method: "notifications/cancelled", params: { requestId: id } }), ANNA);
  scene.life.peer.forget(id!);
  await until(() => script.closed, "the end of the POST");
  const cancelled = server.received("POST", "notifications/cancelled");
  assert.deepEqual(JSON.parse(cancelled[0]!.body).params, { requestId: id });
  await until(() => scene.life.peer.pending === 0, "nothing under way");
});

for (const status of [401, 403]) {
  Deno.test(`A6: ${status} fails its own call, says so, and nothing else`, STRICT, async () => {
    await using server = new FakeMcp();
    await using scene = new HttpPeerScene(server.url);
    await scene.open();
    server.onRequest = ({ headers }) =>
      headers.get("authorization") === "Bearer bad"
        ? json({ error: "no" }, { status, headers: { "www-authenticate": `Bearer realm="${server.url}"` } })
        : undefined;
    const [bad, good] = await Promise.all([scene.call("echo", {}, by("bad")), scene.call("echo")]);
    assert.equal(bad.lost, `Forbidden: the MCP server does not accept the credential (status ${status})`);
    assert.ok(good.result);
    assert.equal(server.received("POST", "initialize").length, 1);
    assert.equal(scene.lost.length, 0);
  });
}

Deno.test(
  "an error under a status of refusal is the call's answer; other refusals are told by their status",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    await using scene = new HttpPeerScene(server.url);
    await scene.open();
    const { state } = scene.life;
    server.tool("own", ({ id }) => json({ jsonrpc: "2.0", id, error: { code: -7, message: "mine" } }, { status: 400 }));
    server.tool("proxy", () => new Response(`nginx at ${server.url} for ${state}`, { status: 502 }));
    server.tool(
      "named",
      ({ id }) => json({ jsonrpc: "2.0", id, error: { code: -7, message: state } }, { status: 500 }),
    );
    server.tool("told", ({ id }) => {
      const error = { code: -7, message: `Session ${state} has no such thing`, data: 1 };
      return json({ jsonrpc: "2.0", id, error });
    });
    server.tool("page", () => new Response("<html>", { headers: { "content-type": "text/html" } }));
    server.tool("accepted", () => new Response(null, { status: 202 }));
    server.tool("parse", () => json({ jsonrpc: "2.0", id: null, error: { code: -32700, message: "unreadable" } }));
    assert.deepEqual((await scene.call("own")).error, { code: -7, message: "mine" });
    assert.deepEqual((await scene.call("proxy")).lost, "Bad gateway: the MCP server cannot answer now (status 502)");
    assert.deepEqual((await scene.call("named")).lost, "Bad gateway: the MCP server cannot answer now (status 500)");
    assert.deepEqual((await scene.call("told")).error, { code: -7, message: "Session … has no such thing", data: 1 });
    assert.deepEqual((await scene.call("page")).lost, "Bad gateway: the MCP server's answer ended without a response");
    assert.deepEqual(
      (await scene.call("accepted")).lost,
      "Bad gateway: the MCP server's answer ended without a response",
    );
    assert.deepEqual((await scene.call("parse")).error, { code: -32700, message: "unreadable" });
  },
);

Deno.test(
  "A6: a server that is gone fails the call and tells the breaker; a breaker that is open asks nobody",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    const told: string[] = [];
    let isOpen = false;
    const breaker = {
      assertClosed() {
        if (isOpen) throw new SignetError("upstream_unreachable", { publicMessage: "Bad gateway: not now" });
      },
      succeed: () => void told.push("succeed"),
      fail: () => void told.push("fail"),
    };
    await using scene = new HttpPeerScene(server.url, { breaker });
    await scene.open();
    await until(() => told.length === 2, "both answers");
    isOpen = true;
    assert.equal((await scene.call("echo")).lost, "Bad gateway: not now");
    isOpen = false;
    await server[Symbol.asyncDispose]();
    const { lost } = await scene.call("echo");
    assert.match(String(lost), /^Bad gateway: the MCP server c/);
    assert.doesNotMatch(String(lost), /127\.0\.0\.1/);
  },
);

Deno.test("A4: a handshake that fails is a refusal of its kind, with no address in it", STRICT, async () => {
  await using server = new FakeMcp();
  const cases: [Response, string][] = [
    [new Response("Cannot POST /mcp", { status: 404 }), "upstream_not_mcp"],
    [json({}, { status: 401 }), "upstream_credential_missing"],
    [new Response("", { status: 503 }), "upstream_unreachable"],
    [json({ jsonrpc: "2.0", id: 1, result: {} }), "upstream_invalid"],
    [json({ jsonrpc: "2.0", id: 1, result: { protocolVersion: "x\ny", capabilities: {} } }), "upstream_invalid"],
    [new Response(null, { status: 307, headers: { location: "http://elsewhere.test/" } }), "upstream_invalid"],
  ];
  for (const [answer, code] of cases) {
    server.onRequest = () => answer;
    await using scene = new HttpPeerScene(server.url);
    await assert.rejects(scene.open(), (error: unknown) => {
      assert.ok(error instanceof SignetError);
      assert.equal(error.code, code);
      assert.doesNotMatch(error.message, /127\.0\.0\.1|elsewhere/);
      return true;
    });
  }
  server.onRequest = ({ body }) =>
    json({ jsonrpc: "2.0", id: JSON.parse(body).id, error: { code: -32602, message: "too old" } }, { status: 400 });
  await using scene = new HttpPeerScene(server.url);
  const reply = await scene.life.initialize(initializeText(), ANNA);
  assert.deepEqual(reply.value.error, { code: -32602, message: "too old" });
});

Deno.test("A6: a handshake that is not answered ends in time", STRICT, async () => {
  await using server = new FakeMcp();
  const gate = Promise.withResolvers<undefined>();
  server.onRequest = () => gate.promise;
  await using scene = new HttpPeerScene(server.url, { limits: { startTimeoutMs: 50 } });
  await assert.rejects(scene.open(), { code: "upstream_timeout" });
  gate.resolve(undefined);
});

Deno.test(
  "L5: the end is told with DELETE; whatever means gone is gone, the rest is named without an address",
  STRICT,
  async () => {
    for (const status of [200, 204, 400, 401, 404, 405, 410, 501, 500]) {
      await using server = new FakeMcp();
      await using scene = new HttpPeerScene(server.url);
      await scene.open();
      server.onRequest = ({ method }) => method === "DELETE" ? new Response(null, { status }) : undefined;
      assert.deepEqual(await scene.life.stop("end", by("last")).told, status === 500 ? ["status 500"] : []);
      const [deleted] = server.received("DELETE");
      assert.equal(deleted!.headers.get("authorization"), "Bearer last");
      assert.ok(deleted!.sessionId);
    }
  },
);

Deno.test("L5: a DELETE that is not answered is bounded in time", STRICT, async () => {
  await using server = new FakeMcp();
  const gate = Promise.withResolvers<undefined>();
  await using scene = new HttpPeerScene(server.url, { limits: { endTimeoutMs: 50 } });
  await scene.open();
  server.onRequest = ({ method }) => method === "DELETE" ? gate.promise : undefined;
  assert.deepEqual(await scene.life.stop("end", ANNA).told, ["no answer"]);
  gate.resolve(undefined);
});

Deno.test(
  "L7: letting go ends calls and streams here; a session that its state leads back to stays there",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    const script = new EventScript();
    server.tool("t", () => script.response);
    const scene = new HttpPeerScene(server.url);
    await scene.open();
    scene.life.listen(ANNA);
    await until(() => server.streams.size === 1, "the listening stream");
    const { outcome } = scene.ask("tools/call", { name: "t" });
    await until(() => server.ran.get("t") === 1, "the call");
    await scene[Symbol.asyncDispose]();
    assert.ok((await outcome).lost);
    await until(() => script.closed && server.streams.size === 0, "the end of both streams");
    assert.equal(server.received("DELETE").length, 0);
    assert.equal(scene.ask("ping").id, undefined);
  },
);

Deno.test("L3: what was opened before is gone on with: nothing is sent before the first request", STRICT, async () => {
  await using server = new FakeMcp();
  await using before = new HttpPeerScene(server.url);
  await before.open();
  await until(() => server.requests.length === 2, "the handshake");
  await using scene = new HttpPeerScene(server.url);
  const { state } = before.life;
  const handshake = initializeText();
  assert.ok(scene.life.attach({ state, protocolVersion: "2025-11-25", handshake }));
  assert.equal(server.requests.length, 2);
  assert.ok((await scene.call("echo")).result);
  assert.equal(server.requests.at(-1)!.sessionId, state);
  assert.equal(server.requests.at(-1)!.headers.get("mcp-protocol-version"), "2025-11-25");
  assert.equal(server.received("POST", "initialize").length, 1);
  const other = new HttpPeerScene(server.url);
  assert.equal(other.life.attach({ state: "no\nid", protocolVersion: "2025-11-25", handshake }), false);
  await other[Symbol.asyncDispose]();
});

Deno.test("a text of many lines goes out as it is", STRICT, async () => {
  await using server = new FakeMcp();
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  const text = new TextEncoder().encode('{\n"jsonrpc":"2.0",\n"id":"x",\n"method":"ping"}');
  const done = Promise.withResolvers<void>();
  scene.life.peer.ask(text, findMember(text, "id")!, {
    onReply: () => void done.resolve(),
    onLost: () => done.reject(new Error("lost")),
  }, ANNA);
  await done.promise;
});

Deno.test(
  "V1: why a call has come to nothing is in the log, with what was found, and no session id",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    const lines: LogFacts[] = [];
    const log: Logger = { ...SILENT_LOG, warn: (event, facts) => void lines.push({ event, ...facts }) };
    server.tool("busy", () => new Response(null, { status: 503 }));
    server.tool("away", () => new Response(null, { status: 307, headers: { location: "http://elsewhere.test/x" } }));
    const scene = new HttpPeerScene(server.url, { log });
    await scene.open();
    await scene.call("busy");
    await scene.call("away");
    server.tool("hung", () => new EventScript().response);
    const { outcome } = scene.ask("tools/call", { name: "hung" });
    await until(() => server.ran.get("hung") === 1, "the call");
    await scene[Symbol.asyncDispose]();
    await outcome;
    const about = { event: "MCP server did not answer a call", upstream: "there", session: "s" };
    assert.deepEqual(lines.map(({ event, upstream, session }) => ({ event, upstream, session })), [about, about]);
    assert.deepEqual(lines.map(({ code }) => code), ["upstream_unreachable", "upstream_invalid"]);
    assert.equal(lines[0]!.status, 503);
    assert.match(String(lines[1]!.remedy), /Set --upstream to the address/);
    assert.ok(!JSON.stringify(lines).includes(String(scene.life.state)));
  },
);

Deno.test("P6: a stream of events in a coding is read as it comes", STRICT, async () => {
  await using server = new FakeMcp();
  const gate = Promise.withResolvers<void>();
  server.tool("t", ({ id }) => {
    const plain = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
    const writer = plain.writable.getWriter();
    const event = (message: unknown) => writer.write(new TextEncoder().encode(`data: ${JSON.stringify(message)}\n\n`));
    void event({ jsonrpc: "2.0", method: "notifications/a", params: { text: "a".repeat(100_000) } });
    void gate.promise.then(() => event({ jsonrpc: "2.0", id, result: { ok: true } })).then(() => writer.close());
    const headers = { "content-type": "text/event-stream", "content-encoding": "gzip" };
    return new Response(plain.readable.pipeThrough(new CompressionStream("gzip")), { headers });
  });
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  const outcome = scene.call("t");
  await until(() => server.ran.get("t") === 1, "the call");
  gate.resolve();
  assert.deepEqual((await outcome).result, { ok: true });
  assert.equal(scene.heard.length, 1);
});

for (const end of ["the time is over", "nobody wants it"] as const) {
  Deno.test(`A6: a session that a slow server opens when ${end} is ended there`, STRICT, async () => {
    await using server = new FakeMcp();
    const gate = Promise.withResolvers<undefined>();
    server.onRequest = ({ body }) => body.includes('"initialize"') ? gate.promise : undefined;
    const limits = { startTimeoutMs: end === "the time is over" ? 20 : 10_000 };
    await using scene = new HttpPeerScene(server.url, { limits });
    const opening = scene.open();
    const refused = assert.rejects(opening);
    await until(() => server.requests.length === 1, "the greeting");
    const ending = end === "nobody wants it" ? scene.life.stop("end", ANNA).told : undefined;
    await refused;
    gate.resolve(undefined);
    await until(() => server.received("DELETE").length === 1, "the end of the session");
    await ending;
    assert.equal(server.sessions.size, 0);
  });
}

Deno.test("A4: a session whose handshake cannot be read is ended there", STRICT, async () => {
  await using server = new FakeMcp();
  server.onRequest = ({ body }) =>
    body.includes('"initialize"')
      ? new Response("<html>", { headers: { "mcp-session-id": "there-all-the-same" } })
      : undefined;
  await using scene = new HttpPeerScene(server.url);
  await assert.rejects(scene.open(), { code: "upstream_invalid" });
  await until(() => server.received("DELETE").length === 1, "the end of the session");
  assert.equal(server.received("DELETE")[0]!.sessionId, "there-all-the-same");
});
