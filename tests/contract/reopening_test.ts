// What is opened again upstream is counted where memory forgets nothing, and ended when nothing leads to it any more
// (docs/behaviour.md L4, M2, M6); and a client that initializes again under its own id gets a session that works (O4).
import assert from "node:assert/strict";
import { FakeMcp, initializes } from "../support/fake_mcp.ts";
import { call, INITIALIZE, type Lane, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

/** A server that loses the sessions of two ids once, in front of it a Signet that has room for one. */
async function thrash(lane: Lane, caps: readonly string[]) {
  await using upstream = new FakeMcp();
  await using issuer = await TestIssuer.create();
  const roomy = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
  const token = await issuer.token("alice");
  const ids = [await roomy.open({ token }), await roomy.open({ token })];
  await roomy[Symbol.asyncDispose]();
  upstream.forgetSessions();
  const flags = [...issuer.flags, ...caps];
  await using signet = await TestSignet.start({ upstream: upstream.url, lane, ring: roomy.ring, flags });
  for (let n = 0; n < 200; n++) await status(signet.post(call(n, "echo"), { id: ids[n % 2], token }));
  await until(() => upstream.sessions.size <= 1, "all but the last are ended upstream");
  return { opened: initializes(upstream) - 2, ran: upstream.ran.get("echo") ?? 0 };
}

for (const lane of LANES) {
  for (const caps of [["--max-sessions", "1"], ["--max-sessions-per-principal", "1"]]) {
    Deno.test(
      `L4 M2: two lost sessions of one caller at ${caps.join(" ")} open few upstream, and leave none (${lane} lane)`,
      STRICT,
      async () => {
        const { opened, ran } = await thrash(lane, caps);
        assert.equal(opened <= 12, true, `${opened} sessions were opened`);
        assert.equal(ran >= 1 && ran <= 200, true);
      },
    );
  }

  Deno.test(
    `L4 L7: a session opened again is ended upstream when it leaves memory; what the id leads to stays (${lane} lane)`,
    STRICT,
    async () => {
      let nowMs = 1_800_000_000_000;
      await using upstream = new FakeMcp();
      const flags = ["--session-idle", "60s", "--sweep-interval", "100ms", "--seal-header", "X-Tenant"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags, now: () => nowMs });
      const headers = { "x-tenant": "acme", authorization: "Bearer t" };
      const sealed = await signet.open({ headers });
      const [kept] = upstream.sessions;
      const lost = await signet.open({ headers });
      for (const known of upstream.sessions) if (known !== kept) upstream.sessions.delete(known);
      assert.equal(await status(signet.post(call(1, "echo"), { id: lost, headers })), 200);
      assert.equal(await status(signet.post(call(2, "echo"), { id: sealed, headers })), 200);
      nowMs += 61_000;
      await until(async () => await signet.metric("signet_sessions") === 0, "both have left memory");
      await until(() => upstream.received("DELETE").length === 1, "the one opened again is ended");
      assert.deepEqual([...upstream.sessions], [kept]);
      const [ended] = upstream.received("DELETE");
      const seen = (name: string) => ended!.headers.get(name);
      assert.deepEqual([seen("authorization"), seen("x-tenant"), seen("content-type")], ["Bearer t", "acme", null]);
      for (const id of [lost, sealed]) assert.equal(await status(signet.post(call(3, "echo"), { id, headers })), 200);
      assert.equal(upstream.ran.get("echo"), 4);
      assert.equal(initializes(upstream), 4);
    },
  );

  Deno.test(
    `L4 P2: a session opened again is ended upstream when Signet ends; what ids lead to stays (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const signet = await TestSignet.start({ upstream: upstream.url, lane });
      const [kept, lost] = [await signet.open(), await signet.open()];
      const [known] = upstream.sessions;
      for (const session of upstream.sessions) if (session !== known) upstream.sessions.delete(session);
      for (const id of [kept, lost]) assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      await signet[Symbol.asyncDispose]();
      assert.deepEqual([...upstream.sessions], [known]);
      await using next = await TestSignet.start({ upstream: upstream.url, lane, ring: signet.ring });
      for (const id of [kept, lost]) assert.equal(await status(next.post(call(2, "echo"), { id })), 200);
      assert.equal(upstream.ran.get("echo"), 4);
    },
  );

  Deno.test(
    `L4 M1: a client that leaves while it waits to initialize again holds nothing up (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.forgetSessions();
      const gate = Promise.withResolvers<void>();
      upstream.onRequest = async (request) => {
        if (request.body.includes('"initialize"') && request.sessionId === null) await gate.promise;
        return request.sessionId !== null && !upstream.sessions.has(request.sessionId) ? lost() : undefined;
      };
      const first = signet.post(call(1, "echo"), { id });
      await until(() => initializes(upstream) === 2, "it is being opened again");
      const abort = new AbortController();
      const second = signet.post(INITIALIZE, { id, signal: abort.signal }).catch(() => {});
      await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 2, "the handshake waits");
      abort.abort();
      await second;
      await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 1, "its place is free");
      gate.resolve();
      assert.equal(await status(first), 200);
      assert.deepEqual([upstream.ran.get("echo"), upstream.sessions.size], [1, 1]);
    },
  );

  Deno.test(
    `L4 L5: DELETE ends a session opened again once, and nothing more when it leaves memory (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.forgetSessions();
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      assert.equal(await status(signet.delete({ id })), 204);
      assert.deepEqual([upstream.sessions.size, upstream.received("DELETE").length], [0, 1]);
    },
  );

  Deno.test(
    `O4 L4: initialize under an old id after the server's restart opens a session that works (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.forgetSessions();
      const initialized = new Set<string>();
      upstream.onRequest = (request) => {
        if (!request.body.includes('"method":"initialize"') || request.sessionId === null) return undefined;
        if (!upstream.sessions.has(request.sessionId)) return lost();
        initialized.add(request.sessionId);
        const error = { code: -32600, message: "Invalid Request: Server already initialized" };
        return Response.json({ jsonrpc: "2.0", id: null, error }, { status: 400 });
      };
      const again = await signet.post({ ...INITIALIZE, id: 7 }, { id });
      assert.equal(again.status, 200);
      const { id: answered, result } = await again.json();
      assert.deepEqual([answered, result.protocolVersion], [7, "2025-11-25"]);
      assert.equal(again.headers.get("mcp-session-id"), null);
      assert.equal(await status(signet.post({ jsonrpc: "2.0", method: "notifications/initialized" }, { id })), 202);
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      assert.deepEqual([upstream.ran.get("echo"), upstream.sessions.size, initialized.size], [1, 1, 0]);
      const healthy = await signet.post({ ...INITIALIZE, id: 8 }, { id });
      assert.equal(healthy.status, 400, "a session that lives answers for itself");
      await healthy.body?.cancel();
      assert.equal(upstream.sessions.size, 1);
    },
  );

  Deno.test(
    `O4: a server that gives out another id to an initialize in its session keeps one session, not two (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      for (let n = 0; n < 5; n++) {
        assert.equal(await status(signet.post(INITIALIZE, { id })), 200);
        await until(() => upstream.sessions.size === 1, "the one before is ended");
        assert.equal(await status(signet.post(call(n, "echo"), { id })), 200);
      }
      assert.equal(upstream.ran.get("echo"), 5);
    },
  );

  Deno.test(
    `L4 M2: initialize again and again under a lost id opens few sessions upstream (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      upstream.onRequest = (request) => {
        if (request.sessionId === null) return undefined;
        return request.method === "DELETE" ? undefined : lost();
      };
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      for (let n = 0; n < 40; n++) await status(signet.post(INITIALIZE, { id }));
      assert.equal(initializes(upstream) <= 1 + 40 + 12, true);
      const opened = upstream.received("POST", "initialize").filter(({ sessionId }) => sessionId === null).length;
      assert.equal(opened <= 12, true, `${opened} sessions were opened`);
    },
  );

  Deno.test(
    `PROTOCOL 1: a refused initialize that carries an id is ended upstream (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const headers = { "mcp-session-id": "left-behind" };
      for (const code of [400, 401, 403, 429, 500, 503]) {
        upstream.onRequest = (request) =>
          request.method === "POST" ? new Response("no", { status: code, headers }) : undefined;
        const before = upstream.received("DELETE").length;
        assert.equal(await status(signet.post(INITIALIZE)), code);
        await until(() => upstream.received("DELETE").length === before + 1, "the upstream session is ended");
      }
      for (const { sessionId } of upstream.received("DELETE")) assert.equal(sessionId, "left-behind");
    },
  );
}

function lost(): Response {
  const error = { code: -32000, message: "Bad Request: No valid session ID provided" };
  return Response.json({ jsonrpc: "2.0", id: null, error }, { status: 400 });
}
