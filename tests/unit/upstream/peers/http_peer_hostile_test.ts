// A server that does what none should: what it sends is bounded, believed of itself alone, and harms no other call
// (docs/behaviour.md A6, B9, M6, P6).
import assert from "node:assert/strict";
import { FakeMcp } from "../../../support/fake_mcp.ts";
import { heldBytes } from "../../../support/held_memory.ts";
import { ANNA, EventScript, HttpPeerScene, type Json } from "../../../support/http_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

const SMALL = { limits: { maxMessageBytes: 64 * 1024, retryMs: 1, maxRetryMs: 1 } };
const GIANT = "x".repeat(128 * 1024);

Deno.test("B9: an answer is taken once; those to other requests are nobody's", STRICT, async () => {
  await using server = new FakeMcp();
  const hung = new EventScript();
  let victim: string | number = 0;
  server.tool("victim", ({ id }) => {
    victim = id;
    return hung.response;
  });
  server.tool("thief", ({ id }) =>
    new EventScript()
      .event({ id: victim, result: { stolen: true } })
      .event({ id: 999, result: {} })
      .event({ id: { a: 1 }, result: {} })
      .event({ id: [1], method: "roots/list" })
      .event({ id: 1.5, result: {} })
      .event({ id, result: { first: true } })
      .event({ id, result: { second: true } })
      .event({ id, error: { code: 1, message: "third" } })
      .end());
  await using scene = new HttpPeerScene(server.url, SMALL);
  await scene.open();
  scene.life.listen(ANNA);
  await until(() => server.streams.size === 1, "the listening stream");
  const waiting = scene.call("victim");
  await until(() => victim !== 0, "the victim's call");
  server.push({ jsonrpc: "2.0", id: victim, result: { stolen: true } });
  assert.deepEqual((await scene.call("thief")).result, { first: true });
  hung.event({ id: victim, result: { own: true } });
  assert.deepEqual((await waiting).result, { own: true });
  assert.equal(scene.heard.length, 0);
  hung.end();
});

Deno.test("M6: a giant answer is an error of its call, as JSON, as an event, and without an end", STRICT, async () => {
  await using server = new FakeMcp();
  const endless = new EventScript();
  server.tool("json", () => ({ GIANT }));
  server.tool("event", ({ id }) => new EventScript().event({ id, result: { GIANT } }, "e-1").end());
  server.tool("endless", () => endless.raw(`data: ${GIANT}`).response);
  server.tool("bomb", () => {
    const body = new Blob(["x".repeat(8 * 1024 * 1024)]).stream().pipeThrough(new CompressionStream("gzip"));
    return new Response(body, { headers: { "content-type": "application/json", "content-encoding": "gzip" } });
  });
  await using scene = new HttpPeerScene(server.url, SMALL);
  await scene.open();
  for (const name of ["json", "event", "endless", "bomb"]) {
    const { lost } = await scene.call(name);
    const words = "Bad gateway: the MCP server's answer is longer than 65536 bytes";
    assert.equal(lost, words, name);
    assert.equal(server.ran.get(name), 1);
  }
  assert.ok((await scene.call("echo")).result);
  await until(() => endless.closed, "the end of the endless one");
});

Deno.test(
  "M6: a giant event on the listening stream is not asked for again and again from before it",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    const calm = new EventScript();
    server.onRequest = ({ method }) => {
      if (method !== "GET") return undefined;
      if (server.received("GET").length > 1) return calm.response;
      return new EventScript().event({ method: "notifications/a" }, "l-1").event({ method: "b", params: { GIANT } })
        .response;
    };
    await using scene = new HttpPeerScene(server.url, SMALL);
    await scene.open();
    scene.life.listen(ANNA);
    await until(() => server.received("GET").length === 2, "another stream");
    assert.equal(server.received("GET")[1]!.headers.get("last-event-id"), null);
    calm.event({ method: "notifications/c" });
    await until(() => scene.heard.length === 2, "what comes then");
  },
);

Deno.test("A6: a flood on the listening stream holds up no call, and memory stays bounded", STRICT, async () => {
  await using server = new FakeMcp();
  const gate = Promise.withResolvers<void>();
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  scene.life.listen(ANNA);
  await until(() => server.streams.size === 1, "the stream");
  scene.hold = gate.promise;
  const message = { jsonrpc: "2.0", method: "notifications/flood", params: { text: "x".repeat(64 * 1024) } };
  for (let i = 0; i < 200; i++) server.push(message);
  await until(() => scene.heard.length === 1, "the first of them");
  scene.hold = undefined;
  assert.ok((await scene.call("echo")).result);
  assert.ok(scene.account.held < 1024 * 1024, `${scene.account.held} bytes held of a flood of 13 MB`);
  gate.resolve();
  await until(() => scene.heard.length === 200, "all of them");
});

Deno.test("M6: questions without number are refused by no more POSTs than are bounded", STRICT, async () => {
  await using server = new FakeMcp();
  const gate = Promise.withResolvers<undefined>();
  await using scene = new HttpPeerScene(server.url, { limits: { maxSending: 4 } });
  await scene.open();
  await until(() => server.requests.length === 2, "the handshake");
  await until(() => scene.life.peer.pending === 0, "its end");
  server.onRequest = ({ body }) => body.includes('"error"') ? gate.promise : undefined;
  for (let i = 0; i < 100; i++) scene.life.peer.refuse(`q-${i}`, -32603, "too many");
  assert.ok((await scene.call("echo")).result);
  const refused = server.requests.filter(({ body }) => body.includes('"error"'));
  assert.ok(refused.length <= 4, `${refused.length} POSTs`);
  gate.resolve(undefined);
});

Deno.test("P6: a redirect that leads elsewhere is refused, and no address is told", STRICT, async () => {
  await using server = new FakeMcp();
  server.tool("t", () => new Response(null, { status: 307, headers: { location: "http://elsewhere.test/secret" } }));
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  assert.equal((await scene.call("t")).lost, "Bad gateway: the MCP server answers with a redirect");
  assert.ok((await scene.call("echo")).result);
});

const BROKEN: [string, () => Response][] = [
  ["in mid-event", () => {
    const script = new EventScript().raw('id: e\ndata: {"jsonrpc":"2.0",');
    setTimeout(() => script.cut(), 5);
    return script.response;
  }],
  ["in JSON", () => new Response('{"jsonrpc":"2.0","id":', { headers: { "content-type": "application/json" } })],
  ["as junk", () => new EventScript().raw("data: junk\n\ndata: [1,2]\n\ndata: {}\n\n").end()],
  ["as an answer that is none", () => Response.json({ jsonrpc: "2.0", id: null, result: {} })],
  [
    "under another name",
    () => new EventScript().raw('event: other\ndata: {"jsonrpc":"2.0","id":2,"result":{}}\n\n').end(),
  ],
  ["in a coding that is none", () => new Response("zzz", { headers: { "content-encoding": "gzip" } })],
  ["in an unknown coding", () => new Response("zzz", { headers: { "content-encoding": "rot13" } })],
  ["as an empty batch", () => Response.json([])],
  ["as a batch without number", () => Response.json(Array(50_000).fill(0))],
];
for (const [how, answer] of BROKEN) {
  Deno.test(`B9: an answer that ends ${how} is an error of its call`, STRICT, async () => {
    await using server = new FakeMcp();
    server.tool("t", answer);
    await using scene = new HttpPeerScene(server.url, { limits: { ...SMALL.limits, maxMessageBytes: 1024 * 1024 } });
    await scene.open();
    assert.match(String((await scene.call("t")).lost), /^Bad gateway: /);
    assert.equal(server.ran.get("t"), 1);
    assert.ok((await scene.call("echo")).result);
  });
}

for (const members of [{ result: "text" }, { error: "boom" }, { result: {}, error: { code: 1, message: "m" } }]) {
  Deno.test(
    `B8 S5: an answer that no client takes for one is an error of its call: ${JSON.stringify(members)}`,
    STRICT,
    async () => {
      await using server = new FakeMcp();
      server.tool("t", ({ id }) => Response.json({ jsonrpc: "2.0", id, ...members }));
      await using scene = new HttpPeerScene(server.url);
      await scene.open();
      assert.match(String((await scene.call("t")).lost), /neither a result nor an error/);
    },
  );
}

Deno.test("B8: of an answer that says null for what it is not, the rest is said", STRICT, async () => {
  await using server = new FakeMcp();
  server.tool("t", ({ id }) => Response.json({ jsonrpc: "2.0", error: null, result: { ok: true }, id }));
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  assert.deepEqual((await scene.call("t")).result, { ok: true });
});

Deno.test("B9: of a batch each message goes its way", STRICT, async () => {
  await using server = new FakeMcp();
  server.tool("t", ({ id }) =>
    Response.json([
      { jsonrpc: "2.0", method: "notifications/a" },
      { jsonrpc: "2.0", id, result: { ok: true } },
      "junk",
    ]));
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  assert.deepEqual((await scene.call("t")).result, { ok: true });
  assert.deepEqual(scene.heard.map(({ message }) => message.method), ["notifications/a"]);
});

Deno.test(
  "M6: where there is no room left, a request is not taken, and an answer is an error of its call",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    server.tool("t", () => ({ GIANT }));
    await using scene = new HttpPeerScene(server.url);
    await scene.open();
    await until(() => scene.life.peer.pending === 0, "the handshake's end");
    scene.account.limit = 96 * 1024;
    assert.match(String((await scene.call("t")).lost), /no room|closed the connection/);
    assert.equal(scene.ask("tools/call", { GIANT }).id, undefined);
    scene.account.limit = Infinity;
    assert.ok((await scene.call("echo")).result);
  },
);

Deno.test(
  "A6: a server that never answers is bounded in how much it holds, and lets go when it is told",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    const gate = Promise.withResolvers<void>();
    server.tool("never", async () => await gate.promise);
    const scene = new HttpPeerScene(server.url, { limits: { maxCalls: 10 } });
    await scene.open();
    await until(() => scene.life.peer.pending === 0, "the handshake's end");
    const asked = Array.from({ length: 20 }, () => scene.ask("tools/call", { name: "never" }));
    assert.equal(asked.filter(({ id }) => id !== undefined).length, 10);
    await until(() => server.ran.get("never") === 10, "the calls");
    const lost: Json[] = [];
    for (const { id, outcome } of asked) if (id !== undefined) void outcome.then((outcome) => lost.push(outcome));
    await scene[Symbol.asyncDispose]();
    assert.equal(lost.length, 10);
    gate.resolve();
  },
);

Deno.test("a stream that goes on for ever after the answer is left", STRICT, async () => {
  await using server = new FakeMcp();
  const script = new EventScript();
  server.tool("t", ({ id }) => script.event({ id, result: { ok: true } }).response);
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  assert.deepEqual((await scene.call("t")).result, { ok: true });
  script.event({ method: "notifications/late" });
  await until(() => scene.heard.length === 1, "what comes behind the answer");
  await until(() => script.closed, "the end of the stream");
});

Deno.test("M6: a call on its way keeps nothing of its text once its server has begun to answer", STRICT, async () => {
  await using server = new FakeMcp();
  const open: EventScript[] = [];
  server.tool("t", ({ id }) => {
    server.requests.length = 0;
    const script = new EventScript().event({ method: "notifications/begun", params: { id } });
    open.push(script);
    return script.response;
  });
  await using scene = new HttpPeerScene(server.url);
  await scene.open();
  const filler = "x".repeat(1024 * 1024);
  const before = heldBytes();
  for (let n = 1; n <= 40; n++) {
    void scene.call("t", { filler: filler + n });
    await until(
      () => scene.heard.length === n,
      () => `the beginning of the answer ${n} ${scene.heard.length} ${scene.life.peer.pending} ${open.length}`,
    );
    scene.sent.length = 0;
  }
  const grown = heldBytes() - before;
  assert.equal(scene.life.peer.pending, 40);
  assert.ok(grown < 8 * 1024 * 1024, `40 calls of 1 MiB: ${(grown / 1024 / 1024).toFixed(1)} MiB are held`);
});

Deno.test(
  "M6: what waits of one caller's servers takes that caller's share of memory, and no more",
  STRICT,
  async () => {
    await using server = new FakeMcp();
    server.tool("t", () => ({ GIANT }));
    await using scene = new HttpPeerScene(server.url);
    await scene.open();
    await until(() => scene.life.peer.pending === 0, "the handshake's end");
    scene.account.shareLimit = 96 * 1024;
    assert.match(String((await scene.call("t")).lost), /no room/);
    assert.equal(scene.ask("tools/call", { GIANT }).id, undefined);
    assert.ok((await scene.call("echo")).result);
  },
);
