// Attacks on resurrection: nothing hangs on it, nothing is left behind by it, nobody can make it go on without end (L4–L6, M1).
import assert from "node:assert/strict";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { CREDENTIAL_REFUSALS, FakeMcp, initializes, isInitialize } from "../support/fake_mcp.ts";
import { handshake, json, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, INITIALIZE, type Lane, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const HANDSHAKE = ["initialize", "notifications/initialized"];
const LOST = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
const TWO_CHALLENGES = 'HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm="a"\r\n' +
  'www-authenticate: Bearer error="invalid_token"\r\ncontent-length: 0\r\n\r\n';

const CODINGS: Record<string, (text: string) => Uint8Array> = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};

function coded(status: number, message: unknown, coding: string): Response {
  const headers = { "content-type": "application/json", "content-encoding": coding };
  return new Response(new Uint8Array(CODINGS[coding]!(JSON.stringify(message))), { status, headers });
}

/** Answers one step of the handshake as it is said here. */
function refuse(upstream: FakeMcp, step: string, answer: () => Response): void {
  upstream.onRequest = ({ body }) => body.includes(`"method":"${step}"`) ? answer() : undefined;
}

function errorTo(body: string, code: number): Response {
  return Response.json({ jsonrpc: "2.0", id: JSON.parse(body).id, error: { code, message: "no" } });
}

/** What a call hears whose server refuses a step of opening its lost session again; behind that the session goes on. */
async function heardAt(step: string, refusal: () => Response, lane: Lane) {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url, lane });
  const id = await signet.open();
  upstream.forgetSessions();
  refuse(upstream, step, refusal);
  const answer = await signet.post(call(1, "echo"), { id });
  const text = await answer.text();
  upstream.onRequest = undefined;
  assert.equal(await status(signet.post(call(2, "echo"), { id })), 200, text);
  return { status: answer.status, challenge: answer.headers.get("www-authenticate") ?? undefined, text };
}

for (const lane of LANES) {
  Deno.test(
    `M1 L4: clients that leave while a lost session is initialized again give their places back (${lane} lane)`,
    STRICT,
    async () => {
      let hangs = false;
      const hung = Promise.withResolvers<void>();
      await using upstream = new RawUpstream(async (request) => {
        const answer = handshake(request);
        if (answer !== undefined && hangs) return await hung.promise;
        await write(request.conn, answer ?? LOST);
      });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--max-in-flight", "3"] });
      const id = await signet.open();
      hangs = true;
      const abort = new AbortController();
      const asked = [1, 2, 3].map((n) => status(signet.post(call(n, "x"), { id, signal: abort.signal })));
      await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 3, "all places are taken");
      await until(() => upstream.count("initialize") === 2, "the session is being initialized again");
      abort.abort();
      await Promise.allSettled(asked);
      await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 0, "the places are back");
      assert.equal(upstream.count("initialize"), 2);
      hung.resolve();
    },
  );

  for (const refused of HANDSHAKE) {
    for (const code of [403, 408, 423, 425, 429, 503]) {
      Deno.test(
        `L4: a server that takes no ${refused} for now (${code}) costs its call, and no session (${lane} lane)`,
        STRICT,
        async () => {
          const heard = await heardAt(refused, () => new Response("not now", { status: code }), lane);
          assert.equal(heard.status, 502, heard.text);
          assert.match(heard.text, /-32000/);
        },
      );
    }
  }

  for (const code of [-32603, -32000, -32050]) {
    Deno.test(
      `L4: a server that answers initialize with an error of the moment (${code}) costs its calls, and no session (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp({ sessionsOnly: true });
        await using signet = await TestSignet.start({ upstream: upstream.url, lane });
        const id = await signet.open();
        upstream.forgetSessions();
        upstream.onRequest = (request) => isInitialize(request) ? errorTo(request.body, code) : undefined;
        // More often than a session may be opened again: asking in vain has opened nothing.
        for (let n = 1; n <= 12; n++) {
          const answer = await signet.post(call(n, "echo"), { id });
          assert.equal(answer.status, 502, await answer.text());
        }
        upstream.onRequest = undefined;
        assert.equal(await status(signet.post(call(13, "echo"), { id })), 200);
      },
    );
  }

  Deno.test(
    `O4 L4: a client whose own initialize is answered with errors has opened nothing by it, however often (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp({ sessionsOnly: true });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.onRequest = (request) => {
        if (!isInitialize(request)) return undefined;
        if (request.sessionId === null) return errorTo(request.body, -32603);
        const error = { code: -32001, message: "Session not found" };
        return Response.json({ jsonrpc: "2.0", id: null, error }, { status: 404 });
      };
      upstream.forgetSessions();
      for (let n = 1; n <= 12; n++) {
        const answer = await signet.post(INITIALIZE, { id });
        assert.match(await answer.text(), /-32603/);
        assert.equal(answer.status, 200);
      }
      upstream.onRequest = undefined;
      assert.equal(await status(signet.post(INITIALIZE, { id })), 200);
      assert.equal(await status(signet.post(call(13, "echo"), { id })), 200);
    },
  );

  for (const code of [-32600, -32601, -32602, -32022]) {
    Deno.test(
      `L4: a session ends whose server answers initialize with what it will say again (${code}) (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp({ sessionsOnly: true });
        await using signet = await TestSignet.start({ upstream: upstream.url, lane });
        const id = await signet.open();
        upstream.forgetSessions();
        upstream.onRequest = (request) => isInitialize(request) ? errorTo(request.body, code) : undefined;
        const answer = await signet.post(call(1, "echo"), { id });
        assert.equal(answer.status, 404, await answer.text());
      },
    );
  }

  for (const refused of HANDSHAKE) {
    for (const [code, challenge] of CREDENTIAL_REFUSALS) {
      Deno.test(
        `L4: whose credential a server takes no ${refused} with hears so (${code}, ${challenge}), and keeps his session (${lane} lane)`,
        STRICT,
        async () => {
          const headers: HeadersInit = challenge === undefined ? {} : { "www-authenticate": challenge };
          const heard = await heardAt(refused, () => new Response("another", { status: code, headers }), lane);
          assert.equal(heard.status, code, heard.text);
          assert.equal(heard.challenge, challenge);
        },
      );
    }
  }

  Deno.test(
    `L4: a server that wants another credential, and takes several kinds, is heard with all of them (${lane} lane)`,
    STRICT,
    async () => {
      let isLost = false;
      await using upstream = new RawUpstream(async (request) => {
        const answer = handshake(request);
        await write(request.conn, answer === undefined ? LOST : isLost ? TWO_CHALLENGES : answer);
      });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      isLost = true;
      const answer = await signet.post(call(1, "echo"), { id });
      assert.equal(answer.status, 401, await answer.text());
      assert.equal(answer.headers.get("www-authenticate"), 'Basic realm="a", Bearer error="invalid_token"');
    },
  );

  Deno.test(
    `L5 L6: a session deleted while it is initialized again leaves nothing upstream (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.forgetSessions();
      const gate = Promise.withResolvers<void>();
      upstream.onRequest = async (request) => {
        if (isInitialize(request)) await gate.promise;
        return undefined;
      };
      const waiting = signet.post(call(1, "echo"), { id });
      await until(() => initializes(upstream) === 2, "it is being initialized again");
      assert.equal(await status(signet.delete({ id })), 204);
      gate.resolve();
      assert.equal(await status(waiting), 404);
      await until(() => upstream.sessions.size === 0, "the new session is ended too");
      assert.equal(upstream.ran.get("echo"), undefined);
    },
  );

  Deno.test(
    `L4: a resurrection that fails half-way leaves no session upstream (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.forgetSessions();
      refuse(upstream, "notifications/initialized", () => new Response(null, { status: 403 }));
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 502);
      await until(() => upstream.sessions.size === 0, "the session that was not confirmed is ended");
    },
  );

  Deno.test(
    `L4 M2: whoever meets 404 again and again cannot open upstream sessions without end (${lane} lane)`,
    STRICT,
    async () => {
      let nowMs = 1_800_000_000_000;
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, now: () => nowMs });
      const id = await signet.open();
      upstream.tool("gone", () => new Response("no such thing", { status: 404 }));
      for (let n = 0; n < 40; n++) assert.equal(await status(signet.post(call(n, "gone"), { id })), 404);
      const initialized = initializes(upstream);
      assert.equal(initialized <= 11, true, `${initialized} sessions were opened for one`);
      assert.equal(await status(signet.post(call(100, "echo"), { id })), 200, "the session itself lives on");
      nowMs += 60_000;
      upstream.forgetSessions();
      assert.equal(await status(signet.post(call(101, "echo"), { id })), 200, "and can be brought back later");
    },
  );

  Deno.test(
    `PROTOCOL 2, 4: a session lost for good is answered in Signet's words, without the upstream's id (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      upstream.onRequest = (request) =>
        request.body.includes("tools/call")
          ? Response.json({
            jsonrpc: "2.0",
            id: null,
            error: { code: -32001, message: `No session ${request.sessionId}` },
          }, {
            status: 404,
          })
          : undefined;
      const response = await signet.post(call(1, "echo"), { id });
      assert.equal(response.status, 404);
      const { error } = await response.json();
      assert.deepEqual([error.code, error.message], [-32001, "Session not found"]);
    },
  );

  const PROCESSED: [string, (id: unknown) => Response][] = [
    ["in gzip", (id) => coded(404, { jsonrpc: "2.0", id, error: { code: -32002, message: "no such file" } }, "gzip")],
    [
      "at length",
      (id) =>
        Response.json({
          jsonrpc: "2.0",
          id,
          error: { code: -32002, message: "no such file", data: "x".repeat(20_000) },
        }, {
          status: 404,
        }),
    ],
    [
      "as a time-out of its own",
      (id) =>
        Response.json({ jsonrpc: "2.0", id, error: { code: -32001, message: "Request timed out" } }, { status: 404 }),
    ],
  ];
  for (const [how, answer] of PROCESSED) {
    Deno.test(
      `L4: a 404 that answers the call itself, ${how}, makes nothing run twice (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp();
        upstream.tool("file", ({ id }) => answer(id));
        await using signet = await TestSignet.start({ upstream: upstream.url, lane });
        const id = await signet.open();
        const response = await signet.post(call(1, "file"), { id, headers: { "accept-encoding": "gzip" } });
        assert.equal(response.status, 404);
        assert.equal((await response.json()).id, 1);
        assert.equal(upstream.ran.get("file"), 1);
        assert.equal(initializes(upstream), 1);
      },
    );
  }

  for (const coding of Object.keys(CODINGS)) {
    Deno.test(
      `L4: a transport's refusal in ${coding} is a lost session all the same (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp();
        await using signet = await TestSignet.start({ upstream: upstream.url, lane });
        const id = await signet.open();
        const error = { code: -32000, message: "Bad Request: No valid session ID" };
        upstream.onRequest = (request) =>
          request.body.includes("tools/call") && !upstream.sessions.has(request.sessionId ?? "")
            ? coded(400, { jsonrpc: "2.0", id: null, error }, coding)
            : undefined;
        upstream.forgetSessions();
        assert.equal(await status(signet.post(call(1, "echo"), { id, headers: { "accept-encoding": coding } })), 200);
      },
    );
  }

  Deno.test(
    `M3: an upstream that dies inside a refusal takes no connection with it (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new RawUpstream(async (request) => {
        const answer = handshake(request);
        await write(request.conn, answer ?? "HTTP/1.1 404 Not Found\r\ncontent-length: 50\r\n\r\nhalf");
        return answer !== undefined;
      });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      for (let n = 0; n < 5; n++) assert.equal(await status(signet.post(call(n, "x"), { id })), 502);
      await until(
        async () => await signet.metric('signet_pool_connections{upstream="upstream",state="busy"}') === 0,
        "no connection is left busy",
      );
      upstream.handler = (request) =>
        write(request.conn, handshake(request) ?? json({ jsonrpc: "2.0", id: 1, result: {} }));
      assert.equal(await status(signet.post(call(9, "x"), { id })), 200);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `L9: what arrives while a session is initialized again waits for it, and goes to the new one alone (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      const lost = [...upstream.sessions][0];
      upstream.forgetSessions();
      const gate = Promise.withResolvers<void>();
      upstream.onRequest = async (request) => {
        if (isInitialize(request)) await gate.promise;
        return undefined;
      };
      const first = status(signet.post(call(1, "echo"), { id }));
      await until(() => initializes(upstream) === 2, "it is being initialized again");
      const before = upstream.requests.length;
      const waiting = [2, 3, 4].map((n) => status(signet.post(call(n, "echo"), { id })));
      const stream = signet.get({ id });
      await until(async () => await signet.metric('signet_in_use{limit="streams"}') === 1, "the stream is waiting");
      await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 4, "the calls are waiting");
      assert.equal(upstream.requests.length, before, "something went before the session was there");
      gate.resolve();
      assert.deepEqual(await Promise.all([first, ...waiting]), [200, 200, 200, 200]);
      const { body, status: found } = await stream;
      await body?.cancel();
      assert.equal(found, 200);
      const ids = upstream.requests.slice(before).map((request) => request.sessionId);
      assert.equal(ids.includes(lost!), false);
      assert.equal(initializes(upstream), 2);
    },
  );

  Deno.test(
    `M4 PROTOCOL 2: an upstream's address in an id is none to send to, and its session none to name elsewhere (${lane} lane)`,
    STRICT,
    async () => {
      await using old = new FakeMcp();
      const first = await TestSignet.start({ upstream: old.url, lane });
      const [moved, ended] = [await first.open(), await first.open()];
      await first[Symbol.asyncDispose]();
      const known = [...old.sessions];
      const before = old.requests.length;
      await using young = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: young.url, lane, ring: first.ring });
      assert.equal(await status(signet.post(call(1, "echo"), { id: moved })), 200);
      assert.equal(await status(signet.delete({ id: moved })), 204);
      assert.equal(await status(signet.delete({ id: ended })), 204);
      assert.equal(young.sessions.size, 0);
      assert.equal(old.requests.length, before, "the old address was used");
      for (const request of young.requests) assert.equal(known.includes(request.sessionId ?? ""), false);
    },
  );
}
