import assert from "node:assert/strict";
import { Reachability } from "../../../../lib/app/operators/reachability.ts";
import { KeepAlive } from "../../../../lib/gateway/out/keep_alive.ts";
import { Discoveries } from "../../../../lib/gateway/out/stateless/discoveries.ts";
import { CidrList } from "../../../../lib/platform/network/cidr.ts";
import { isWithin, leftOf, wasThereBy } from "../../../../lib/platform/time/time_of_day.ts";
import { Places } from "../../../../lib/replica/places.ts";
import type { PrincipalKey } from "../../../../lib/session/caller.ts";
import { RefillingCounts } from "../../../../lib/session/limits/refilling_counts.ts";
import { Reopenings } from "../../../../lib/session/limits/reopenings.ts";
import { AnswerDeadline } from "../../../../lib/store/held/answer_deadline.ts";
import { MemoryAliases } from "../../../../lib/store/memory/memory_aliases.ts";
import { MemoryPlaces } from "../../../../lib/store/memory/memory_places.ts";
import { Backoff } from "../../../../lib/upstream/backoff.ts";
import { isDue } from "../../../../lib/upstream/credentials/credential.ts";
import { Breaker } from "../../../../lib/upstream/several/members/breaker.ts";
import { type Slot, Slots } from "../../../../lib/upstream/stdio/slots.ts";
import type { Upstream } from "../../../../lib/upstream/upstream.ts";
import { callerKeys } from "../../../support/callers.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

const HOUR_MS = 3_600_000;

Deno.test("P8: a moment is as near ahead as behind, and a wait no longer than it was to be", STRICT, () => {
  assert.deepEqual([-10, -9, 9, 10].map((ms) => isWithin(100 + ms, 100, 10)), [false, true, true, false]);
  assert.equal(isWithin(0, -Infinity, 10), false);
  assert.deepEqual([9, 10, 11, 20, 21].map((sinceMs) => wasThereBy(10, sinceMs, 20)), [true, true, false, false, true]);
  assert.deepEqual([109, 110, 100, 99, 200].map((nowMs) => leftOf(10, 110, nowMs)), [1, 0, 10, 0, 0]);
});

/** What waits: begun at the time of `timers`, it answers whether it waits still. */
const WAITS: Record<string, (timers: FakeTimers) => () => boolean | Promise<boolean>> = {
  "a server's next start": (timers) => {
    const backoff = new Backoff({ free: 0, firstMs: 1000, maxMs: 60_000, windowMs: 300_000 });
    backoff.fail(timers.now());
    return () => backoff.delayMs(timers.now()) > 0;
  },
  "a member's next try": (timers) => {
    const breaker = new Breaker(timers);
    breaker.fail(new Error("down"));
    return () => breaker.pauseMs > 0;
  },
  "a place of a caller's among workers": (timers) => {
    const places = new MemoryPlaces(() => timers.now());
    const bounds = { limit: 1, yieldAfterMs: 30_000, idleMs: 900_000 };
    places.take({ principal: "p", session: "s" }, bounds);
    return async () => !(await places.take({ principal: "p", session: `${timers.now()}` }, bounds)).taken;
  },
  "a process of a caller's": (timers) => {
    const caps = { maxProcesses: 4, maxProcessesPerPrincipal: 1, yieldAfterMs: 30_000 };
    const slots = new Slots(caps, () => timers.now());
    const sinceMs = timers.now();
    const keys = callerKeys("a");
    slots.reserve(keys, { unusedSinceMs: () => sinceMs, give: () => {} });
    return () => {
      let slot: Slot;
      try {
        slot = slots.reserve(keys, { unusedSinceMs: () => undefined, give: () => {} });
      } catch {
        return true;
      }
      slot.release();
      return false;
    };
  },
  "a session that was opened too often": (timers) => {
    const reopenings = new Reopenings({ mostPerPrincipal: () => 1 });
    const take = () => reopenings.take({ principal: "p" as PrincipalKey, sid: "s" }, timers.now());
    while (take() !== undefined);
    // It comes back from then on when the clock is seen to have been set back: the caller's count first, then the session's.
    let isAsked = false;
    return () => {
      for (let minutes = 0; isAsked && minutes < 2; minutes++) {
        take();
        timers.advance(60_000);
      }
      isAsked = true;
      return take() === undefined;
    };
  },
  "a store that has not answered": (timers) => {
    const deadline = new AnswerDeadline(timers);
    deadline.answerOf(() => new Promise(() => {})).catch(() => {});
    timers.advance(5_000).then(() => timers.advance(100));
    return async () => {
      let asked = false;
      await deadline.answerOf(() => {
        asked = true;
        return Promise.resolve();
      }).catch(() => {});
      return !asked;
    };
  },
};

for (const [what, begin] of Object.entries(WAITS)) {
  Deno.test(`P8: ${what} waits for no clock that was set back`, STRICT, async () => {
    const timers = new FakeTimers(10 * HOUR_MS);
    const waits = begin(timers);
    for (let i = 0; i < 100; i++) await Promise.resolve();
    assert.equal(await waits(), true, "it does not wait at all");
    await timers.advance(-HOUR_MS);
    assert.equal(await waits(), false);
  });
}

Deno.test("P8: whether the server can be reached is asked again by a clock that was set back", STRICT, async () => {
  const timers = new FakeTimers(10 * HOUR_MS);
  let isDown = true;
  const probe = () => isDown ? Promise.reject(new Error("down")) : Promise.resolve();
  const reachability = new Reachability({ probe } as unknown as Upstream, () => timers.now());
  assert.equal(await reachability.check(), "unreachable: down");
  isDown = false;
  await timers.advance(-HOUR_MS);
  assert.equal(await reachability.check(), "ok");
});

Deno.test("P8: a stream is kept alive by a clock that was set back", STRICT, async () => {
  const timers = new FakeTimers(10 * HOUR_MS);
  const keepAlive = new KeepAlive(15_000, () => timers.now());
  let written = 0;
  const writer = { write: () => Promise.resolve(void written++) };
  keepAlive.watch(writer as unknown as Parameters<KeepAlive["watch"]>[0]);
  keepAlive.tick();
  assert.equal(written, 0);
  await timers.advance(-HOUR_MS);
  keepAlive.tick();
  assert.equal(written, 1);
  await timers.advance(14_000);
  keepAlive.tick();
  assert.equal(written, 1);
});

Deno.test(
  "P8: a replica that is no longer named is believed no longer by a clock that was set back",
  STRICT,
  async () => {
    const timers = new FakeTimers(10 * HOUR_MS);
    const places = new Places(new CidrList([]), timers);
    places.note(["10.0.0.5"]);
    assert.equal(places.has(places.of("10.0.0.5")), true);
    await timers.advance(-HOUR_MS);
    assert.equal(places.has(places.of("10.0.0.5")), false);
  },
);

Deno.test("P8: a credential that was obtained before the clock was set back is renewed", STRICT, () => {
  const held = { obtainedAtMs: HOUR_MS, expiresAtMs: 2 * HOUR_MS } as Parameters<typeof isDue>[0];
  assert.deepEqual([HOUR_MS, 0].map((nowMs) => isDue(held, 1000, nowMs)), [false, true]);
});

Deno.test("P8: what a server has said of itself is told again by no clock that was set back", STRICT, () => {
  const discoveries = new Discoveries({ lifeMs: 1000 });
  discoveries.remember("whose", "{}", 10 * HOUR_MS);
  assert.deepEqual([10 * HOUR_MS, 9 * HOUR_MS].map((nowMs) => discoveries.find("whose", nowMs)), ["{}", undefined]);
});

Deno.test(
  "P8: counts that are full make room a window after the clock was set back, and forgive nothing",
  STRICT,
  () => {
    const counts = new RefillingCounts({ windowMs: 60_000, maxEntries: 2 });
    for (const name of ["a", "b", "c"]) counts.of(name, 1, 10 * HOUR_MS).taken++;
    assert.equal(counts.size, 2);
    const setBackMs = 9 * HOUR_MS;
    counts.prune(setBackMs);
    assert.deepEqual(["a", "b", "d"].map((name) => counts.of(name, 1, setBackMs).taken), [1, 1, 1]);
    assert.equal(counts.size, 2);
    counts.prune(setBackMs + 59_999);
    assert.equal(counts.size, 2);
    counts.of("d", 1, setBackMs + 60_000);
    assert.equal(counts.size, 1);
  },
);

Deno.test(
  "P8: a turn whose holder has died lasts as long again, and no longer, if the clock is set back",
  STRICT,
  async () => {
    const timers = new FakeTimers(10 * HOUR_MS);
    const aliases = new MemoryAliases(() => timers.now());
    assert.equal(await aliases.takeTurn("s", "dead", 10_000), true);
    await aliases.replace("s", { before: undefined, text: "told", ttlMs: 60_000 });
    await timers.advance(-HOUR_MS);
    assert.equal(await aliases.takeTurn("s", "other", 10_000), false);
    await timers.advance(10_000);
    assert.equal(await aliases.takeTurn("s", "other", 10_000), true);
    assert.equal(await aliases.get("s"), "told");
    await timers.advance(60_000);
    assert.equal(await aliases.get("s"), undefined);
  },
);
