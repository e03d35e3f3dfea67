import assert from "node:assert/strict";
import { PurgeClock } from "../../../lib/store/purge_clock.ts";
import { STRICT } from "../../support/strict.ts";

const NOW_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;
const YEAR_MS = 365 * 24 * 60 * MINUTE_MS;
const BEHIND_MS = 10 * MINUTE_MS;

function setUp() {
  const time = { elapsed: 5, aheadMs: 0 };
  const clock = new PurgeClock(() => time.elapsed);
  const until = () => clock.until(NOW_MS + time.elapsed + time.aheadMs) - NOW_MS - time.elapsed + BEHIND_MS;
  return { time, until };
}

Deno.test("L6: what has ended is purged ten minutes later: clocks of replicas differ", STRICT, () => {
  const { time, until } = setUp();
  assert.equal(until(), 0);
  time.elapsed += 30_000;
  assert.equal(until(), 0);
});

Deno.test("P8: a clock that is set forward for a while purges nothing that has not ended", STRICT, () => {
  const { time, until } = setUp();
  until();
  for (const aheadMs of [YEAR_MS, 25 * 60 * MINUTE_MS]) {
    time.elapsed += 30_000;
    time.aheadMs = aheadMs;
    assert.ok(until() <= 30_000);
    time.elapsed += 30_000;
    assert.ok(until() <= MINUTE_MS);
    time.aheadMs = 0;
    time.elapsed += 30_000;
    assert.equal(until(), 0);
  }
});

Deno.test("P8: one that was behind is caught up with, and one that is set back is followed at once", STRICT, () => {
  const { time, until } = setUp();
  until();
  time.aheadMs = 60 * MINUTE_MS;
  for (let minute = 0; minute < 60; minute++) {
    time.elapsed += MINUTE_MS;
    until();
  }
  assert.equal(until(), 60 * MINUTE_MS);
  time.aheadMs = 0;
  assert.equal(until(), 0);
});
