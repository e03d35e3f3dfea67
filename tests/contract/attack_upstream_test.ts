// Attacks by the upstream: what it says is taken only where it can be meant, and never breaks anything later
// (docs/protocol.md 1, 2, 11, N2).
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { FakeMcp } from "../support/fake_mcp.ts";
import { handshake, json, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

function initialized(id: unknown, protocolVersion: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result: { protocolVersion, capabilities: {}, serverInfo: {} } });
}

const BAD_IDS: [string, string[]][] = [
  ["with a blank", ["a b"]],
  ["with a tab", ["a\tb"]],
  ["beyond ASCII", ["s\xe9ssion"]],
  ["of 4,000 characters", ["x".repeat(4000)]],
  ["given twice", ["raw-first", "raw-second"]],
];

for (const [what, ids] of BAD_IDS) {
  Deno.test(
    `PROTOCOL 1: an upstream id that is ${what} opens no session: 502, and no place is taken`,
    STRICT,
    async () => {
      const fields = ids.map((id) => `mcp-session-id: ${id}\r\n`).join("");
      await using upstream = new RawUpstream(async (request) => {
        if (!request.body.includes("initialize")) {
          return await write(request.conn, "HTTP/1.1 204 No Content\r\n\r\n");
        }
        const body = initialized(0, "2025-11-25");
        const head =
          `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n${fields}\r\n`;
        await request.conn.write(Uint8Array.from(head + body, (c) => c.charCodeAt(0)));
      });
      await using signet = await TestSignet.start({ upstream: upstream.url });
      const response = await signet.post(INITIALIZE);
      assert.equal(response.status, 502);
      assert.equal(response.headers.get("mcp-session-id"), null);
      await response.body?.cancel();
      assert.equal(await signet.metric('signet_in_use{limit="sessions"}'), 0);
      assert.equal(JSON.stringify(signet.logs).includes(ids[0]!.slice(0, 40) || "\0"), false, "it is not logged");
    },
  );
}

Deno.test("PROTOCOL 1: an empty Mcp-Session-Id of an upstream is none, as SDK clients take it", STRICT, async () => {
  await using upstream = new RawUpstream((request) => {
    const result = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: {} };
    assert.equal(request.head.includes("mcp-session-id"), false);
    return write(
      request.conn,
      json({ jsonrpc: "2.0", id: JSON.parse(request.body).id, result }, "mcp-session-id:\r\n"),
    );
  });
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const id = await signet.open();
  assert.equal(await status(signet.post(call(1, "x"), { id })), 200);
});

for (const version of ["", " ", "2025\r\nx: y", "2025-11-25\u0000", "\u{1f600}", "v".repeat(1000)]) {
  Deno.test(
    `PROTOCOL 13: an upstream that negotiates ${JSON.stringify(version.slice(0, 20))} is 502`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      upstream.onRequest = (request) =>
        request.method === "POST"
          ? new Response(initialized(JSON.parse(request.body).id, version), {
            headers: { "content-type": "application/json", "mcp-session-id": "raw" },
          })
          : undefined;
      await using signet = await TestSignet.start({ upstream: upstream.url });
      assert.equal(await status(signet.post(INITIALIZE)), 502);
      await until(() => upstream.received("DELETE").length === 1, "the upstream session is ended");
    },
  );
}

Deno.test("N2: no comment is put into an event stream that came compressed", STRICT, async () => {
  let nowMs = 1_800_000_000_000;
  const event = gzipSync("data: {}\n\n");
  const flow = Promise.withResolvers<void>();
  await using upstream = new RawUpstream(async (request) => {
    const answer = handshake(request);
    if (answer !== undefined) return await write(request.conn, answer);
    const coded = request.head.includes("accept-encoding: gzip");
    await write(
      request.conn,
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + (coded ? "content-encoding: gzip\r\n" : "") + "\r\n",
    );
    // Until its first byte comes, a stream looks as if it stood between two events.
    await flow.promise;
    if (coded) await request.conn.write(event);
    await new Promise(() => {});
  });
  await using signet = await TestSignet.start({ upstream: upstream.url, now: () => nowMs });
  const id = await signet.open();
  const open = async (coding: string) => {
    const { hostname, port } = new URL(signet.url);
    const conn = await Deno.connect({ hostname, port: Number(port) });
    await write(
      conn,
      `GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept-encoding: ${coding}\r\nmcp-session-id: ${id}\r\n\r\n`,
    );
    let text = "";
    const done = (async () => {
      const buffer = new Uint8Array(4096);
      for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
        text += String.fromCharCode(...buffer.subarray(0, n));
      }
    })().catch(() => {});
    return { read: () => text, conn, done };
  };
  const [plain, coded] = [await open("identity"), await open("gzip")];
  await until(() => coded.read().includes("gzip") && plain.read().includes("200"), "both streams are open");
  nowMs += 60_000;
  await until(() => plain.read().includes(": keep-alive"), "a comment went to the plain one");
  flow.resolve();
  await until(() => coded.read().includes("\x1f\x8b"), "the event has come");
  assert.equal(coded.read().includes("keep-alive"), false);
  for (const { conn, done } of [plain, coded]) {
    conn.close();
    await done;
  }
});

for (const lane of LANES) {
  Deno.test(
    `PROTOCOL 10: a request the upstream answers with 202 is 502, since its client would wait for ever (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.onRequest = (request) => request.method === "POST" ? new Response(null, { status: 202 }) : undefined;
      const response = await signet.post(call(7, "echo"), { id });
      assert.deepEqual([response.status, (await response.json()).id], [502, 7]);
      for (
        const message of [
          { jsonrpc: "2.0", method: "notifications/initialized" },
          { jsonrpc: "2.0", id: 7, result: {} },
        ]
      ) {
        const accepted = await signet.post(message, { id });
        assert.deepEqual([accepted.status, await accepted.text()], [202, ""]);
      }
      assert.equal(await signet.metric('signet_in_use{limit="requests"}'), 0);
    },
  );
}
