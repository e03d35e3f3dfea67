import assert from "node:assert/strict";
import { PurgeClock } from "../../../lib/store/purge_clock.ts";
import { STRICT } from "../../support/strict.ts";

const NOW_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const BEHIND_MS = 10 * MINUTE_MS;

/** What is purged is told as ended so long ago by the clock that is right. */
function setUp() {
  const time = { steadyMs: NOW_MS, aheadMs: 0 };
  const clock = new PurgeClock(() => time.steadyMs);
  const until = () => clock.until(time.steadyMs + time.aheadMs) - time.steadyMs + BEHIND_MS;
  return { time, until };
}

Deno.test("L6: what has ended is purged ten minutes later: clocks of replicas differ", STRICT, () => {
  const { time, until } = setUp();
  assert.equal(until(), 0);
  time.steadyMs += 30_000;
  assert.equal(until(), 0);
  time.aheadMs += 100;
  assert.equal(until(), 100);
});

for (const looks of [true, false]) {
  Deno.test(
    `P8: a clock that is set forward for a while purges nothing that has not ended (looked at before: ${looks})`,
    STRICT,
    () => {
      const { time, until } = setUp();
      if (looks) until();
      for (const aheadMs of [365 * 24 * HOUR_MS, 25 * HOUR_MS, 2 * MINUTE_MS]) {
        time.aheadMs = aheadMs;
        for (let minute = 0; minute < 59; minute++) {
          time.steadyMs += MINUTE_MS;
          assert.equal(until(), 0);
        }
        time.aheadMs = 0;
        time.steadyMs += MINUTE_MS;
        assert.equal(until(), 0);
      }
    },
  );
}

Deno.test("P8: one that was behind is believed after an hour, and one that is set back at once", STRICT, () => {
  const { time, until } = setUp();
  time.aheadMs = 56 * 365 * 24 * HOUR_MS;
  assert.equal(until(), 0);
  time.steadyMs += HOUR_MS;
  assert.equal(until(), time.aheadMs);
  time.aheadMs = -HOUR_MS;
  assert.equal(until(), -HOUR_MS);
});
