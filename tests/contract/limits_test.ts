// Limits hold exactly, whatever the timing, and give everything back however things end (BEHAVIOUR.md M1–M3).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";

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
    await backAtZero(signet);
    hanging.resolve(new Response(null, { status: 500 }));
  },
);

Deno.test("M2: one principal at its cap gets 429 with Retry-After, others are served", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using issuer = await TestIssuer.create();
  const flags = [...issuer.flags, "--max-sessions-per-principal", "2"];
  await using signet = await TestSignet.start({ upstream: upstream.url, flags });
  const alice = await issuer.token("alice");
  const answers = await Promise.all(Array.from({ length: 10 }, () => signet.post(INITIALIZE, { token: alice })));
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 200, ...Array(8).fill(429)]);
  assert.equal(answers.find((answer) => answer.status === 429)!.headers.has("retry-after"), true);
  await Promise.all(answers.map((answer) => answer.body?.cancel()));
  assert.equal(await status(signet.post(INITIALIZE, { token: await issuer.token("bob") })), 200);
});

for (const lane of LANES) {
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

Deno.test(
  "L3: at the cap, an id that is valid but not in memory makes room for itself, and nobody's id dies",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    const first = await TestSignet.start({ upstream: upstream.url });
    const ids = [await first.open(), await first.open(), await first.open()];
    await using signet = await TestSignet.start({
      upstream: upstream.url,
      ring: first.ring,
      flags: ["--max-sessions", "1"],
    });
    await first[Symbol.asyncDispose]();
    for (const id of [...ids, ...ids]) assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
    assert.equal(await signet.metric("signet_sessions"), 1);
  },
);
