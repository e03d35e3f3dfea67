// Clients with sessions before a server that has none (docs/behaviour.md S2, S3, S5; docs/protocol.md 6, 18, 28): what the
// server says of itself becomes a handshake, each message a request of its own, and what it asks a request of the session.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { FakeStateless } from "../support/fake_stateless.ts";
import { call, freshRing, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import type { Json } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const encoder = new TextEncoder();

/** Events of a stream as they come. */
class Events {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(response: Response) {
    this.#reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  }

  async next(): Promise<Json | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const data = this.#text.slice(0, end).split("\n").find((line) => line.startsWith("data: {"));
        this.#text = this.#text.slice(end + 2);
        if (data !== undefined) return JSON.parse(data.slice(6));
        continue;
      }
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }
}

async function answered(
  response: Promise<Response>,
): Promise<{ status: number; result: Json; error: Json | undefined }> {
  const given = await response;
  if (!given.headers.get("content-type")?.startsWith("text/event-stream")) {
    return { status: given.status, ...await given.json() };
  }
  const events = new Events(given);
  let last: Json = {};
  for (let next = await events.next(); next !== undefined; next = await events.next()) last = next;
  return { status: given.status, result: last.result as Json, error: last.error as Json | undefined };
}

const PREFIX = "io.modelcontextprotocol/";

for (const lane of LANES) {
  Deno.test(`S2: a client with a session is served by a server that has none (${lane} lane)`, STRICT, async () => {
    await using server = new FakeStateless();
    server.on("tools/call", ({ params }) => ({ resultType: "complete", content: [], got: params.arguments, ttlMs: 1 }));
    await using signet = await TestSignet.start({ upstream: server.url, lane });
    const initialize = {
      ...INITIALIZE,
      params: {
        ...INITIALIZE.params,
        protocolVersion: "2025-06-18",
        capabilities: { sampling: {}, roots: { listChanged: true }, tasks: {} },
      },
    };
    const opened = await signet.post(initialize);
    const id = opened.headers.get("mcp-session-id")!;
    assert.deepEqual((await opened.json()).result, {
      protocolVersion: "2025-06-18",
      capabilities: { tools: {} },
      serverInfo: { name: "stateless", version: "7" },
    });
    assert.equal(await status(signet.post({ jsonrpc: "2.0", method: "notifications/initialized" }, { id })), 202);
    const { result } = await answered(signet.post(call("c", "t\u00fcr", { n: 1 }), { id }));
    assert.deepEqual(result, { content: [], got: { n: 1 } });
    const [seen] = server.received("tools/call");
    assert.deepEqual(seen!.meta, {
      [`${PREFIX}protocolVersion`]: "2026-07-28",
      [`${PREFIX}clientInfo`]: { name: "test", version: "1" },
      [`${PREFIX}clientCapabilities`]: { sampling: {}, roots: {} },
    });
    assert.equal(seen!.headers.get("mcp-session-id"), null);
    assert.equal(seen!.headers.get("mcp-name"), "=?base64?dMO8cg==?=");
    assert.deepEqual((await answered(signet.post({ jsonrpc: "2.0", id: 2, method: "ping" }, { id }))).result, {});
    assert.equal(await status(signet.delete({ id })), 204);
    assert.equal(await status(signet.post(call(3, "x"), { id })), 404);
    assert.deepEqual(server.refused, ["initialize"], "asked once for what it has not, then by its own way");
  });

  Deno.test(
    `S5: a stateless server's error is no lost session, whatever its status (${lane} lane)`,
    STRICT,
    async () => {
      await using server = new FakeStateless();
      await using signet = await TestSignet.start({ upstream: server.url, lane });
      const id = await signet.open();
      const refusals: [number, number][] = [[404, -32601], [400, -32021], [200, -32602], [404, -32001], [410, -32000]];
      for (const [httpStatus, code] of refusals) {
        server.on(
          "tools/call",
          ({ id }) => Response.json({ jsonrpc: "2.0", id, error: { code, message: "no" } }, { status: httpStatus }),
        );
        const { status, error } = await answered(signet.post(call(code, "x"), { id }));
        assert.deepEqual([status, error?.code], [200, code]);
      }
      for (const httpStatus of [500, 503, 429, 401]) {
        server.on("tools/call", () => new Response("busy", { status: httpStatus }));
        const { status, error } = await answered(signet.post(call(httpStatus, "x"), { id }));
        assert.deepEqual([status, typeof error?.code], [200, "number"], String(httpStatus));
      }
      assert.equal(
        (await answered(signet.post({ jsonrpc: "2.0", id: 9, method: "tasks/get" }, { id }))).error?.code,
        -32601,
      );
    },
  );

  Deno.test(
    `S3: what a server asks is asked in the session, and its call made again (${lane} lane)`,
    STRICT,
    async () => {
      await using server = new FakeStateless();
      const state = String.raw`"s\/1 \ud800"`;
      server.on("tools/call", ({ id, params }) => {
        if (params.inputResponses === undefined) {
          const asks =
            '{"who":{"method":"elicitation/create","params":{"mode":"form","message":"who?","requestedSchema":{}}},' +
            '"say":{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":12345678901234567890}}}';
          const text = `{"jsonrpc":"2.0","id":${id},"result":{"resultType":"input_required","inputRequests":${asks},` +
            `"requestState":${state}}}`;
          return new Response(text, { headers: { "content-type": "application/json" } });
        }
        return { resultType: "complete", content: [], got: params.inputResponses };
      });
      await using signet = await TestSignet.start({ upstream: server.url, lane });
      const id = await signet.open({}, {
        ...INITIALIZE,
        params: { ...INITIALIZE.params, capabilities: { sampling: {}, elicitation: {} } },
      });
      const events = new Events(await signet.post(call(1, "x", { a: 1 }), { id }));
      const questions = [await events.next(), await events.next()];
      assert.deepEqual(questions.map((one) => one!.method), ["elicitation/create", "sampling/createMessage"]);
      assert.equal((questions[0]!.params as Json).mode, "form");
      for (const [at, question] of questions.entries()) {
        const result = { said: at, n: 1 };
        assert.equal(await status(signet.post({ jsonrpc: "2.0", id: question!.id, result }, { id })), 202);
      }
      assert.deepEqual((await events.next())!.result, {
        content: [],
        got: { who: { said: 0, n: 1 }, say: { said: 1, n: 1 } },
      });
      const [first, second] = server.received("tools/call");
      assert.ok(second!.body.includes(`"requestState":${state}`), second!.body);
      assert.notEqual(first!.id, second!.id);
      assert.deepEqual(second!.params.arguments, { a: 1 });
      await events.cancel();
    },
  );

  Deno.test(
    `S2 PROTOCOL 31: what a server tells of is heard on the session's stream (${lane} lane)`,
    STRICT,
    async () => {
      await using server = new FakeStateless();
      server.capabilities = { tools: { listChanged: true }, resources: { subscribe: true } };
      server.honors = (asked) => ({
        ...asked,
        ...(asked.resourceSubscriptions === undefined
          ? {}
          : { resourceSubscriptions: (asked.resourceSubscriptions as string[]).filter((uri) => uri !== "x://no") }),
      });
      await using signet = await TestSignet.start({ upstream: server.url, lane });
      const id = await signet.open();
      const events = new Events(await signet.get({ id }));
      await until(() => server.subscriptions.size === 1, "the server is listened to");
      [...server.subscriptions][0]!.tell("notifications/tools/list_changed");
      assert.deepEqual(await events.next(), { jsonrpc: "2.0", method: "notifications/tools/list_changed", params: {} });
      const subscribe = (method: string, uri: string) =>
        answered(signet.post({ jsonrpc: "2.0", id: uri + method, method, params: { uri } }, { id }));
      assert.deepEqual((await subscribe("resources/subscribe", "x://1")).result, {});
      await until(() => server.subscriptions.size === 1, "one subscription in place of another");
      const [now] = [...server.subscriptions];
      assert.deepEqual(now!.seen.params.notifications, { toolsListChanged: true, resourceSubscriptions: ["x://1"] });
      now!.tell("notifications/resources/updated", { uri: "x://1" });
      assert.deepEqual((await events.next())!.params, { uri: "x://1" });
      assert.equal((await subscribe("resources/subscribe", "x://no")).error?.code, -32602);
      assert.deepEqual((await subscribe("resources/unsubscribe", "x://1")).result, {});
      await until(
        () =>
          server.subscriptions.size === 1 &&
          [...server.subscriptions][0]!.seen.params.notifications !== undefined &&
          ([...server.subscriptions][0]!.seen.params.notifications as Json).resourceSubscriptions === undefined,
        "the resource is let go of",
      );
      await events.cancel();
      assert.equal(await status(signet.delete({ id })), 204);
      await until(() => server.subscriptions.size === 0, "nothing is left at the server");
    },
  );

  Deno.test(
    `L3 S2: such a session goes on after a restart of Signet, and on any replica (${lane} lane)`,
    STRICT,
    async () => {
      await using server = new FakeStateless();
      server.on("tools/call", ({ meta }) => ({ content: [], client: meta[`${PREFIX}clientInfo`] }));
      const ring = freshRing();
      let id: string;
      {
        await using first = await TestSignet.start({ upstream: server.url, lane, ring });
        id = await first.open();
      }
      await using second = await TestSignet.start({ upstream: server.url, lane, ring });
      const { result } = await answered(second.post(call(1, "x"), { id }));
      assert.deepEqual(result, { content: [], client: INITIALIZE.params.clientInfo });
      assert.equal(server.received("server/discover").length, 1);
    },
  );

  Deno.test(
    `C2 PROTOCOL 30: a cancelled call is cancelled at the server, one whose client leaves is not (${lane} lane)`,
    STRICT,
    async () => {
      await using server = new FakeStateless();
      let gone = 0;
      let release = () => {};
      server.on("tools/call", () =>
        new Response(
          new ReadableStream({
            start: (controller) => {
              controller.enqueue(encoder.encode(": begun\n\n"));
              release = () => controller.close();
            },
            cancel: () => void gone++,
          }),
          { headers: { "content-type": "text/event-stream" } },
        ));
      await using signet = await TestSignet.start({ upstream: server.url, lane });
      const id = await signet.open();
      const leaving = new AbortController();
      const left = signet.post(call("left", "x"), { id, signal: leaving.signal }).catch(() => undefined);
      await until(() => server.received("tools/call").length === 1, "the server runs the first");
      leaving.abort();
      await left;
      const releaseFirst = release;
      const cancelled = signet.post(call("no", "x"), { id });
      await until(() => server.received("tools/call").length === 2, "the server runs the second");
      const params = { requestId: "no" };
      assert.equal(
        await status(signet.post({ jsonrpc: "2.0", method: "notifications/cancelled", params }, { id })),
        202,
      );
      await until(() => gone === 1, "the server hears of one");
      await (await cancelled).body?.cancel();
      releaseFirst();
    },
  );
}

Deno.test("O1: a session before a stateless server is its owner's, like any other", STRICT, async () => {
  await using server = new FakeStateless();
  server.on("tools/call", () => ({ content: [] }));
  await using issuer = await TestIssuer.create();
  await using signet = await TestSignet.start({ upstream: server.url, flags: issuer.flags });
  const id = await signet.open({ token: await issuer.token("alice") });
  assert.equal(await status(signet.post(call(1, "x"), { id, token: await issuer.token("mallory") })), 403);
  assert.equal(await status(signet.post(call(1, "x"), { id, token: await issuer.token("alice") })), 200);
});

Deno.test(
  "S3: a client that does not answer ends its call, one that declines an elicitation goes on",
  STRICT,
  async () => {
    await using server = new FakeStateless();
    server.on(
      "tools/call",
      ({ params }) =>
        params.inputResponses === undefined
          ? { resultType: "input_required", inputRequests: { q: { method: params.name as string, params: {} } } }
          : { content: [], got: params.inputResponses },
    );
    await using signet = await TestSignet.start({ upstream: server.url });
    const id = await signet.open();
    const refuse = async (method: string) => {
      const events = new Events(await signet.post(call(method, method), { id }));
      const question = await events.next();
      const error = { code: -1, message: "not today" };
      assert.equal(await status(signet.post({ jsonrpc: "2.0", id: question!.id, error }, { id })), 202);
      const answer = await events.next();
      await events.cancel();
      return answer!.result as Json;
    };
    assert.deepEqual(await refuse("elicitation/create"), { content: [], got: { q: { action: "cancel" } } });
    const ended = await refuse("sampling/createMessage");
    assert.equal(ended.isError, true);
    assert.match(JSON.stringify(ended.content), /not today/);
  },
);

Deno.test("PROTOCOL 24: arguments that a server wants in headers are learnt from its list, once", STRICT, async () => {
  await using server = new FakeStateless();
  const inputSchema = {
    type: "object",
    properties: {
      region: { type: "string", "x-mcp-header": "Region" },
      deep: { type: "object", properties: { n: { type: "integer", "x-mcp-header": "N" } } },
      off: { type: "boolean", "x-mcp-header": "Off" },
    },
  };
  server.on(
    "tools/list",
    ({ params }) =>
      params.cursor === undefined ? { tools: [], nextCursor: "2" } : { tools: [{ name: "x", inputSchema }] },
  );
  server.on("tools/call", ({ id, headers }) => {
    if (headers.get("mcp-param-region") !== null) return { content: [] };
    return Response.json({ jsonrpc: "2.0", id, error: { code: -32020, message: "header" } }, { status: 400 });
  });
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open();
  for (let i = 0; i < 2; i++) {
    const args = { region: "e\u00fc", deep: { n: 7 }, off: null };
    assert.equal((await answered(signet.post(call(i, "x", args), { id }))).error, undefined);
  }
  assert.deepEqual(
    server.received("tools/call").map(({ headers }) =>
      ["region", "n", "off"].map((name) => headers.get(`mcp-param-${name}`))
    ),
    [[null, null, null], ["=?base64?ZcO8?=", "7", null], ["=?base64?ZcO8?=", "7", null]],
  );
  assert.equal(server.received("tools/list").length, 2);
});

Deno.test("S2: what is no object is put into one, as clients with sessions expect it", STRICT, async () => {
  await using server = new FakeStateless();
  const object = { name: "o", inputSchema: {}, outputSchema: { type: "object" } };
  server.on("tools/list", () => ({ tools: [object, { name: "l", inputSchema: {}, outputSchema: { type: "array" } }] }));
  server.on("tools/call", () => ({ content: [], structuredContent: [1, 2] }));
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open();
  const { result } = await answered(signet.post({ jsonrpc: "2.0", id: 1, method: "tools/list" }, { id }));
  const outputSchema = { type: "object", properties: { result: { type: "array" } }, required: ["result"] };
  assert.deepEqual(result, { tools: [object, { name: "l", inputSchema: {}, outputSchema }] });
  assert.deepEqual((await answered(signet.post(call(2, "l"), { id }))).result, {
    content: [],
    structuredContent: { result: [1, 2] },
  });
});

Deno.test("S2: a log level goes with each request from then on", STRICT, async () => {
  await using server = new FakeStateless();
  server.on("tools/call", () => ({ content: [] }));
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open();
  const level = { jsonrpc: "2.0", id: 1, method: "logging/setLevel", params: { level: "warning" } };
  assert.deepEqual((await answered(signet.post(level, { id }))).result, {});
  await answered(signet.post(call(2, "x"), { id }));
  assert.equal(server.received("tools/call")[0]!.meta[`${PREFIX}logLevel`], "warning");
});

for (const level of ["verbose", "WARNING", "", 7, null, undefined]) {
  Deno.test(`S2: ${JSON.stringify(level)} is no log level, and changes nothing`, STRICT, async () => {
    await using server = new FakeStateless();
    server.on("tools/call", () => ({ content: [] }));
    await using signet = await TestSignet.start({ upstream: server.url });
    const id = await signet.open();
    const set = (level: unknown) =>
      answered(signet.post({ jsonrpc: "2.0", id: 1, method: "logging/setLevel", params: { level } }, { id }));
    await set("error");
    assert.equal((await set(level)).error!.code, -32602);
    await answered(signet.post(call(2, "x"), { id }));
    assert.equal(server.received("tools/call")[0]!.meta[`${PREFIX}logLevel`], "error");
  });
}

Deno.test("S2: --era stateless keeps a server from being asked for sessions", STRICT, async () => {
  await using server = new FakeStateless();
  await using signet = await TestSignet.start({ upstream: server.url, flags: ["--era", "stateless"] });
  await signet.open();
  assert.deepEqual(server.refused, []);
});

Deno.test(
  "S2: a server that was stateless and has sessions now gets them, and the other way round",
  STRICT,
  async () => {
    const ring = freshRing();
    const first = new FakeStateless();
    const { port } = first;
    await using signet = await TestSignet.start({ upstream: first.url, ring });
    const id = await signet.open();
    await first[Symbol.asyncDispose]();
    {
      await using second = new FakeMcp({ port, sessionsOnly: true });
      assert.equal(await status(signet.post(call(1, "echo"), { id: await signet.open() })), 200);
      assert.equal(second.sessions.size, 1);
      assert.equal(await status(signet.post(call(2, "echo"), { id })), 200, "the old session is opened anew");
    }
    await using third = new FakeStateless(port);
    third.on("tools/call", () => ({ content: [] }));
    assert.equal(await status(signet.post(call(3, "echo"), { id })), 200);
    assert.equal(third.received("tools/call").length, 1);
  },
);

Deno.test("S2: no caller makes a server with sessions look to others as if it had none", STRICT, async () => {
  await using server = new FakeMcp();
  const discovery = { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities: {}, _meta: {} };
  server.onRequest = ({ body }) => {
    const { method, id, params } = JSON.parse(body || "{}");
    if (method === "server/discover") return Response.json({ jsonrpc: "2.0", id, result: discovery });
    if (method !== "initialize" || params.clientInfo.name !== undefined) return undefined;
    return Response.json({ jsonrpc: "2.0", id, error: { code: -32602, message: "clientInfo has no name" } });
  };
  await using signet = await TestSignet.start({ upstream: server.url });
  const odd = { ...INITIALIZE, params: { ...INITIALIZE.params, clientInfo: {} } };
  await (await signet.post(odd)).body?.cancel();
  await signet.open();
  assert.equal(server.sessions.size, 1, "a session of the server's own");
});
