// A store that another process holds: all that a store must do, asked over the channel that workers have.
import assert from "node:assert/strict";
import { Channel } from "../../../../lib/app/workers/channel.ts";
import { answerStoreCall, createAskedStore, STORE_NEWS } from "../../../../lib/store/held/asked_store.ts";
import { holdStore } from "../../../../lib/store/held/held_store.ts";
import { createMemoryStore } from "../../../../lib/store/memory/memory.ts";
import { type Store, StoreError } from "../../../../lib/store/store.ts";
import { FakeTimers, settle } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";
import { testAliasContract } from "../alias_contract.ts";
import { testStoreContract } from "../store_contract.ts";

const NOW_MS = 1_700_000_000_000;
const clock = { nowMs: NOW_MS };

/** A held store, and as many that ask it, each over a channel of its own. */
function askingStores(count: number) {
  const held = holdStore(createMemoryStore(), () => clock.nowMs);
  const stores: Store[] = [];
  const ends: Channel[] = [];
  for (let i = 0; i < count; i++) {
    const onFault = (fault: unknown) => {
      throw fault;
    };
    const holder: Channel = new Channel({
      write: (line) => queueMicrotask(() => asker.receive(line.trimEnd())),
      answer: (_, [call, args]) => answerStoreCall(held, call as string, args as readonly unknown[]),
      onFault,
    });
    const asker: Channel = new Channel({
      write: (line) => queueMicrotask(() => holder.receive(line.trimEnd())),
      answer: (_, [what, text]) => asked.news(what as typeof STORE_NEWS[number], text as string | undefined),
      onFault,
    });
    const asked = createAskedStore((call, args) => asker.ask("store", [call, args]), new FakeTimers());
    held.shared!.watchRevocations(() => holder.tell("news", STORE_NEWS[0]));
    held.shared!.aliases.watch((text) => holder.tell("news", STORE_NEWS[1], text));
    held.pools!.watch((text) => holder.tell("news", STORE_NEWS[2], text));
    stores.push(asked.store);
    ends.push(asker);
  }
  return { held, stores, ends, dispose: async () => await held.close() };
}

testStoreContract("store asked of another process", () => {
  const { stores: [store], dispose } = askingStores(1);
  return Promise.resolve({ store: store!, dispose });
}, { waits: true });

for (const part of ["aliases", "pools"] as const) {
  testAliasContract(`${part} asked of another process`, () => {
    const { stores, dispose } = askingStores(2);
    const [aliases, others] = stores.map((store) => part === "pools" ? store.pools! : store.shared!.aliases);
    const pass = (ms: number) => void (clock.nowMs += ms);
    return Promise.resolve({ aliases: aliases!, others: others!, pass, tells: true, dispose });
  });
}

Deno.test("R4: what one worker revokes the others hear of, and find", STRICT, async () => {
  const { stores: [one, other], dispose } = askingStores(2);
  const heard = Promise.withResolvers<void>();
  other!.shared!.watchRevocations(heard.resolve);
  await one!.revocations.add({ kind: "session", sid: "s", untilMs: NOW_MS + 1000, by: "operator" });
  await heard.promise;
  assert.equal(await other!.revocations.find({ sid: "s", owner: "o", issuedAtMs: NOW_MS }), "session");
  await dispose();
});

Deno.test("M1 G5: places and rates are counted over all workers, without a cap too", STRICT, async () => {
  const { stores, dispose } = askingStores(2);
  const bounds = { limit: 3, yieldAfterMs: 30_000, idleMs: 60_000 };
  const outcomes = await Promise.all(
    Array.from(
      { length: 20 },
      (_, i) => stores[i % 2]!.shared!.places.take({ principal: "p", session: `s${i}` }, bounds),
    ),
  );
  assert.equal(outcomes.filter(({ taken }) => taken).length, 3);
  const free = await stores[0]!.shared!.places.take({ principal: "q", session: "s" }, { ...bounds, limit: Infinity });
  assert.deepEqual(free, { taken: true });
  const rate = { id: "r", amount: 1, windowMs: 1000, burst: 2 };
  const takes = await Promise.all(
    Array.from({ length: 6 }, (_, i) => stores[i % 2]!.rates!.take([{ rate, key: "k", cost: 1 }], NOW_MS)),
  );
  assert.equal(takes.filter(({ allowed }) => allowed).length, 2);
  const never = await stores[1]!.rates!.take([{ rate, key: "k", cost: 3 }], NOW_MS);
  assert.equal(never.retryAfterMs, Infinity, "as it was said");
  await dispose();
});

Deno.test("L4 R1: one worker at a time opens a session again, and the others hear where it went", STRICT, async () => {
  const { stores: [one, other], dispose } = askingStores(2);
  const heard = Promise.withResolvers<string>();
  other!.shared!.aliases.watch(heard.resolve);
  const [here, there] = [one!.shared!.aliases, other!.shared!.aliases];
  assert.equal(await here.takeTurn("s", "one", 60_000), true);
  assert.equal(await there.takeTurn("s", "other", 60_000), false);
  await here.replace("s", { before: undefined, text: "\0+ there", ttlMs: 60_000 });
  assert.equal(await heard.promise, "\0+ there");
  await there.giveTurnBack("s", "other");
  assert.equal(await there.takeTurn("s", "other", 60_000), false, "only the holder gives it back");
  await here.giveTurnBack("s", "one");
  assert.equal(await there.takeTurn("s", "other", 60_000), true);
  assert.equal(await there.get("s"), "\0+ there");
  await here.remove("s");
  assert.equal(await there.get("s"), undefined);
  await dispose();
});

Deno.test("R6: when the process that holds it is gone, the store says so and clears nobody", STRICT, async () => {
  const { stores: [store], ends: [asker], dispose } = askingStores(1);
  asker!.close(new Error("gone"));
  await assert.rejects(
    async () => await store!.revocations.find({ sid: "s", owner: "o", issuedAtMs: NOW_MS }),
    (fault: unknown) => fault instanceof StoreError && fault.code === "io",
  );
  assert.equal(store!.shared!.state().up, false);
  await dispose();
});

Deno.test(
  "R6: the process that holds it stands still: whoever asks is told so in time, few wait, and it comes back",
  STRICT,
  async () => {
    const timers = new FakeTimers();
    const asked: ((answer: unknown) => void)[] = [];
    const { store } = createAskedStore(() => new Promise((resolve) => asked.push(resolve)), timers);
    const isAway = (fault: unknown) =>
      fault instanceof StoreError && fault.code === "io" && /does not answer/.test(fault.message);
    const find = async () => await store.revocations.find({ sid: "s", owner: "o", issuedAtMs: NOW_MS });
    const waiting = Array.from({ length: 3 }, () => assert.rejects(find, isAway));
    await timers.advance(7000);
    await Promise.all(waiting);
    assert.equal(store.shared!.state().up, false);
    // It is asked once a second, by one for all: the others are told at once.
    const first = asked.length;
    const probe = assert.rejects(find, isAway);
    for (let i = 0; i < 100; i++) await assert.rejects(find, isAway);
    assert.equal(asked.length, first + 1);
    await timers.advance(5100);
    await probe;
    // Whoever has waited for it, and has more to ask, waits no second time.
    await assert.rejects(find, isAway);
    assert.equal(asked.length, first + 1);
    await timers.advance(1000);
    const found = find();
    await settle();
    asked.at(-1)!(undefined);
    assert.equal(await found, undefined);
    assert.equal(store.shared!.state().up, true);
    const many = Array.from({ length: 5 }, find);
    await settle();
    for (const answer of asked.slice(-5)) answer("session");
    assert.deepEqual(await Promise.all(many), Array.from({ length: 5 }, () => "session"));
    await store.close();
    assert.equal(timers.pending, 0);
  },
);

Deno.test(
  "R6: whoever waits for an answer when the store is closed hears of it, at once and without a timer",
  STRICT,
  async () => {
    const timers = new FakeTimers();
    const { store } = createAskedStore(() => new Promise(() => {}), timers);
    const isClosed = (fault: unknown) => fault instanceof StoreError && fault.code === "closed";
    const size = async () => await store.revocations.size();
    const waiting = assert.rejects(size, isClosed);
    // The last look at what came in time is under way.
    await timers.advance(5000);
    await store.close();
    await waiting;
    await assert.rejects(size, isClosed);
    assert.equal(timers.pending, 0);
  },
);

Deno.test("R6: a store that answers with a refusal can be reached", STRICT, async () => {
  const timers = new FakeTimers();
  const answers: (() => Promise<never>)[] = [
    () => Promise.reject(new Error("gone")),
    () => Promise.reject(new StoreError("full", "It is full", { remedy: "Make room." })),
  ];
  const { store } = createAskedStore(() => answers.shift()!(), timers);
  const refusedWith = (code: string) => (fault: unknown) => fault instanceof StoreError && fault.code === code;
  const size = async () => await store.revocations.size();
  await assert.rejects(size, refusedWith("io"));
  assert.deepEqual([store.shared!.state().up, store.shared!.state().listening], [false, false]);
  await assert.rejects(size, refusedWith("full"));
  assert.deepEqual([store.shared!.state().up, store.shared!.state().failures], [true, 1]);
  await store.close();
});

Deno.test("R6: an answer that came in time and was not looked at yet is one", STRICT, async () => {
  const timers = new FakeTimers();
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const { store } = createAskedStore(() => promise, timers);
  const found = Promise.resolve(store.revocations.size());
  await timers.advance(5000);
  resolve(7);
  assert.equal(await found, 7);
  await store.close();
});

Deno.test("a store is asked for what its interfaces name, and nothing else", STRICT, async () => {
  const { held, dispose } = askingStores(0);
  for (const call of ["close", "tokens.constructor", "shared.state", "purge"]) {
    await assert.rejects(() => answerStoreCall(held, call, []), TypeError);
  }
  await dispose();
});
