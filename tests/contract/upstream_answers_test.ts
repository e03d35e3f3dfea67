// Answers that real servers give (docs/behaviour.md P6, L5): to initialize, to DELETE, to requests; taken where real
// clients take them, and where nobody could use them told apart with a cure.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { FakeMcp } from "../support/fake_mcp.ts";
import { handshake, json, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { Stopwatch } from "../support/stopwatch.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const JSON_TYPE = { "content-type": "application/json" };
const EVENTS = { "content-type": "text/event-stream" };

function result(id: unknown, more: Record<string, unknown> = {}): string {
  const capabilities = { tools: {} };
  const serverInfo = { name: "fake", version: "1" };
  return JSON.stringify({
    jsonrpc: "2.0",
    id,
    result: { protocolVersion: "2025-11-25", capabilities, serverInfo, ...more },
  });
}

const CODINGS: Record<string, (text: string) => Uint8Array> = {
  gzip: gzipSync,
  "x-gzip": gzipSync,
  deflate: deflateSync,
  "deflate ": deflateRawSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};

interface Answer {
  readonly body: string | Uint8Array | ReadableStream<Uint8Array>;
  readonly status?: number;
  readonly headers: Record<string, string>;
}

/** What initialize may be answered with, and a session is to come of it. */
const TAKEN: [string, (id: unknown) => Answer][] = [
  ...Object.entries(CODINGS).flatMap(([coding, encode]): [string, (id: unknown) => Answer][] => {
    const coded = { "content-encoding": coding.trim() };
    return [
      [`JSON in ${coding}`, (id) => ({ body: encode(result(id)), headers: { ...JSON_TYPE, ...coded } })],
      [`events in ${coding}`, (id) => ({ body: encode(`data: ${result(id)}\n\n`), headers: { ...EVENTS, ...coded } })],
    ];
  }),
  [
    "an event that is not JSON before it",
    (id) => ({ body: `data: hello\n\ndata: ${result(id)}\n\n`, headers: EVENTS }),
  ],
  ["a log line as an event", (id) => ({ body: `data: {"level":"info"}\n\ndata: ${result(id)}\n\n`, headers: EVENTS })],
  [
    "a notification before it",
    (id) => ({
      body: `data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\ndata: ${result(id)}\n\n`,
      headers: EVENTS,
    }),
  ],
  ["an empty event", (id) => ({ body: `id: 1\ndata:\n\ndata: ${result(id)}\n\n`, headers: EVENTS })],
  ["its id as text", (id) => ({ body: result(String(id)), headers: JSON_TYPE })],
  ["its id as text in events", (id) => ({ body: `data: ${result(String(id))}\n\n`, headers: EVENTS })],
  ["status 201", (id) => ({ body: result(id), status: 201, headers: JSON_TYPE })],
  ["status 203", (id) => ({ body: result(id), status: 203, headers: JSON_TYPE })],
  ["a byte order mark", (id) => ({ body: `\ufeff${result(id)}`, headers: JSON_TYPE })],
  ["a charset", (id) => ({ body: result(id), headers: { "content-type": "application/json; charset=utf-8" } })],
  [
    "2 MiB of instructions",
    (id) => ({ body: result(id, { instructions: "x".repeat(2 * 1024 * 1024) }), headers: JSON_TYPE }),
  ],
  ["an array of one", (id) => ({ body: `[${result(id)}]`, headers: JSON_TYPE })],
];

/** What it may not, with what the log says of it. */
const REFUSED: [string, RegExp, (id: unknown) => Answer][] = [
  ["more than 4 MiB", /4 MiB/, (id) => ({ body: result(id, { x: "x".repeat(5 * 1024 * 1024) }), headers: JSON_TYPE })],
  [
    "a little that becomes more than 4 MiB",
    /4 MiB/,
    (id) => ({
      body: gzipSync(result(id, { x: "x".repeat(20 * 1024 * 1024) })),
      headers: { ...JSON_TYPE, "content-encoding": "gzip" },
    }),
  ],
  [
    "bytes that are no gzip",
    /content coding/,
    (id) => ({ body: result(id), headers: { ...JSON_TYPE, "content-encoding": "gzip" } }),
  ],
  [
    "a coding nobody knows",
    /coding "compress"/,
    (id) => ({ body: result(id), headers: { ...JSON_TYPE, "content-encoding": "compress" } }),
  ],
  ["a page", /neither JSON nor events/, () => ({ body: "<html>", headers: { "content-type": "text/html" } })],
  ["nothing", /status 202/, () => ({ body: "", status: 202, headers: {} })],
  ["events that end", /ended before/, () => ({ body: "data: hello\n\n", headers: EVENTS })],
  ["another's answer", /not its response/, () => ({ body: result("other"), headers: JSON_TYPE })],
];

function respond({ body, status = 200, headers }: Answer, sessionId = "raw-session"): Response {
  const bytes = body instanceof Uint8Array ? new Uint8Array(body) : body;
  return new Response(bytes === "" ? null : bytes, { status, headers: { ...headers, "mcp-session-id": sessionId } });
}

for (const [what, answer] of TAKEN) {
  Deno.test(`P6 PROTOCOL 1: an initialize answered with ${what} opens a session`, STRICT, async () => {
    await using upstream = new FakeMcp();
    upstream.sessions.add("raw-session");
    upstream.onRequest = (request) =>
      request.body.includes('"initialize"') ? respond(answer(JSON.parse(request.body).id)) : undefined;
    await using signet = await TestSignet.start({ upstream: upstream.url });
    const opened = await signet.post({ ...INITIALIZE, id: 1 });
    const wanted = answer(1);
    assert.equal(opened.status, wanted.status ?? 200);
    const text = await opened.text();
    assert.equal(text.includes('"protocolVersion":"2025-11-25"'), true, "the answer passes as it came");
    const id = opened.headers.get("mcp-session-id");
    assert.match(id ?? "", /^[0-9a-zA-Z]+$/);
    assert.equal(await status(signet.post(call(1, "echo"), { id: id! })), 200);
    assert.equal(upstream.ran.get("echo"), 1);
    upstream.forgetSessions();
    upstream.onRequest = (request) => {
      if (!request.body.includes('"initialize"')) return undefined;
      upstream.sessions.add("raw-session-2");
      return respond(answer(JSON.parse(request.body).id), "raw-session-2");
    };
    assert.equal(await status(signet.post(call(2, "echo"), { id: id! })), 200, "a resurrection takes it too");
    assert.equal(upstream.ran.get("echo"), 2);
  });
}

Deno.test("P1 V1: readiness says what came of the last initialize, whatever came of it", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const told = async () => (await (await fetch(`http://${signet.app.admin}/readyz`)).json()).checks.initialize;
  const after = async (answer: FakeMcp["onRequest"]) => {
    upstream.onRequest = answer;
    await status(signet.post(INITIALIZE));
    return await told();
  };
  assert.equal(await told(), "not tried yet");
  assert.equal(
    await after(() => new Response("<html>", { headers: { "content-type": "text/html" } })),
    "failed: upstream_invalid",
  );
  assert.equal(await after(() => new Response("no", { status: 401 })), "refused with status 401");
  assert.equal(
    await after(() => new Response(null, { status: 307, headers: { location: "https://a.example/" } })),
    "failed: upstream_invalid",
  );
  assert.equal(await after(undefined), "answered");
  const id = await signet.open();
  assert.equal(await after(() => new Response("busy", { status: 503 })), "refused with status 503");
  assert.equal(await after(undefined), "answered");
  upstream.forgetSessions();
  upstream.onRequest = ({ body }) => body.includes('"initialize"') ? new Response("", { status: 500 }) : undefined;
  await status(signet.post(call(1, "echo"), { id }));
  assert.equal(await told(), "refused with status 500", "of one that is initialized again, too");
});

Deno.test("P1 V1: readiness says that the last initialize found nobody", STRICT, async () => {
  await using upstream = new RawUpstream(({ conn }) => Promise.resolve(conn.close()));
  await using signet = await TestSignet.start({ upstream: upstream.url });
  assert.equal(await status(signet.post(INITIALIZE)), 502);
  const { checks } = await (await fetch(`http://${signet.app.admin}/readyz`)).json();
  assert.equal(checks.initialize, "failed: upstream_unreachable");
});

for (const [what, found, answer] of REFUSED) {
  Deno.test(`P6: an initialize answered with ${what} is 502 with a cure, and ended upstream`, STRICT, async () => {
    await using upstream = new FakeMcp();
    upstream.onRequest = (request) =>
      request.method === "POST" ? respond(answer(JSON.parse(request.body).id)) : undefined;
    await using signet = await TestSignet.start({ upstream: upstream.url });
    assert.equal(await status(signet.post({ ...INITIALIZE, id: 1 })), 502);
    const line = signet.logs.find(({ event }) => event === "request failed");
    assert.match(String(line?.found), found);
    assert.match(String(line?.remedy), /--upstream/);
    await until(() => upstream.received("DELETE").length === 1, "the upstream session is ended");
    assert.equal(await signet.metric('signet_in_use{limit="sessions"}'), 0);
  });
}

Deno.test(
  "P6: an initialize answered in a compressed stream that stays open is passed on at once",
  STRICT,
  async () => {
    const event = gzipSync(`data: ${result(0)}\n\n`);
    await using upstream = new RawUpstream(async ({ conn }) => {
      const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n";
      await write(
        conn,
        head + "mcp-session-id: s\r\ntransfer-encoding: chunked\r\n\r\n" + event.length.toString(16) + "\r\n",
      );
      await conn.write(event);
      await write(conn, "\r\n");
      await new Promise(() => {});
    });
    await using signet = await TestSignet.start({ upstream: upstream.url });
    const abort = new AbortController();
    const opened = await signet.post(INITIALIZE, { signal: abort.signal });
    assert.equal(opened.status, 200);
    const reader = opened.body!.getReader();
    assert.match(Buffer.from((await reader.read()).value!).toString(), /protocolVersion/);
    abort.abort();
  },
);

const WITHOUT_MCP: [number, string, string][] = [
  [404, "text/html", "<html><h1>Not Found</h1></html>"],
  [404, "text/html; charset=utf-8", "<pre>Cannot POST /mcp</pre>"],
  [404, "application/json", '{"detail":"Not Found"}'],
  [404, "text/plain", "404 page not found\n"],
  [404, "text/html", `<html>${"a long page ".repeat(2000)}</html>`],
  [404, "", ""],
  [410, "text/html", "<html>Gone</html>"],
  [405, "text/html", "<html>Method Not Allowed</html>"],
  [405, "application/json", '{"detail":"Method Not Allowed"}'],
  [501, "text/html", "Unsupported method ('POST')"],
];

for (const [code, type, body] of WITHOUT_MCP) {
  Deno.test(
    `P6 V1: an upstream without MCP (${code} ${type}, ${body.length} bytes) is 502 with the cure, and no page reaches a client`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      upstream.onRequest = () =>
        new Response(body, { status: code, headers: type === "" ? {} : { "content-type": type } });
      await using signet = await TestSignet.start({ upstream: upstream.url });
      const ready = async () => await (await fetch(`http://${signet.app.admin}/readyz`)).text();
      assert.match(await ready(), /not tried yet/);
      const answer = await signet.post(INITIALIZE);
      const { error, id } = await answer.json();
      assert.deepEqual([answer.status, id, error.code], [502, 0, -32000]);
      assert.equal(error.message, "Bad gateway: no MCP server answers at the configured path");
      const line = signet.logs.find(({ event }) => event === "request failed");
      assert.match(String(line?.remedy), /path of --upstream/);
      assert.match(await ready(), /no MCP server answers/);
      upstream.onRequest = undefined;
      await signet.open();
      assert.match(await ready(), /answered/);
    },
  );
}

Deno.test(
  "P6 PROTOCOL 38: a probe of an upstream without MCP is 404 in JSON-RPC, so that clients fall back",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    upstream.onRequest = () => new Response("<html>", { status: 404, headers: { "content-type": "text/html" } });
    await using signet = await TestSignet.start({ upstream: upstream.url });
    const meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientInfo": { name: "t", version: "1" },
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const ask = async (method: string) => {
      const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": method };
      return await signet.post({ jsonrpc: "2.0", id: 1, method, params: { _meta: meta } }, { headers });
    };
    const probe = await ask("server/discover");
    assert.deepEqual([probe.status, (await probe.json()).jsonrpc], [404, "2.0"]);
    const other = await ask("tools/list");
    assert.deepEqual([other.status, (await other.json()).jsonrpc], [502, "2.0"]);
  },
);

for (const lane of LANES) {
  for (const code of [200, 202, 204, 400, 401, 403, 404, 405, 410, 501]) {
    Deno.test(`L5: DELETE answered with ${code} is done (${lane} lane)`, STRICT, async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.onRequest = (request) => request.method === "DELETE" ? new Response(null, { status: code }) : undefined;
      assert.equal(await status(signet.delete({ id })), 204);
      assert.equal(await status(signet.delete({ id })), 404);
      assert.equal(upstream.received("DELETE").length, 1);
    });
  }

  Deno.test(`L5 P6: DELETE answered with a body that stays open is done at once (${lane} lane)`, STRICT, async () => {
    for (const type of ["text/event-stream", "application/json", "text/plain"]) {
      await using upstream = new RawUpstream(async (request) => {
        const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`;
        const answer = request.head.startsWith("DELETE") ? head : handshake(request);
        await write(request.conn, answer ?? json({ jsonrpc: "2.0", id: 1, result: {} }));
        if (answer === head) await new Promise(() => {});
      });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      using deletion = new Stopwatch();
      assert.equal(await status(signet.delete({ id })), 204);
      assert.ok(deletion.elapsedMs < 4000, "it waited for the body");
    }
  });

  Deno.test(
    `PROTOCOL 10: 202 to a request passes where the client listens, and the answer comes there (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      upstream.tool("later", ({ id }) => {
        upstream.push({ jsonrpc: "2.0", id, result: { later: true } });
        return new Response(null, { status: 202 });
      });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      const deaf = await signet.post(call(1, "later"), { id });
      assert.deepEqual([deaf.status, (await deaf.json()).id], [502, 1]);
      const stream = await signet.get({ id });
      await until(() => upstream.streams.size === 1, "the client listens");
      const accepted = await signet.post(call(2, "later"), { id });
      assert.deepEqual([accepted.status, await accepted.text()], [202, ""]);
      const reader = stream.body!.getReader();
      assert.match(new TextDecoder().decode((await reader.read()).value), /"id":2,"result":\{"later":true\}/);
      await reader.cancel();
      assert.equal(upstream.ran.get("later"), 2);
    },
  );

  Deno.test(`L1: an empty Mcp-Session-Id is none (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const headers = { "mcp-session-id": "" };
    const opened = await signet.post(INITIALIZE, { headers });
    assert.equal(opened.status, 200);
    assert.match(opened.headers.get("mcp-session-id") ?? "", /./);
    await opened.body?.cancel();
    assert.equal(await status(signet.post(call(1, "echo"), { headers })), 400);
    assert.equal(await status(signet.get({ headers })), 400);
    assert.equal(await status(signet.delete({ headers })), 400);
    assert.equal(upstream.ran.get("echo"), undefined);
  });

  for (const path of ["/mcp", "/mcp/"]) {
    Deno.test(`the endpoint ${path} answers with and without its last slash (${lane} lane)`, STRICT, async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--path", path] });
      const base = signet.url.replace(/\/+$/, "");
      const id = await signet.open();
      for (const url of [base, `${base}/`]) {
        const headers = { ...JSON_TYPE, accept: "application/json, text/event-stream", "mcp-session-id": id };
        const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(call(1, "echo")) });
        assert.equal(answer.status, 200);
        await answer.body?.cancel();
      }
      assert.equal(upstream.ran.get("echo"), 2);
      for (const other of [`${base}//`, `${base}/x`, `${base}x`]) {
        assert.equal(await status(fetch(other, { method: "POST", headers: JSON_TYPE, body: "{}" })), 404);
      }
    });
  }
}
