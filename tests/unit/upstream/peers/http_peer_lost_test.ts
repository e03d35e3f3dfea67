// A server that has lost the session of its peer: proven, greeted again once for all who wait, and nothing run twice
// (docs/behaviour.md L4, A6, A8; docs/protocol.md 6).
import assert from "node:assert/strict";
import { SYSTEM_TIMERS, type Timers } from "../../../../lib/platform/time/timers.ts";
import { FakeMcp } from "../../../support/fake_mcp.ts";
import { ANNA, by, EventScript, HttpPeerScene, initializeText, textOf } from "../../../support/http_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

async function opened(server: FakeMcp, setting: ConstructorParameters<typeof HttpPeerScene>[1] = {}) {
  const scene = new HttpPeerScene(server.url, setting);
  await scene.open();
  await until(() => server.received("POST", "notifications/initialized").length === 1, "the confirmation");
  return scene;
}

const FORMS = [
  { status: 404, code: -32001, message: "Session not found" },
  { status: 400, code: -32000, message: "Bad Request: No valid session ID provided" },
  { status: 401, code: -32000, message: "session?" },
  { status: 410, code: -32000, message: "Gone is the session" },
];
for (const lost of FORMS) {
  Deno.test(`L4: a session that is lost by ${lost.status} is opened again, once for all who ask`, STRICT, async () => {
    await using server = new FakeMcp({ lost });
    await using scene = await opened(server);
    const before = scene.life.state;
    server.forgetSessions();
    scene.retold = [{ id: 0, method: "resources/subscribe", params: { uri: "a:b" } }];
    const answers = await Promise.all(
      ["1", "2", "3"].map((key) => scene.call("echo", { arguments: { key } }, by(key))),
    );
    assert.deepEqual(answers.map(({ result }) => result), ["1", "2", "3"].map((key) => ({ echoed: { key } })));
    assert.equal(server.received("POST", "initialize").length, 2);
    assert.equal(server.ran.get("echo"), 3);
    assert.notEqual(scene.life.state, before);
    assert.equal(server.sessions.size, 1);
    assert.equal(scene.lost.length, 1);
    assert.deepEqual(scene.replaced, [{ tools: {} }]);
    const since = server.requests.slice(server.requests.findLastIndex(({ body }) => body.includes('"initialize"')));
    const names = since.map(({ body }) => JSON.parse(body).method);
    assert.deepEqual(names.slice(0, 3), ["initialize", "notifications/initialized", "resources/subscribe"]);
    assert.deepEqual([...new Set(since.slice(0, 3).map(({ headers }) => headers.get("authorization")))].length, 1);
    assert.match(since[0]!.headers.get("authorization")!, /^Bearer [123]$/);
  });
}

Deno.test("L4: a refusal of a server that knows its session is the call's, and a ping has asked", STRICT, async () => {
  await using server = new FakeMcp();
  server.tool("t", () => new Response("no such thing", { status: 404 }));
  await using scene = await opened(server);
  assert.equal((await scene.call("t")).lost, "Bad gateway: the MCP server refused the request (status 404)");
  assert.equal(server.received("POST", "ping").length, 1);
  assert.equal(server.received("POST", "initialize").length, 1);
});

Deno.test("L4: what breaks off may have run, and is not sent again", STRICT, async () => {
  await using server = new FakeMcp();
  server.tool("t", () => {
    const script = new EventScript().raw(": begun\n\n");
    queueMicrotask(() => setTimeout(() => script.cut(), 0));
    return script.response;
  });
  await using scene = await opened(server);
  assert.match(String((await scene.call("t")).lost), /^Bad gateway: the MCP server/);
  assert.equal(server.ran.get("t"), 1);
});

Deno.test(
  "L4: a server that loses each session at once is asked twice for a request, and then held back",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    let nowMs = 0;
    const timers: Timers = {
      now: () => nowMs,
      after(ms, run) {
        if (ms > 2000) return SYSTEM_TIMERS.after(ms, run);
        return SYSTEM_TIMERS.after(0, () => {
          nowMs += ms;
          run();
        });
      },
    };
    await using scene = await opened(server, { timers });
    server.onRequest = ({ method, body }) => {
      if (method !== "POST" || body.includes('"initialize"')) return undefined;
      server.forgetSessions();
      return undefined;
    };
    const first = await scene.call("echo");
    assert.equal(first.lost, "Bad gateway: the MCP server loses its sessions at once");
    assert.equal(server.received("POST", "initialize").length, 2);
    let last = first;
    for (let i = 0; i < 8 && !String(last.lost).includes("keeps losing"); i++) last = await scene.call("echo");
    assert.equal(last.lost, "Bad gateway: the MCP server keeps losing its sessions");
    assert.ok(server.received("POST", "initialize").length <= 8);
    assert.equal(server.ran.get("echo"), undefined);
  },
);

Deno.test(
  "A8: a credential that is not accepted fails who brought it, and the next opens the session",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    await using scene = await opened(server);
    server.forgetSessions();
    server.onRequest = ({ headers, body }) =>
      headers.get("authorization") === "Bearer old" && body.includes('"initialize"')
        ? new Response("", { status: 401 })
        : undefined;
    const [old, fresh] = await Promise.all([scene.call("echo", {}, by("old")), scene.call("echo", {}, by("fresh"))]);
    assert.match(String(old.lost), /^Forbidden: the MCP server does not accept the credential/);
    assert.ok(fresh.result, JSON.stringify(fresh));
  },
);

Deno.test(
  "L4: a server that opens its session in another revision is refused, and left no session",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    await using scene = await opened(server);
    server.forgetSessions();
    let asked = "";
    server.onRequest = ({ body }) => {
      if (!body.includes('"initialize"')) return undefined;
      const { id, params } = JSON.parse(body);
      asked = params.protocolVersion;
      const result = { protocolVersion: "2025-06-18", capabilities: {} };
      return Response.json({ jsonrpc: "2.0", id, result }, { headers: { "mcp-session-id": "other" } });
    };
    const { lost } = await scene.call("echo");
    assert.equal(lost, "Bad gateway: the MCP server does not open its session again as it was");
    assert.equal(asked, "2025-11-25");
    assert.deepEqual(server.received("DELETE").map(({ sessionId }) => sessionId), ["other"]);
  },
);

Deno.test("L4: it is opened again in the revision that was negotiated, whatever was asked for", STRICT, async () => {
  await using server = new FakeMcp({ protocolVersion: "2025-06-18" });
  await using scene = await opened(server);
  assert.equal(scene.life.protocolVersion, "2025-06-18");
  server.forgetSessions();
  assert.ok((await scene.call("echo")).result);
  const [, again] = server.received("POST", "initialize");
  assert.equal(JSON.parse(again!.body).params.protocolVersion, "2025-06-18");
});

Deno.test("L3 L4: after a restart of both, first calls at once open one session", STRICT, async () => {
  await using server = new FakeMcp();
  await using scene = new HttpPeerScene(server.url);
  const handshake = initializeText();
  assert.ok(scene.life.attach({ state: "sealed-before", protocolVersion: "2025-11-25", handshake }));
  const answers = await Promise.all(Array.from({ length: 5 }, () => scene.call("echo")));
  assert.ok(answers.every(({ result }) => result !== undefined));
  assert.equal(server.received("POST", "initialize").length, 1);
  await scene.life.stop("leave", ANNA).gone;
  assert.equal(server.sessions.size, 0, "what memory alone leads to ends with it");
});

Deno.test("L3: without a state the first request greets the server, as one without sessions is", STRICT, async () => {
  await using server = new FakeMcp({ stateless: true });
  await using scene = new HttpPeerScene(server.url);
  assert.ok(scene.life.attach({ state: undefined, protocolVersion: "2025-11-25", handshake: initializeText() }));
  assert.equal(scene.life.peer.send(textOf({ method: "notifications/roots/list_changed" }), ANNA), true);
  assert.equal(server.requests.length, 0);
  assert.ok((await scene.call("echo")).result);
  const names = server.requests.map(({ body }) => JSON.parse(body).method);
  assert.deepEqual(names, ["initialize", "notifications/initialized", "tools/call"]);
});

Deno.test("L4: who listens goes on listening in the new session", STRICT, async () => {
  await using server = new FakeMcp();
  await using scene = await opened(server);
  scene.life.listen(ANNA);
  await until(() => server.streams.size === 1, "the listening stream");
  server.forgetSessions();
  assert.ok((await scene.call("echo")).result);
  await until(() => server.received("GET").length === 2, "a stream in the new session");
  assert.equal(server.received("GET")[1]!.sessionId, scene.life.state);
  await until(() => server.streams.size === 1, "the end of the old one");
  server.push({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
  await until(() => scene.heard.length === 1, "what it says");
});

Deno.test("L4: a listening stream that finds its session lost opens it again", STRICT, async () => {
  await using server = new FakeMcp();
  await using scene = await opened(server);
  server.forgetSessions();
  scene.life.listen(ANNA);
  await until(() => server.streams.size === 1, "a stream in a new session");
  assert.equal(server.received("POST", "initialize").length, 2);
});

Deno.test("stopping while a session is opened again leaves none behind", STRICT, async () => {
  await using server = new FakeMcp();
  const scene = await opened(server);
  server.forgetSessions();
  const gate = Promise.withResolvers<void>();
  server.onRequest = async ({ body }) => {
    if (body.includes('"initialize"')) await gate.promise;
    return undefined;
  };
  const { outcome } = scene.ask("tools/call", { name: "echo" });
  await until(() => server.received("POST", "initialize").length === 2, "the greeting");
  const disposed = scene[Symbol.asyncDispose]();
  gate.resolve();
  await disposed;
  assert.ok((await outcome).lost);
});
