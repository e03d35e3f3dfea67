// Whoever is asked about identities is asked no more than needed, may fail, hang or rotate keys, and whatever it does, no
// caller is refused for it: 503 where nothing can be told, never 401 (M3, I1, I3).
import assert from "node:assert/strict";
import { ASKING_SOURCES, Scene } from "../support/oauth_scene.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, LANES, status } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const MINUTE_MS = 60_000;
/** How long a provider that failed is left alone. */
const LEFT_ALONE_MS = { jwt: 5_000, introspection: 1_000, resolver: 1_000 };
/** How long what the provider said is used: keys while there are no newer ones, an answer. */
const USED_MS = { jwt: 70 * MINUTE_MS, introspection: MINUTE_MS, resolver: MINUTE_MS };
/** Credentials being verified at once, by a source. */
const MAX_PENDING = 1_000;
/** Between fetches for unknown keys. */
const COOLDOWN_MS = 30_000;

const times = <T>(count: number, make: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => make(i)));

for (const source of ASKING_SOURCES) {
  Deno.test(`I1: 60 requests with one new token are one question (${source})`, STRICT, async () => {
    await using scene = await Scene.open(source);
    const token = await scene.token("alice");
    scene.provider.mood = "hanging";
    const answers = times(60, () => scene.knock(token));
    await until(async () => await scene.entries("pending") === 1 && scene.asked === 1, "one question is asked");
    scene.provider.mood = "up";
    assert.deepEqual(new Set(await answers), new Set([200]));
    assert.equal(scene.asked, 1);
  });

  Deno.test(`I3: a refused token is not asked about again for a while (${source})`, STRICT, async () => {
    await using scene = await Scene.open(source);
    const { provider, clock } = scene;
    const token = source === "jwt" ? await provider.sign("mallory", { key: provider.forger }) : "bad";
    for (let i = 0; i < 30; i++) assert.equal(await scene.knock(token), 401);
    assert.equal(scene.asked, 1);
    clock.nowMs += 10_000;
    assert.equal(await scene.knock(token), 401);
    assert.equal(scene.asked, source === "jwt" ? 1 : 2);
  });

  for (const fault of ["gone", "busy"] as const) {
    Deno.test(
      `I1: a provider that is ${fault} is 503 and never 401, is left alone, and recovers (${source})`,
      STRICT,
      async () => {
        await using scene = await Scene.open(source);
        const { provider, signet, clock } = scene;
        const [alice, bob] = [await scene.token("alice"), await scene.token("bob")];
        const id = await signet.open({ token: alice });
        clock.nowMs += USED_MS[source];
        const asked = scene.asked;
        if (fault === "gone") await provider.goAway();
        else provider.mood = "busy";

        // Alice is known, but not believed for ever; Bob is new. Neither did anything wrong.
        for (let i = 0; i < 20; i++) {
          for (const ask of [{ token: alice, id }, { token: bob }]) {
            const response = await signet.get(ask);
            await response.body?.cancel();
            assert.equal(response.status, 503);
            assert.match(response.headers.get("retry-after")!, /^[1-5]$/);
            assert.equal(response.headers.get("www-authenticate"), null);
          }
        }
        if (fault === "busy") assert.ok(scene.asked - asked <= 2, `it was asked ${scene.asked - asked} times`);

        if (fault === "gone") provider.comeBack();
        else provider.mood = "up";
        clock.nowMs += LEFT_ALONE_MS[source];
        assert.equal(await scene.knock(bob), 200);
        assert.equal(await scene.call(alice, id), 200);
        assert.equal(await scene.entries("pending"), 0);
      },
    );
  }

  Deno.test(`I1: whoever is known is served while the provider is gone (${source})`, STRICT, async () => {
    await using scene = await Scene.open(source);
    const token = await scene.token("alice");
    const id = await scene.signet.open({ token });
    await scene.provider.goAway();
    scene.clock.nowMs += MINUTE_MS - 1;
    for (let i = 0; i < 10; i++) assert.equal(await scene.call(token, id), 200);
    scene.provider.comeBack();
  });
}

for (const source of ["introspection", "resolver"] as const) {
  Deno.test(
    `M3: a flood before a hanging provider is bounded and keeps no known caller out (${source})`,
    STRICT,
    async () => {
      await using scene = await Scene.open(source);
      const { provider, clock } = scene;
      const [alice, bob] = [await scene.token("alice"), await scene.token("bob")];
      const id = await scene.signet.open({ token: alice });
      clock.nowMs += MINUTE_MS - 1;
      await scene.knock(bob);
      provider.mood = "hanging";
      const flood = times(MAX_PENDING + 20, (i) => scene.knock(`bad-${i}`));
      await until(async () => await scene.entries("pending") === MAX_PENDING, "every place is taken");
      assert.equal(await scene.knock("one-more"), 503);
      assert.equal(await scene.knock(bob), 200, "believed still");
      clock.nowMs += 1;
      const again = scene.call(alice, id);
      await until(async () => await scene.entries("pending") === MAX_PENDING + 1, "Alice is asked about again");
      provider.mood = "up";
      assert.equal(await again, 200);
      const statuses = await flood;
      assert.deepEqual([401, 503].map((code) => statuses.filter((seen) => seen === code).length), [MAX_PENDING, 20]);
      assert.equal(await scene.entries("pending"), 0);
      assert.equal(await scene.entries("refused"), 1_000);
    },
  );
}

Deno.test("I1: a new key is fetched once, for the first token that names it", STRICT, async () => {
  await using scene = await Scene.open("jwt");
  const { provider, clock } = scene;
  const old = await scene.token("alice");
  const id = await scene.signet.open({ token: old });
  clock.nowMs += COOLDOWN_MS;
  await provider.rotate({ keepOld: true });
  const tokens = await times(40, (i) => scene.token(`user-${i}`));
  assert.deepEqual(new Set(await Promise.all(tokens.map((token) => scene.knock(token)))), new Set([200]));
  assert.equal(scene.asked, 2);
  assert.equal(
    await scene.call(await scene.token("alice"), id),
    200,
    "the session is the same owner's under a new key",
  );
  assert.equal(await scene.call(old, id), 200);
  assert.equal(scene.asked, 2);
});

Deno.test("I1: a key that is withdrawn counts no longer than keys are believed", STRICT, async () => {
  await using scene = await Scene.open("jwt");
  const { provider, clock } = scene;
  const old = await scene.token("alice");
  const id = await scene.signet.open({ token: old });
  await provider.rotate({ keepOld: false });
  clock.nowMs += 10 * MINUTE_MS - 1;
  assert.equal(await scene.call(old, id), 200);
  clock.nowMs += 1;
  assert.equal(await scene.call(old, id), 401);
  assert.equal(await scene.call(await scene.token("alice"), id), 200);
  assert.equal(scene.asked, 2);
});

for (const lane of LANES) {
  Deno.test(`I1: no cache and no connection starts a withdrawn key's term anew (${lane} lane)`, STRICT, async () => {
    await using scene = await Scene.open("jwt", { lane, flags: ["--session-only", "--identity-ttl", "10m"] });
    const { provider, clock } = scene;
    const [early, late] = [await scene.token("alice"), await scene.token("alice")];
    const id = await scene.signet.open({ token: early });
    await provider.rotate({ keepOld: false });
    clock.nowMs += 10 * MINUTE_MS - 1;
    // A connection that remembers a proof of before, a token proven by the keys of before, an identity kept from one.
    using client = await RawClient.connect(scene.signet.url);
    const ask = async (token: string) => {
      const fields = [`mcp-session-id: ${id}`, `authorization: Bearer ${token}`];
      await client.send(rawPost(JSON.stringify(call(1, "echo")), fields));
      return (await client.answer()).status;
    };
    assert.deepEqual([await ask(early), await ask(late)], [200, 200]);
    const kept = await scene.signet.open({ token: early });
    assert.equal(await status(scene.signet.post(call(2, "echo"), { id: kept })), 200);
    clock.nowMs += 1;
    assert.deepEqual([await ask(late), await ask(early)], [401, 401]);
    assert.equal(await status(scene.signet.post(call(2, "echo"), { id: kept })), 401);
    assert.equal(scene.asked, 2);
  });
}

for (const lane of LANES) {
  Deno.test(
    `P8: what was proven while the clock was ahead is not believed once it is set back (${lane} lane)`,
    STRICT,
    async () => {
      await using scene = await Scene.open("jwt", { lane, flags: ["--session-only", "--identity-ttl", "10m"] });
      const { provider, clock } = scene;
      clock.nowMs += 60 * MINUTE_MS;
      const token = await scene.token("alice");
      const id = await scene.signet.open({ token });
      using client = await RawClient.connect(scene.signet.url);
      const ask = async () => {
        const fields = [`mcp-session-id: ${id}`, `authorization: Bearer ${token}`];
        await client.send(rawPost(JSON.stringify(call(1, "echo")), fields));
        return (await client.answer()).status;
      };
      assert.deepEqual([await ask(), await ask()], [200, 200]);
      await provider.rotate({ keepOld: false });
      clock.nowMs -= 60 * MINUTE_MS;
      assert.equal(await status(scene.signet.post(call(2, "echo"), { id })), 401);
      assert.equal(await ask(), 401);
      assert.equal(await scene.call(await scene.token("alice"), id), 200);
    },
  );
}

Deno.test("P8: a provider that was gone while the clock was ahead is asked once it is set back", STRICT, async () => {
  await using scene = await Scene.open("jwt");
  const { provider, clock } = scene;
  const token = await scene.token("alice");
  clock.nowMs += 10 * MINUTE_MS;
  await provider.goAway();
  assert.equal(await scene.knock(token), 503);
  provider.comeBack();
  clock.nowMs -= 10 * MINUTE_MS;
  assert.equal(await scene.knock(token), 200);
});

Deno.test("M3: a flood of invented key ids fetches the keys once a cool-down", STRICT, async () => {
  await using scene = await Scene.open("jwt");
  const { provider, clock } = scene;
  const token = await scene.token("alice");
  const id = await scene.signet.open({ token });
  assert.equal(scene.asked, 1);
  for (let round = 1; round <= 3; round++) {
    clock.nowMs += COOLDOWN_MS;
    for (let wave = 0; wave < 4; wave++) {
      const invented = await times(25, (i) => provider.sign("mallory", { kid: `invented-${round}-${wave}-${i}` }));
      assert.deepEqual(new Set(await Promise.all(invented.map((token) => scene.knock(token)))), new Set([401]));
      assert.equal(await scene.call(token, id), 200);
    }
    assert.equal(scene.asked, 1 + round);
  }
});

Deno.test("I1: keys outlive a provider that is gone, for new tokens too", STRICT, async () => {
  await using scene = await Scene.open("jwt");
  const { provider, clock } = scene;
  const id = await scene.signet.open({ token: await scene.token("alice") });
  await provider.goAway();
  clock.nowMs += USED_MS.jwt - 1;
  assert.equal(await scene.call(await scene.token("alice"), id), 200);
  clock.nowMs += 1;
  assert.equal(await scene.call(await scene.token("alice"), id), 503);
  provider.comeBack();
  clock.nowMs += LEFT_ALONE_MS.jwt;
  assert.equal(await scene.call(await scene.token("alice"), id), 200);
});
