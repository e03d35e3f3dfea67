import fc from "fast-check";
import assert from "node:assert/strict";
import { MemoryRates } from "../../../../lib/store/memory/memory_rates.ts";
import type { Rate, RateOutcome } from "../../../../lib/store/rates.ts";
import { SharedRates } from "../../../../lib/store/shared_rates.ts";
import { StoreError } from "../../../../lib/store/store.ts";

const NOW_MS = Date.UTC(2026, 10, 25);

function rate(amount: number, windowMs: number, burst = amount): Rate {
  return { id: `${amount}/${windowMs} burst ${burst}`, amount, windowMs, burst };
}

const take = (of: Rate, key: string, cost = 1) => ({ rate: of, key, cost });

Deno.test("rates let in a burst at once and then exactly one whenever one has come back", () => {
  const rates = new MemoryRates();
  const of = rate(3, 1000, 5);
  const asks = (atMs: number) => rates.take([take(of, "a")], NOW_MS + atMs);
  for (let i = 0; i < 5; i++) assert.deepEqual([asks(0).allowed, i], [true, i]);
  const refused = asks(0);
  assert.equal(refused.allowed, false);
  assert.equal(refused.remaining, 0);
  assert.equal(refused.retryAfterMs, 1000 / 3);
  assert.equal(asks(333).allowed, false); // 333.33 ms for one
  assert.equal(asks(334).allowed, true);
  assert.equal(asks(334).allowed, false);
});

Deno.test("rates never let in more than burst + time ÷ interval, nor refuse what that leaves room for", () => {
  const arrival = fc.record({ afterMs: fc.nat(700), cost: fc.integer({ min: 1, max: 4 }) });
  const ofRate = fc.record({
    amount: fc.integer({ min: 1, max: 1000 }),
    windowMs: fc.constantFrom(1000, 60_000, 3_600_000, 86_400_000),
    burst: fc.integer({ min: 4, max: 50 }),
  });
  fc.assert(fc.property(ofRate, fc.array(arrival, { maxLength: 200 }), (numbers, arrivals) => {
    const { amount, windowMs, burst } = numbers;
    const of = rate(amount, windowMs, burst);
    const rates = new MemoryRates();
    // The same as a bucket that drips, in rational numbers: units × windowMs.
    let nowMs = NOW_MS, level = BigInt(burst) * BigInt(windowMs);
    const full = level;
    for (const { afterMs, cost } of arrivals) {
      nowMs += afterMs;
      level += BigInt(afterMs) * BigInt(amount);
      if (level > full) level = full;
      const wants = BigInt(cost) * BigInt(windowMs);
      const outcome = rates.take([take(of, "k", cost)], nowMs);
      assert.equal(outcome.allowed, wants <= level);
      if (outcome.allowed) level -= wants;
      assert.equal(outcome.remaining, Number(level / BigInt(windowMs)));
    }
  }));
});

Deno.test("rates take from all buckets or from none, and say which one decided", () => {
  const rates = new MemoryRates();
  const [narrow, wide] = [rate(1, 1000), rate(100, 1000)];
  const both = () => rates.take([take(wide, "all"), take(narrow, "a")], NOW_MS);
  assert.deepEqual([both().allowed, both().at], [true, 1]);
  for (let i = 0; i < 500; i++) assert.equal(both().allowed, false);
  assert.equal(rates.take([take(wide, "all")], NOW_MS).remaining, 98);
});

Deno.test("rates take from a bucket as often as it is named in one step, though nobody had met it before", () => {
  const rates = new MemoryRates();
  const of = rate(5, 1000);
  assert.equal(rates.take([take(of, "a"), take(of, "a", 2)], NOW_MS).allowed, true);
  assert.deepEqual([rates.size, rates.take([take(of, "a")], NOW_MS).remaining], [1, 1]);
});

Deno.test("rates give each step an outcome of its own, which stays what it was", () => {
  const rates = new MemoryRates();
  const of = rate(2, 1000);
  const outcomes = [1, 2, 3].map(() => rates.take([take(of, "a")], NOW_MS));
  assert.deepEqual(outcomes.map(({ allowed, remaining }) => [allowed, remaining]), [[true, 1], [true, 0], [false, 0]]);
});

Deno.test("rates refuse what is more than the burst for ever, and take nothing for it", () => {
  const rates = new MemoryRates();
  const of = rate(10, 1000);
  assert.deepEqual(rates.take([take(of, "a", 11)], NOW_MS).retryAfterMs, Infinity);
  assert.equal(rates.take([take(of, "a", 10)], NOW_MS).allowed, true);
});

Deno.test("rates make nobody wait for a clock that was set back", () => {
  const rates = new MemoryRates();
  const of = rate(10, 1000);
  rates.take([take(of, "a", 10)], NOW_MS);
  const back = NOW_MS - 3_600_000;
  const { retryAfterMs } = rates.take([take(of, "a")], back);
  assert.ok(retryAfterMs <= 1000, `${retryAfterMs} ms`);
  assert.equal(rates.take([take(of, "a")], back + 100).allowed, true);
});

Deno.test("rates keep a limited one limited whatever crowd comes, in bounded memory", () => {
  const rates = new MemoryRates({ maxBuckets: 100 });
  const of = rate(1, 60_000);
  assert.equal(rates.take([take(of, "limited")], NOW_MS).allowed, true);
  const crowd: RateOutcome[] = [];
  for (let i = 0; i < 10_000; i++) crowd.push(rates.take([take(of, `crowd ${i}`)], NOW_MS + i));
  assert.equal(rates.size, 100);
  assert.equal(rates.take([take(of, "limited")], NOW_MS + 10_000).allowed, false);
  // One bucket for all for whom there was no room.
  assert.equal(crowd.filter(({ allowed }) => allowed).length, 100);
  // Those that are full again make room.
  assert.equal(rates.take([take(of, "late")], NOW_MS + 120_000).allowed, true);
  assert.equal(rates.size, 1);
});

Deno.test("rates give no chooser of keys more than a share of the buckets: beyond it all of everybody's are one", () => {
  const rates = new MemoryRates({ maxBuckets: 100, maxOfChooser: 10 });
  const of = rate(1, 60_000);
  const chosen = (key: string, chooser: string, nowMs = NOW_MS) =>
    rates.take([{ rate: of, key, cost: 1, chooser }], nowMs);
  const outcomes = Array.from({ length: 50 }, (_, i) => chosen(`hostile ${i}`, "hostile").allowed);
  assert.equal(outcomes.filter(Boolean).length, 11); // ten of their own, and one for all others
  assert.equal(rates.size, 10);
  // Others who have filled theirs gain nothing by it: a bucket of all such names, not one more for each.
  const others = Array.from({ length: 50 }, (_, i) => chosen(`other ${i}`, "other").allowed);
  assert.equal(others.filter(Boolean).length, 10);
  assert.equal(rates.size, 20);
  assert.equal(chosen("tool", "honest").allowed, true);
  assert.equal(chosen("tool", "honest").allowed, false);
  // A bucket is the same, whoever chooses its key.
  assert.equal(chosen("tool", "hostile").allowed, false);
  // What is full again counts for no share.
  assert.deepEqual(
    ["more", "and more"].map((key) => chosen(key, "hostile", NOW_MS + 60_000).allowed),
    [true, true],
  );
  rates.keepOnly([of], NOW_MS + 120_000);
  assert.equal(rates.size, 0);
  assert.equal(chosen("hostile 0", "hostile", NOW_MS + 120_000).allowed, true);
});

Deno.test("rates forget those that nobody asks about any more, and only those", () => {
  const rates = new MemoryRates();
  const [kept, gone] = [rate(1, 60_000), rate(2, 60_000)];
  rates.take([take(kept, "a"), take(gone, "a")], NOW_MS);
  rates.keepOnly([kept], NOW_MS);
  assert.equal(rates.size, 1);
  assert.equal(rates.take([take(kept, "a")], NOW_MS).allowed, false);
});

Deno.test("R6: shared rates count in the process while the store cannot be asked, and say how often", async () => {
  const down = () => new StoreError("io", "The store does not answer", { remedy: "Start it." });
  const ways: Record<string, () => never | Promise<never>> = {
    throws: () => {
      throw down();
    },
    rejects: () => Promise.reject(down()),
  };
  for (const [way, fail] of Object.entries(ways)) {
    const rates = new SharedRates({ shared: { take: fail }, local: new MemoryRates() });
    const of = rate(1, 60_000);
    assert.equal((await rates.take([take(of, "a")], NOW_MS)).allowed, true, way);
    assert.equal((await rates.take([take(of, "a")], NOW_MS)).allowed, false, way);
    assert.equal(rates.unshared, 2, way);
  }
});

Deno.test("shared rates ask the store alone where it answers", async () => {
  const asked: number[] = [];
  const outcome = { allowed: false, at: 0, retryAfterMs: 5, remaining: 0, fullInMs: 9 };
  const shared = { take: (takes: readonly unknown[]) => Promise.resolve((asked.push(takes.length), outcome)) };
  const rates = new SharedRates({ shared, local: new MemoryRates() });
  assert.equal(await rates.take([take(rate(1, 1000), "a")], NOW_MS), outcome);
  assert.deepEqual([asked, rates.local.size, rates.unshared], [[1], 0, 0]);
});

Deno.test("rates that only have to be there are judged with the others, and nothing is taken from them", () => {
  const rates = new MemoryRates();
  const [own, all] = [rate(5, 60_000), rate(1, 60_000)];
  const ahead = () => rates.take([take(own, "a"), { ...take(all, "b"), stays: true }], NOW_MS);
  assert.deepEqual([ahead().allowed, ahead().allowed], [true, true]);
  assert.equal(rates.take([take(all, "b")], NOW_MS).allowed, true);
  const refused = ahead();
  assert.deepEqual([refused.allowed, refused.at], [false, 1]);
  assert.equal(rates.take([take(own, "a")], NOW_MS).remaining, 2);
});
