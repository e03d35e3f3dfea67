// Limits hold exactly, whatever the timing, and give everything back however things end (docs/behaviour.md M1–M3).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, freshRing, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

const STATELESS = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call" };

function statelessCall(id: number, name: string) {
  const message = call(id, name);
  Object.assign(message.params, {
    _meta: {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
      "io.modelcontextprotocol/clientCapabilities": {},
    },
  });
  return message;
}

async function backAtZero(signet: TestSignet): Promise<void> {
  for (const limit of ["sessions", "streams", "requests", "principals"]) {
    await until(async () => await signet.metric(`signet_in_use{limit="${limit}"}`) === 0, `${limit} are back at zero`);
  }
}

Deno.test(
  "M1: of 100 parallel initializes at a cap of 10 exactly 10 succeed, and all places come back",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: ["--max-sessions", "10"] });
    const answers = await Promise.all(Array.from({ length: 100 }, () => signet.post(INITIALIZE)));
    const opened = answers.filter((answer) => answer.status === 200);
    const refused = answers.filter((answer) => answer.status === 503);
    assert.deepEqual([opened.length, refused.length], [10, 90]);
    for (const answer of refused) assert.equal(answer.headers.get("retry-after"), "30");
    assert.equal(upstream.sessions.size, 10);
    await Promise.all(answers.map((answer) => answer.body?.cancel()));
    const ids = opened.map((answer) => answer.headers.get("mcp-session-id")!);
    assert.deepEqual(await Promise.all(ids.map((id) => status(signet.delete({ id })))), ids.map(() => 204));
    await backAtZero(signet);
    assert.equal(await status(signet.post(INITIALIZE)), 200);
  },
);

Deno.test(
  "M1: places come back when initializes fail, break off or are abandoned by their clients",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: ["--max-sessions", "4"] });
    upstream.onRequest = () => new Response("no", { status: 500 });
    await Promise.all([1, 2, 3, 4].map(() => status(signet.post(INITIALIZE))));
    await backAtZero(signet);
    const hanging = Promise.withResolvers<Response>();
    upstream.onRequest = () => hanging.promise;
    const abort = new AbortController();
    const abandoned = [1, 2, 3, 4].map(() => signet.post(INITIALIZE, { signal: abort.signal }));
    await until(async () => await signet.metric('signet_in_use{limit="sessions"}') === 4, "four places are taken");
    assert.equal(await status(signet.post(INITIALIZE)), 503);
    abort.abort();
    await Promise.allSettled(abandoned);
    // Heard to their end: the server may have opened what nobody would end else.
    hanging.resolve(new Response(null, { status: 500 }));
    await backAtZero(signet);
  },
);

for (const lane of LANES) {
  Deno.test(
    `M2: one principal at its cap gets 429 with Retry-After, others are served (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--max-sessions-per-principal", "2"];
      await using signet = await TestSignet.start({ lane, upstream: upstream.url, flags });
      const alice = await issuer.token("alice");
      const answers = await Promise.all(Array.from({ length: 10 }, () => signet.post(INITIALIZE, { token: alice })));
      assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 200, ...Array(8).fill(429)]);
      assert.equal(answers.find((answer) => answer.status === 429)!.headers.has("retry-after"), true);
      await Promise.all(answers.map((answer) => answer.body?.cancel()));
      assert.equal(await status(signet.post(INITIALIZE, { token: await issuer.token("bob") })), 200);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `M5: a caller at its cap makes room with what it has not used for longest, whose id stays good (${lane} lane)`,
    STRICT,
    async () => {
      let nowMs = Date.now();
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--max-sessions-per-principal", "2"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags, now: () => nowMs });
      const [alice, bob] = [await issuer.token("alice"), await issuer.token("bob")];
      const bobs = await signet.open({ token: bob });
      const [first, second] = [await signet.open({ token: alice }), await signet.open({ token: alice })];
      nowMs += 20_000;
      assert.equal(await status(signet.post(call(1, "echo"), { id: second, token: alice })), 200);
      const early = await signet.post(INITIALIZE, { token: alice });
      assert.deepEqual([early.status, early.headers.get("retry-after")], [429, "10"]);
      await early.body?.cancel();
      nowMs += 10_000;
      const third = await signet.open({ token: alice });
      assert.equal(await signet.metric('signet_sessions_ended_total{reason="evicted"}'), 1);
      // All ids are good, the one that gave way too.
      for (const id of [first, second, third, first]) {
        assert.equal(await status(signet.post(call(2, "echo"), { id, token: alice })), 200);
      }
      assert.equal(await status(signet.post(call(3, "echo"), { id: bobs, token: bob })), 200);
      assert.equal(upstream.received("POST", "initialize").length, 4, "nothing was opened again upstream");
    },
  );

  Deno.test(
    `L3: ids that have left memory and come back at once, more of them than places, are all answered (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const ring = freshRing();
      await using issuer = await TestSignet.start({ upstream: upstream.url, lane, ring });
      const ids = await Promise.all(Array.from({ length: 8 }, () => issuer.open()));
      for (const places of [1, 2, 4]) {
        const flags = ["--max-sessions", String(places), "--max-sessions-per-principal", String(places)];
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, ring, flags });
        const calls = Array.from({ length: 64 }, (_, n) => status(signet.post(call(n, "echo"), { id: ids[n % 8] })));
        // Those that find no place are told so; a place that is taken is never taken from who has it.
        const found = new Set(await Promise.all(calls));
        assert.ok([...found].every((code) => code === 200 || code === 429 || code === 503), `found ${[...found]}`);
        assert.ok(found.has(200));
        for (const id of ids) assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
        assert.equal(await signet.metric('signet_in_use{limit="requests"}'), 0);
      }
    },
  );

  Deno.test(`M1: requests in flight and streams are capped, and places come back (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    const release = Promise.withResolvers<void>();
    upstream.tool("slow", async () => {
      await release.promise;
      return {};
    });
    const flags = ["--max-in-flight", "2", "--max-streams", "1"];
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
    const id = await signet.open();
    const slow = [1, 2].map((n) => status(signet.post(call(n, "slow"), { id })));
    await until(() => upstream.ran.get("slow") === 2, "two calls run");
    assert.equal(await status(signet.post(call(3, "slow"), { id })), 503);
    const abort = new AbortController();
    const stream = await signet.get({ id, signal: abort.signal });
    assert.equal(stream.status, 200);
    assert.equal(await status(signet.get({ id })), 503);
    release.resolve();
    assert.deepEqual(await Promise.all(slow), [200, 200]);
    await stream.body?.cancel();
    abort.abort();
    await until(async () => await signet.metric('signet_in_use{limit="streams"}') === 0, "the stream's place is back");
    assert.equal(await signet.metric('signet_in_use{limit="requests"}'), 0);
  });

  Deno.test(
    `M1 M2: one caller takes its share of calls and streams, never all; it hears so (${lane} lane)`,
    STRICT,
    async () => {
      await using issuer = await TestIssuer.create();
      await using upstream = new FakeMcp();
      const release = Promise.withResolvers<void>();
      upstream.tool("slow", async () => (await release.promise, {}));
      const flags = [...issuer.flags, "--max-in-flight", "8", "--max-streams", "4", "--max-streams-per-session", "9"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      using _released = { [Symbol.dispose]: () => release.resolve() };
      const [mallory, alice] = [await issuer.token("mallory"), await issuer.token("alice")];
      const [id, hers] = [await signet.open({ token: mallory }), await signet.open({ token: alice })];
      const asked = [
        ...[1, 2, 3, 4, 5, 6].map((n) => signet.post(call(n, "slow"), { id, token: mallory })),
        ...[7, 8, 9, 10, 11, 12].map((n) =>
          signet.post(statelessCall(n, "slow"), { token: mallory, headers: { ...STATELESS, "mcp-name": "slow" } })
        ),
      ];
      const refused: Response[] = [];
      for (const answer of asked) {
        answer.then((response) => response.headers.has("retry-after") && refused.push(response), () => {});
      }
      await until(() => refused.length === 8, "all above the share are refused");
      for (const response of refused) {
        // In words, which an agent reads where it looks for a tool's result (G5).
        assert.deepEqual([response.status, response.headers.get("retry-after")], [200, "1"]);
        const { result: { isError, content } } = await response.json();
        assert.deepEqual([isError, content[0].text], [
          true,
          "Too many calls at once for this caller. Wait 1 s before trying again.",
        ]);
      }
      const streams: Response[] = [];
      for (let i = 0; i < 3; i++) streams.push(await signet.get({ id, token: mallory }));
      assert.deepEqual(streams.map(({ status }) => status), [200, 200, 429]);
      assert.match((await streams[2]!.json()).error.message, /^Too many streams at once for this caller$/);
      assert.equal(await status(signet.post(call(1, "echo"), { id: hers, token: alice })), 200);
      assert.equal(
        await status(
          signet.post(statelessCall(1, "echo"), { token: alice, headers: { ...STATELESS, "mcp-name": "echo" } }),
        ),
        200,
      );
      const stream = await signet.get({ id: hers, token: alice });
      assert.equal(stream.status, 200);
      release.resolve();
      for (const response of [...streams.slice(0, 2), stream]) await response.body?.cancel();
      for (const response of await Promise.all(asked)) if (!response.bodyUsed) await response.body?.cancel();
      for (const one of [{ id, token: mallory }, { id: hers, token: alice }]) await status(signet.delete(one));
      await backAtZero(signet);
    },
  );

  Deno.test(`M1 M3: one caller's bodies take their share of memory, never all (${lane} lane)`, STRICT, async () => {
    await using issuer = await TestIssuer.create();
    await using upstream = new FakeMcp();
    const release = Promise.withResolvers<void>();
    upstream.tool("slow", async () => (await release.promise, {}));
    const flags = [...issuer.flags, "--max-body", "1MiB", "--max-buffered", "8MiB", "--principal-share", "25"];
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
    using _released = { [Symbol.dispose]: () => release.resolve() };
    const [mallory, alice] = [await issuer.token("mallory"), await issuer.token("alice")];
    const [id, hers] = [await signet.open({ token: mallory }), await signet.open({ token: alice })];
    const large = (n: number, name: string) => call(n, name, { text: "x".repeat(900 * 1024) });
    const held = [1, 2].map((n) => status(signet.post(large(n, "slow"), { id, token: mallory })));
    await until(() => upstream.ran.get("slow") === 2, "two calls with large bodies run");
    const refused = await signet.post(large(3, "echo"), { id, token: mallory });
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "1"]);
    assert.match((await refused.json()).error.message, /^Too many bytes at once for this caller$/);
    assert.equal(await status(signet.post(call(4, "echo"), { id, token: mallory })), 200, "a small one finds room");
    assert.equal(await status(signet.post(large(5, "echo"), { id: hers, token: alice })), 200);
    release.resolve();
    assert.deepEqual(await Promise.all(held), [200, 200]);
    assert.equal(await status(signet.post(large(6, "echo"), { id, token: mallory })), 200);
    for (const one of [{ id, token: mallory }, { id: hers, token: alice }]) await status(signet.delete(one));
    await backAtZero(signet);
  });

  Deno.test(
    `M5: over stdio a caller's sessions take turns at its cap of processes (${lane} lane)`,
    STRICT,
    async () => {
      await using issuer = await TestIssuer.create();
      const { command, args } = fixture();
      const flags = [...issuer.flags, "--max-processes-per-principal", "1", "--yield-after", "0s"];
      await using signet = await TestSignet.start({ upstream: [command, ...args], lane, flags });
      const token = await issuer.token("alice");
      const ids = [await signet.open({ token }), await signet.open({ token })];
      for (const id of [...ids, ...ids]) assert.equal(await status(signet.post(call(1, "count"), { id, token })), 200);
      assert.equal(await signet.metric("signet_stdio_processes_peak"), 1);
    },
  );

  Deno.test(
    `M1 M2: over stdio, too, one caller's stateless calls leave room for others (${lane} lane)`,
    STRICT,
    async () => {
      await using issuer = await TestIssuer.create();
      const { command, args } = fixture();
      const flags = [...issuer.flags, "--max-in-flight", "4"];
      await using signet = await TestSignet.start({ upstream: [command, ...args], lane, flags });
      const [mallory, alice] = [await issuer.token("mallory"), await issuer.token("alice")];
      const abort = new AbortController();
      const waiting = Array.from({ length: 8 }, (_, n) =>
        signet.post(statelessCall(n, "wait"), {
          token: mallory,
          headers: { ...STATELESS, "mcp-name": "wait" },
          signal: abort.signal,
        }));
      const refused: number[] = [];
      for (const answer of waiting) {
        answer.then(async (response) => {
          if (!response.headers.has("retry-after")) return;
          refused.push(response.status);
          await response.body?.cancel();
        }, () => {});
      }
      await until(() => refused.length === 6, "all above the share are refused");
      const headers = { ...STATELESS, "mcp-name": "count" };
      assert.equal(await status(signet.post(statelessCall(1, "count"), { token: alice, headers })), 200);
      abort.abort();
      await Promise.allSettled(waiting);
      await backAtZero(signet);
    },
  );

  Deno.test(`M3: a body beyond the cap is 413, JSON nested beyond the cap is 400 (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    const flags = ["--max-body", "8KiB", "--max-json-depth", "16"];
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
    const id = await signet.open();
    const before = upstream.requests.length;
    assert.equal(await status(signet.post(call(1, "echo", { a: "x".repeat(9000) }), { id })), 413);
    const deep = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${"[".repeat(40)}${"]".repeat(40)}}`;
    assert.equal(await status(signet.post(deep, { id })), 400);
    assert.equal(upstream.requests.length, before);
    assert.equal(await status(signet.post(call(1, "echo", { a: "x".repeat(7000) }), { id })), 200);
  });
}

for (const lane of LANES) {
  Deno.test(
    `L3: at the cap, an id that is valid but not in memory makes room for itself, and nobody's id dies (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const first = await TestSignet.start({ lane, upstream: upstream.url });
      const ids = [await first.open(), await first.open(), await first.open()];
      await using signet = await TestSignet.start({
        lane,
        upstream: upstream.url,
        ring: first.ring,
        flags: ["--max-sessions", "1"],
      });
      await first[Symbol.asyncDispose]();
      for (const id of [...ids, ...ids]) assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      assert.equal(await signet.metric("signet_sessions"), 1);
    },
  );
}
