// Streams of an HTTP server: those of POSTs, resumed where they can be, and the one it speaks on unasked
// (MCP 2025-11-25, Transports, "Resumability and Redelivery"; docs/protocol.md 15-17; docs/behaviour.md N1, N3).
import assert from "node:assert/strict";
import { SignetError } from "../../../../lib/errors.ts";
import { FakeMcp, type Recorded } from "../../../support/fake_mcp.ts";
import { ANNA, by, EventScript, HttpPeerScene } from "../../../support/http_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

const QUICK = { limits: { retryMs: 1, maxRetryMs: 200 } };

/** Answers the GETs that resume; others are for the fake's own rule. */
function onResume(server: FakeMcp, answer: (request: Recorded, nth: number) => Response): Recorded[] {
  const resumed: Recorded[] = [];
  server.onRequest = (request) => {
    if (request.method !== "GET" || !request.headers.has("last-event-id")) return undefined;
    resumed.push(request);
    return answer(request, resumed.length);
  };
  return resumed;
}

for (const end of ["ends", "is cut"] as const) {
  Deno.test(
    `N3: a call's stream that ${end} before the answer is gone on with from its last event`,
    STRICT,
    async () => {
      await using server = new FakeMcp();
      let own: string | number = 0;
      server.tool("t", ({ id }) => {
        own = id;
        const script = new EventScript().event("", "e-1").event({ method: "notifications/a" }, "e-2");
        if (end === "ends") return script.end();
        setTimeout(() => script.cut(), 5);
        return script.response;
      });
      const resumed = onResume(
        server,
        (_, nth) =>
          nth === 1
            ? new EventScript().event({ method: "notifications/b" }, "e-3").end()
            : new EventScript().event({ id: own, result: { ok: true } }, "e-4").end(),
      );
      await using scene = new HttpPeerScene(server.url, QUICK);
      await scene.open();
      const { id, outcome } = scene.ask("tools/call", { name: "t" }, by("caller"));
      assert.deepEqual((await outcome).result, { ok: true });
      assert.deepEqual(
        resumed.map(({ headers }) => headers.get("last-event-id")),
        ["e-2", "e-3"],
      );
      assert.ok(resumed.every(({ headers }) => headers.get("authorization") === "Bearer caller"));
      assert.deepEqual(scene.heard.map(({ message, about }) => [message.method, about]), [
        ["notifications/a", id],
        ["notifications/b", id],
      ]);
      assert.equal(server.ran.get("t"), 1);
    },
  );
}

Deno.test("N3: without event ids there is no rest, and the call fails at once", STRICT, async () => {
  await using server = new FakeMcp();
  server.tool("t", () => new EventScript().event({ method: "notifications/a" }).end());
  await using scene = new HttpPeerScene(server.url, QUICK);
  await scene.open();
  assert.equal((await scene.call("t")).lost, "Bad gateway: the MCP server's answer ended without a response");
  assert.equal(server.received("GET").length, 0);
  assert.equal(server.ran.get("t"), 1);
});

Deno.test("N3: a rest that never comes is asked for so many times and no more", STRICT, async () => {
  await using server = new FakeMcp();
  server.tool("t", () => new EventScript().raw("retry: 0\n").event("", "e-1").end());
  const resumed = onResume(server, () => new EventScript().end());
  await using scene = new HttpPeerScene(server.url, { limits: { retryMs: 1, maxRetryMs: 1, maxResumptions: 3 } });
  await scene.open();
  assert.equal((await scene.call("t")).lost, "Bad gateway: the MCP server's answer ended without a response");
  assert.equal(resumed.length, 4);
});

Deno.test("N3: a rest that may be asked for at once, and takes a second, is not given up before", STRICT, async () => {
  await using server = new FakeMcp();
  let own: string | number = 0;
  let isThere = false;
  let later: ReturnType<typeof setTimeout> | undefined;
  server.tool("t", ({ id }) => {
    own = id;
    later = setTimeout(() => isThere = true, 1000);
    return new EventScript().raw("retry: 0\n").event("", "e-1").end();
  });
  onResume(server, () => {
    const script = new EventScript();
    return (isThere ? script.event({ id: own, result: { ok: true } }, "e-2") : script).end();
  });
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  const { lost, result } = await scene.call("t");
  clearTimeout(later);
  assert.deepEqual([lost, result], [undefined, { ok: true }]);
});

for (const status of [400, 404, 405]) {
  Deno.test(`N3: a rest refused with ${status} fails the call, which is not sent again`, STRICT, async () => {
    await using server = new FakeMcp();
    server.tool("t", () => new EventScript().event("", "e-1").end());
    onResume(server, () => new Response("no", { status }));
    await using scene = new HttpPeerScene(server.url, QUICK);
    await scene.open();
    assert.equal((await scene.call("t")).lost, "Bad gateway: the MCP server's answer ended without a response");
    assert.equal(server.ran.get("t"), 1);
    assert.equal(server.received("POST", "initialize").length, 1);
  });
}

Deno.test("C2: a call that waits for the rest of its answer can be given up", STRICT, async () => {
  await using server = new FakeMcp();
  server.tool("t", () => new EventScript().raw("retry: 60000\n").event("", "e-1").end());
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  const { id } = scene.ask("tools/call", { name: "t" });
  await until(() => server.ran.get("t") === 1, "the call");
  scene.life.peer.forget(id!);
  await until(() => scene.life.peer.pending === 0, "nothing under way");
  assert.equal(server.received("GET").length, 0);
});

for (const status of [405, 404, 501, 400, 200]) {
  Deno.test(
    `PROTOCOL 11: a server without a listening stream (${status}) is asked once, and calls go on`,
    STRICT,
    async () => {
      await using server = new FakeMcp();
      server.onRequest = ({ method }) => method === "GET" ? new Response("no", { status }) : undefined;
      await using scene = new HttpPeerScene(server.url, QUICK);
      await scene.open();
      scene.life.listen(ANNA);
      await until(() => server.received("GET").length === 1, "the GET");
      assert.ok((await scene.call("echo")).result);
      assert.equal(server.received("GET").length, 1);
      assert.equal(server.received("POST", "initialize").length, 1);
    },
  );
}

Deno.test("A8: a listening stream refused for its credential is asked for with the next one's", STRICT, async () => {
  await using server = new FakeMcp();
  server.onRequest = ({ method, headers }) =>
    method === "GET" && headers.get("authorization") === "Bearer old" ? new Response("", { status: 401 }) : undefined;
  await using scene = new HttpPeerScene(server.url, QUICK);
  await scene.open();
  scene.life.listen(by("old"));
  await until(() => server.received("GET").length === 1, "the first");
  await until(() => {
    scene.life.listen(by("new"));
    return server.streams.size === 1;
  }, "the second");
});

Deno.test(
  "N3: a listening stream that ends is asked for again from its last event, at the time the server names",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    const first = new EventScript().raw("retry: 120\n").event({ method: "notifications/a" }, "l-1");
    const second = new EventScript();
    server.onRequest = ({ method }) => {
      if (method !== "GET") return undefined;
      return server.received("GET").length === 1 ? first.response : second.response;
    };
    await using scene = new HttpPeerScene(server.url, { limits: { retryMs: 30_000, maxRetryMs: 60_000 } });
    await scene.open();
    scene.life.listen(ANNA);
    await until(() => scene.heard.length === 1, "the first message");
    assert.equal(scene.life.place, "l-1");
    first.end();
    await until(() => server.received("GET").length === 2, "the second GET");
    assert.equal(server.received("GET")[1]!.headers.get("last-event-id"), "l-1");
    second.event({ id: "q", method: "roots/list" }, "l-2");
    await until(() => scene.heard.length === 2, "what was said meanwhile");
    assert.equal(scene.heard[1]!.about, undefined);
    assert.equal(scene.life.place, "l-2");
  },
);

Deno.test("N3: a place from before a restart is gone on from", STRICT, async () => {
  await using server = new FakeMcp();
  await using scene = new HttpPeerScene(server.url, QUICK);
  await scene.open();
  scene.life.listen(ANNA, "from-before");
  await until(() => server.received("GET").length === 1, "the GET");
  assert.equal(server.received("GET")[0]!.headers.get("last-event-id"), "from-before");
});

Deno.test("N3: where its server knows a place no more it is listened to from now on", STRICT, async () => {
  await using server = new FakeMcp();
  onResume(server, () => new Response("unknown Last-Event-ID", { status: 400 }));
  await using scene = new HttpPeerScene(server.url, QUICK);
  await scene.open();
  scene.life.listen(ANNA, "from-before");
  await until(() => server.received("GET").length === 2, "another stream");
  assert.equal(server.received("GET")[1]!.headers.get("last-event-id"), null);
  await until(() => server.streams.size === 1, "it to be open");
});

Deno.test("who listens twice has one stream", STRICT, async () => {
  await using server = new FakeMcp();
  await using scene = new HttpPeerScene(server.url, QUICK);
  await scene.open();
  scene.life.listen(ANNA);
  scene.life.listen(ANNA);
  await until(() => server.streams.size === 1, "the stream");
  scene.life.listen(ANNA);
  assert.ok((await scene.call("echo")).result);
  assert.equal(server.received("GET").length, 1);
});

for (const order of ["before", "after"] as const) {
  Deno.test(
    `PROTOCOL 10: a request taken with 202 is answered on the listening stream, ${order} it`,
    STRICT,
    async () => {
      await using server = new FakeMcp();
      let isHeard = () => false;
      server.tool("t", async ({ id }) => {
        const answer = () => server.push({ jsonrpc: "2.0", id, result: { ok: true } });
        if (order === "after") setTimeout(answer, 5);
        else {
          answer();
          server.push({ jsonrpc: "2.0", method: "notifications/behind" });
          await until(isHeard, "what came behind the answer");
        }
        return new Response(null, { status: 202 });
      });
      await using scene = new HttpPeerScene(server.url, QUICK);
      isHeard = () => scene.heard.length === 1;
      await scene.open();
      scene.life.listen(ANNA);
      await until(() => server.streams.size === 1, "the stream");
      await until(() => scene.life.peer.pending === 0, "the end of the handshake");
      assert.deepEqual((await scene.call("t")).result, { ok: true });
    },
  );
}

Deno.test("B9: a request answered with 202 fails where its session ends before the answer", STRICT, async () => {
  await using server = new FakeMcp();
  server.tool("t", () => new Response(null, { status: 202 }));
  const scene = new HttpPeerScene(server.url, QUICK);
  await scene.open();
  scene.life.listen(ANNA);
  await until(() => server.streams.size === 1, "the stream");
  const waiting = scene.call("t");
  await until(() => server.ran.get("t") === 1, "the call");
  server.forgetSessions();
  assert.ok((await scene.call("echo")).result);
  assert.ok((await waiting).lost);
  await scene[Symbol.asyncDispose]();
});

Deno.test("N1: who takes messages slowly is waited for, on this stream alone", STRICT, async () => {
  await using server = new FakeMcp();
  const gate = Promise.withResolvers<void>();
  await using scene = new HttpPeerScene(server.url, QUICK);
  await scene.open();
  scene.life.listen(ANNA);
  await until(() => server.streams.size === 1, "the stream");
  scene.hold = gate.promise;
  for (let n = 0; n < 5; n++) server.push({ jsonrpc: "2.0", method: "notifications/n", params: { n } });
  await until(() => scene.heard.length === 1, "the first");
  scene.hold = undefined;
  assert.ok((await scene.call("echo")).result);
  assert.equal(scene.heard.length, 1);
  gate.resolve();
  await until(() => scene.heard.length === 5, "the rest");
});

Deno.test(
  "A6: a listening stream whose server is away for a while comes back, from where it stood",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    let isAway = false;
    let tries = 0;
    const breaker = {
      assertClosed() {
        tries++;
        if (isAway) throw new SignetError("upstream_unreachable");
      },
      succeed() {},
      fail() {},
    };
    const first = new EventScript();
    server.onRequest = ({ method }) =>
      method === "GET" && server.received("GET").length === 1 ? first.response : undefined;
    await using scene = new HttpPeerScene(server.url, { ...QUICK, breaker });
    await scene.open();
    scene.life.listen(ANNA);
    first.event({ method: "notifications/a" }, "l-1");
    await until(() => scene.heard.length === 1, "the first message");
    isAway = true;
    first.cut();
    const before = tries;
    await until(() => tries > before + 1, "tries in vain");
    isAway = false;
    await until(() => server.streams.size === 1, "the stream");
    assert.equal(server.received("GET")[1]!.headers.get("last-event-id"), "l-1");
  },
);

Deno.test("M6: signs of life are held for nobody", STRICT, async () => {
  await using server = new FakeMcp();
  const script = new EventScript();
  server.onRequest = ({ method }) => method === "GET" ? script.response : undefined;
  await using scene = new HttpPeerScene(server.url, QUICK);
  await scene.open();
  scene.life.listen(ANNA);
  await until(() => server.received("GET").length === 1, "the stream");
  const atRest = scene.account.held;
  for (let i = 0; i < 1000; i++) script.raw(`: ${"alive".repeat(20)}\n\n`);
  script.event({ method: "notifications/a" });
  await until(() => scene.heard.length === 1, "what comes behind them");
  await until(() => scene.account.held <= atRest, () => `${scene.account.held - atRest} bytes are held`);
});

Deno.test("N1: a server that holds the stream before for open still is asked again", STRICT, async () => {
  await using server = new FakeMcp();
  server.onRequest = ({ method }) =>
    method === "GET" && server.received("GET").length < 3 ? new Response("only one", { status: 409 }) : undefined;
  await using scene = new HttpPeerScene(server.url, QUICK);
  await scene.open();
  scene.life.listen(ANNA);
  await until(() => server.streams.size === 1, "the stream");
});
