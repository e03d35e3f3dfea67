// A loss is proven, never guessed (docs/behaviour.md L4): every form in which real servers refuse a session is settled
// the right way whether the session is lost or lives, and a call runs exactly once either way.
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { FakeMcp, initializes, isInitialize } from "../support/fake_mcp.ts";
import { answerIn, OWN_FORMS, REFUSAL_FORMS, type RefusalForm } from "../support/lost_forms.ts";
import { handshake, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, type Lane, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

/** A server that refuses sessions it does not know in this form. */
function refusing(form: RefusalForm): FakeMcp {
  const upstream = new FakeMcp();
  upstream.onRequest = (request) => {
    const isCall = request.method === "POST" && !isInitialize(request);
    if (!isCall || upstream.sessions.has(request.sessionId ?? "")) return undefined;
    return answerIn(form, JSON.parse(request.body).id);
  };
  return upstream;
}

function pings(upstream: FakeMcp): number {
  return upstream.received("POST", "ping").length;
}

/** A server whose tool runs and answers in this form, and a session there. */
async function answering(form: RefusalForm, lane: Lane) {
  const upstream = new FakeMcp();
  upstream.tool("own", ({ id }) => answerIn(form, id));
  const signet = await TestSignet.start({ upstream: upstream.url, lane });
  return {
    upstream,
    signet,
    id: await signet.open(),
    async [Symbol.asyncDispose]() {
      await signet[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

for (const lane of LANES) {
  for (const form of REFUSAL_FORMS) {
    Deno.test(
      `L4: a lost session told as ${form.what} (${form.status}) goes unnoticed (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = refusing(form);
        await using signet = await TestSignet.start({ upstream: upstream.url, lane });
        const id = await signet.open();
        upstream.forgetSessions();
        const answer = await signet.post(call(1, "echo", { a: 1 }), { id });
        assert.deepEqual([answer.status, (await answer.json()).result], [200, { echoed: { a: 1 } }]);
        assert.deepEqual([upstream.ran.get("echo"), initializes(upstream)], [1, 2]);
        assert.equal(pings(upstream), form.proves ? 0 : 1);
      },
    );
  }

  for (const form of [...REFUSAL_FORMS.filter((form) => !form.proves), ...OWN_FORMS]) {
    Deno.test(
      `L4: a call answered with ${form.what} (${form.status}) runs once, and the answer passes (${lane} lane)`,
      STRICT,
      async () => {
        await using scene = await answering(form, lane);
        const { upstream, signet, id } = scene;
        const answer = await signet.post(call(4, "own"), { id });
        assert.equal(answer.status, form.status);
        const text = await answer.text();
        if (!text.includes("requestId")) {
          assert.equal(text, new TextDecoder().decode(new TextEncoder().encode(form.body(4))));
        }
        assert.deepEqual([upstream.ran.get("own"), initializes(upstream)], [1, 1]);
        assert.ok(pings(upstream) <= 1);
        assert.equal(await status(signet.post(call(5, "echo"), { id })), 200);
      },
    );
  }

  Deno.test(
    `L4: a tool that answers 404 and then loses the session does not run again (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      upstream.tool("last", () => {
        upstream.forgetSessions();
        return Response.json({ detail: "user 7 not found" }, { status: 404 });
      });
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      assert.equal(await status(signet.post(call(1, "last"), { id })), 404);
      assert.equal(upstream.ran.get("last"), 1);
      assert.equal(await status(signet.post(call(2, "echo"), { id })), 200, "the next call brings the session back");
      assert.equal(upstream.ran.get("echo"), 1);
    },
  );

  Deno.test(
    `L4: a GET that is refused says nothing about the session: 404, 400, 405 pass (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const refusals = [
        [404, "Cannot GET /mcp"],
        [404, '{"detail":"Not Found"}'],
        [404, '{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}'],
        [400, "Bad Request"],
        [405, ""],
        [410, ""],
      ] as const;
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      for (const [code, body] of refusals) {
        upstream.onRequest = (request) => request.method === "GET" ? new Response(body, { status: code }) : undefined;
        const answer = await signet.get({ id });
        assert.deepEqual([answer.status, await answer.text()], [code, body]);
      }
      assert.equal(initializes(upstream), 1);
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      assert.equal(initializes(upstream), 1);
    },
  );

  Deno.test(
    `L4: an expired credential is no lost session: the 401 and what it says pass (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      for (
        const challenge of [{ "www-authenticate": 'Bearer error="invalid_token"' }, {}] as Record<string, string>[]
      ) {
        upstream.onRequest = () => new Response("token expired", { status: 401, headers: challenge });
        const answer = await signet.post(call(1, "echo"), { id });
        assert.deepEqual([answer.status, await answer.text()], [401, "token expired"]);
      }
      upstream.onRequest = undefined;
      assert.equal(await status(signet.post(call(2, "echo"), { id })), 200);
      assert.equal(upstream.ran.get("echo"), 1);
    },
  );

  Deno.test(
    `L4: a ping answered in events, in a stream that stays open, proves that the session lives (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      upstream.tool("own", () => new Response("gone", { status: 410 }));
      upstream.onRequest = (request) => {
        if (!request.body.includes('"method":"ping"')) return undefined;
        const { id } = JSON.parse(request.body);
        const text =
          `: hello\n\nevent: message\ndata: not json\n\ndata: {"jsonrpc":"2.0","id":"${id}","result":{}}\n\n`;
        const body = new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode(text)) });
        return new Response(body, { headers: { "content-type": "text/event-stream" } });
      };
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      assert.equal(await status(signet.post(call(1, "own"), { id })), 410);
      assert.deepEqual([upstream.ran.get("own"), initializes(upstream), pings(upstream)], [1, 1, 1]);
    },
  );

  for (const [what, answer] of PING_ANSWERS_THAT_PROVE_NOTHING()) {
    Deno.test(
      `L4: a ping answered with ${what} proves nothing, and the refusal passes (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp();
        upstream.tool("own", () => new Response("user 7 not found", { status: 404 }));
        upstream.onRequest = (request) =>
          request.body.includes('"method":"ping"') ? answer(JSON.parse(request.body).id) : undefined;
        await using signet = await TestSignet.start({ upstream: upstream.url, lane });
        const id = await signet.open();
        const refused = await signet.post(call(1, "own"), { id });
        assert.deepEqual([refused.status, await refused.text()], [404, "user 7 not found"]);
        assert.deepEqual([upstream.ran.get("own"), initializes(upstream)], [1, 1]);
      },
    );
  }

  Deno.test(`L4: refusals at once ask with one ping, and many in a row with few (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    const gate = Promise.withResolvers<void>();
    upstream.tool("own", () => new Response("user 7 not found", { status: 404 }));
    upstream.onRequest = async (request) => {
      if (request.body.includes('"method":"ping"')) await gate.promise;
      return undefined;
    };
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    const asked = [1, 2, 3, 4, 5].map((n) => status(signet.post(call(n, "own"), { id })));
    await until(() => upstream.ran.get("own") === 5, "all have run");
    await until(() => pings(upstream) === 1, "it is asked");
    gate.resolve();
    assert.deepEqual(await Promise.all(asked), [404, 404, 404, 404, 404]);
    assert.equal(pings(upstream) <= 2, true, `${pings(upstream)} pings`);
    for (let n = 0; n < 60; n++) assert.equal(await status(signet.post(call(n, "own"), { id })), 404);
    assert.equal(pings(upstream) <= 20, true, `${pings(upstream)} pings`);
    assert.deepEqual([upstream.ran.get("own"), initializes(upstream)], [65, 1]);
  });

  Deno.test(
    `L4 M1: a client that leaves while a ping is out gives its place back at once (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const gate = Promise.withResolvers<void>();
      upstream.tool("own", () => new Response("user 7 not found", { status: 404 }));
      upstream.onRequest = async (request) => {
        if (request.body.includes('"method":"ping"')) await gate.promise;
        return undefined;
      };
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      const abort = new AbortController();
      const asked = signet.post(call(1, "own"), { id, signal: abort.signal }).catch(() => {});
      await until(() => pings(upstream) === 1, "it is asked");
      abort.abort();
      await asked;
      await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 0, "the place is free");
      gate.resolve();
      assert.deepEqual([upstream.ran.get("own"), initializes(upstream)], [1, 1]);
    },
  );

  Deno.test(
    `L4 PROTOCOL 27: a ping goes in the same session, with the caller's fields, and has none of the message's (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      upstream.tool("own", () => new Response("no", { status: 404 }));
      await using signet = await TestSignet.start({
        upstream: upstream.url,
        lane,
        flags: ["--seal-header", "X-Tenant"],
      });
      const id = await signet.open({ headers: { "x-tenant": "acme" } });
      const headers = { "x-trace": "t1", "mcp-method": "tools/call", "mcp-name": "own", "last-event-id": "7" };
      await status(signet.post(call(1, "own"), { id, headers: { ...headers, "mcp-protocol-version": "2025-11-25" } }));
      const [ping] = upstream.received("POST", "ping");
      const seen = (name: string) => ping!.headers.get(name);
      assert.deepEqual([seen("x-trace"), seen("x-tenant"), seen("mcp-protocol-version")], ["t1", "acme", "2025-11-25"]);
      assert.deepEqual([seen("mcp-method"), seen("mcp-name"), seen("last-event-id")], [null, null, null]);
      assert.equal(ping!.sessionId, upstream.received("POST", "tools/call")[0]!.sessionId);
    },
  );

  for (const coding of ["identity", "gzip"]) {
    Deno.test(
      `L4 PROTOCOL 2: a refusal that names the upstream's session passes without its name, in ${coding} (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp();
        upstream.tool("own", ({ request }) => {
          const text = `no record of ${request.sessionId} in the CRM`;
          return coding === "gzip"
            ? new Response(new Uint8Array(gzipSync(text)), { status: 404, headers: { "content-encoding": "gzip" } })
            : new Response(text, { status: 404 });
        });
        await using signet = await TestSignet.start({ upstream: upstream.url, lane });
        const id = await signet.open();
        const answer = await signet.post(call(1, "own"), { id });
        assert.deepEqual([answer.status, await answer.text()], [404, "no record of … in the CRM"]);
        assert.equal(upstream.ran.get("own"), 1);
      },
    );
  }

  Deno.test(`L4: a server that refuses everything is heard in its own words (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    for (const code of [400, 401, 404, 410, 422].flatMap((code) => [code, code, code])) {
      const words = JSON.stringify({ jsonrpc: "2.0", id: null, error: { code: -32000, message: "Out of order" } });
      const headers = { "content-type": "application/json" };
      upstream.onRequest = () => new Response(words, { status: code, headers });
      const answer = await signet.post(call(1, "echo"), { id });
      assert.deepEqual([answer.status, await answer.text()], [code, words]);
    }
    upstream.onRequest = undefined;
    assert.equal(await status(signet.post(call(2, "echo"), { id })), 200);
  });

  Deno.test(`L4: a refusal whose body stays open is passed on with what has come (${lane} lane)`, STRICT, async () => {
    const open = "HTTP/1.1 401 Unauthorized\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" +
      "b\r\ndata: wait\n\r\n";
    await using upstream = new RawUpstream(async (request) => {
      const pong = '{"jsonrpc":"2.0","id":"signet-ping-1","result":{}}';
      const ok = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${pong.length}\r\n\r\n${pong}`;
      const answer = request.body.includes('"ping"') ? ok : handshake(request);
      await write(request.conn, answer ?? open);
      if (answer === undefined) await new Promise(() => {});
    });
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    const answer = await signet.post(call(1, "x"), { id });
    assert.equal(answer.status, 401);
    const reader = answer.body!.getReader();
    assert.equal(new TextDecoder().decode((await reader.read()).value), "data: wait\n");
    await reader.cancel();
    assert.equal(upstream.count("tools/call"), 1);
  });
}

function PING_ANSWERS_THAT_PROVE_NOTHING(): [string, (id: unknown) => Response][] {
  return [
    ["an unknown method", (id) => Response.json({ jsonrpc: "2.0", id, error: { code: -32601, message: "no ping" } })],
    [
      "an unknown method in 404",
      (id) => Response.json({ jsonrpc: "2.0", id, error: { code: -32601, message: "no ping" } }, { status: 404 }),
    ],
    ["a refusal of its own", () => Response.json({ error: "unsupported method" }, { status: 400 })],
    ["403", () => new Response("Session not found", { status: 403 })],
    ["503", () => new Response("Session not found", { status: 503 })],
    ["a challenge", () => new Response(null, { status: 401, headers: { "www-authenticate": "Bearer" } })],
    ["202", () => new Response(null, { status: 202 })],
    ["a page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "/login" } })],
  ];
}

for (const lane of LANES) {
  Deno.test(
    `L4 PROTOCOL 16: a place in the session before leads into the one made anew, from its beginning (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      upstream.onRequest = ({ method, headers, sessionId }) => {
        const place = headers.get("last-event-id");
        if (method !== "GET" || !upstream.sessions.has(sessionId ?? "") || place === null) return undefined;
        // As servers of the SDKs refuse an id that they never gave.
        if (!place.startsWith(sessionId!)) {
          return Response.json(
            { jsonrpc: "2.0", id: null, error: { code: -32000, message: "Invalid event ID format" } },
            { status: 400 },
          );
        }
        return new Response("data: {}\n\n", { headers: { "content-type": "text/event-stream" } });
      };
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      const listen = (place: string) => signet.get({ id, headers: { "last-event-id": place } });
      // Of a session as it was, what its server says stands.
      assert.equal(await status(listen("unknown")), 400);
      const [before] = upstream.sessions;
      upstream.forgetSessions();
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      const [now] = upstream.sessions;
      assert.equal(await (await listen(`${now}-1`)).text(), "data: {}\n\n");
      const again = await listen(`${before}-1`);
      assert.equal(again.status, 200);
      await again.body?.cancel();
      const places = upstream.received("GET").map(({ headers }) => headers.get("last-event-id"));
      assert.deepEqual(places, ["unknown", `${now}-1`, `${before}-1`, null]);
    },
  );
}
