// Which replica has what no other could reach, as replicas with one store agree on it (docs/behaviour.md R1, R6, S3).
import assert from "node:assert/strict";
import { StoreSeal } from "../../../lib/envelope/store_seal.ts";
import { Elsewhere } from "../../../lib/replica/elsewhere.ts";
import { PoolHomes } from "../../../lib/replica/pool_homes.ts";
import { FakeTimers, settle } from "../../support/fake_timers.ts";
import { LateAliases } from "../../support/late_aliases.ts";
import { freshRing } from "../../support/signet.ts";
import { STRICT } from "../../support/strict.ts";

const IDLE_MS = 10_000;

function scene() {
  const timers = new FakeTimers();
  const store = new LateAliases(() => timers.now());
  const ring = freshRing();
  const seal = new StoreSeal(() => ring, "pool");
  let unshared = 0;
  const replica = (self: string, server = "stdio:stdio") =>
    new PoolHomes({
      ...{ store, timers, self, server, idleMs: IDLE_MS, holder: self },
      seal,
      onUnshared: () => void unshared++,
    });
  return { timers, store, seal, replica, a: replica("http://a"), b: replica("http://b"), unshared: () => unshared };
}

async function homeOf(homes: PoolHomes, pool = "p", gone: string[] = []): Promise<string> {
  try {
    await homes.claim(pool, gone);
    return "here";
  } catch (fault) {
    if (fault instanceof Elsewhere) return fault.home;
    throw fault;
  }
}

Deno.test("R1 S3: the first that wants a pool has it, the others are led there", STRICT, async () => {
  const { a, b, replica } = scene();
  assert.deepEqual([await homeOf(a), await homeOf(b), await homeOf(a)], ["here", "http://a", "here"]);
  assert.equal(await homeOf(b, "q"), "here", "another pool");
  assert.equal(await homeOf(replica("http://b", "stdio:other")), "here", "another server");
});

Deno.test("R1 S3: of replicas that want it at once one has it", STRICT, async () => {
  const { a, b, replica, timers } = scene();
  const asked = Promise.all([a, b, replica("http://c")].map((homes) => homeOf(homes)));
  for (let i = 0; i < 20; i++) await timers.advance(50);
  const homes = await asked;
  assert.equal(homes.filter((home) => home === "here").length, 1, homes.join());
  assert.equal(new Set(homes).size, 2);
});

Deno.test("R1 S3: one that is gone loses it to who finds out, and learns of it", STRICT, async () => {
  const { a, b } = scene();
  const claim = await a.claim("p", []);
  assert.equal(await homeOf(b, "p", ["http://a"]), "here");
  assert.equal(claim.isMoved, true);
  assert.equal(await homeOf(a), "http://b");
  claim.end();
  await settle();
  assert.equal(await homeOf(a), "http://b", "its end takes nothing from who has it now");
});

Deno.test("S3 M6: in use it lives on, given up it is free, and unused it is forgotten", STRICT, async () => {
  const { a, b, timers, store } = scene();
  const claim = await a.claim("p", []);
  for (let i = 0; i < 30; i++) {
    await timers.advance(IDLE_MS / 5);
    claim.use();
    await settle();
  }
  assert.equal(await homeOf(b), "http://a");
  claim.end();
  await settle();
  assert.equal(store.texts.size, 0);
  assert.equal(await homeOf(b), "here");
  await timers.advance(2 * IDLE_MS);
  assert.equal(await homeOf(a), "here");
});

Deno.test(
  "R6 S3: without the store each has its own, and the one that is told of it first has it later",
  STRICT,
  async () => {
    const { a, b, timers, store, unshared } = scene();
    store.isUp = false;
    const [ours, theirs] = [await a.claim("p", []), await b.claim("p", [])];
    assert.equal(unshared(), 2);
    store.isUp = true;
    await timers.advance(5000);
    theirs.use();
    await settle();
    ours.use();
    await settle();
    assert.deepEqual([ours.isMoved, theirs.isMoved], [true, false]);
    assert.equal(await homeOf(a), "http://b");
  },
);

Deno.test("S3: what was copied, cut or made up by whoever writes to the store leads nowhere", STRICT, async () => {
  const { a, b, store } = scene();
  await a.claim("p", []);
  await a.claim("q", []);
  const [[p, of], [q]] = [...store.texts] as [[string, { text: string; untilMs: number }], [string, unknown]];
  store.texts.set(q, of);
  assert.equal(await homeOf(b, "q"), "here");
  for (const text of [of.text.slice(1), "", "{}"]) {
    store.texts.set(p, { ...of, text });
    assert.equal(await homeOf(b, "p"), "here");
  }
});

Deno.test("R1 R6 S3: a claim that lands late takes nothing from who has claimed meanwhile", STRICT, async () => {
  const { a, b, store, timers } = scene();
  store.isLate = true;
  const late = await a.claim("p", []);
  store.isLate = false;
  const claim = await b.claim("p", []);
  await store.land();
  assert.equal(await homeOf(b), "here");
  assert.equal(claim.isMoved, false);
  await timers.advance(5000);
  late.use();
  await settle();
  assert.equal(late.isMoved, true, "it learns of it");
  assert.equal(await homeOf(a), "http://b");
});

for (const text of ["null", "[]", "no JSON", '{"of":1,"home":"http://b"}']) {
  Deno.test(`R1 S3: what another version has sealed leads nowhere: ${text}`, STRICT, async () => {
    const { store, seal, a } = scene();
    const other = seal.seal(text);
    // Told of one, as by any other replica.
    assert.equal(await store.replace("another", { before: undefined, text: other, ttlMs: 1000 }), true);
    let key = "";
    const { get } = store;
    store.get = (sid) => get.call(store, key = sid);
    const claim = await a.claim("p", []);
    store.texts.set(key, { text: other, untilMs: Infinity });
    assert.equal(await homeOf(a), "here");
    claim.end();
  });
}
