// One timer for all deadlines.
import assert from "node:assert/strict";
import { Sweep, sweepInterval } from "../../../../lib/http1/wire/deadline.ts";
import { ManualClock } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

Deno.test("a sweep looks at its members with the clock's time, and stops with the last of them", STRICT, async () => {
  const clock = new ManualClock();
  const sweep = new Sweep({ now: clock.now, intervalMs: 1 });
  const seen: number[] = [];
  const member = { onSweep: (nowMs: number) => void seen.push(nowMs) };
  const leaving = { onSweep: () => sweep.delete(leaving) };
  sweep.add(member);
  sweep.add(leaving);
  await until(() => seen.length > 0, "a look");
  clock.advance(5);
  await until(() => seen.at(-1) === clock.now(), "a later look");
  sweep.delete(member);
  // The sanitizer fails this test if the timer still runs.
});

Deno.test("sweepInterval is an eighth of the shortest time-out, within bounds", STRICT, () => {
  assert.equal(sweepInterval([800, 10_000]), 100);
  assert.equal(sweepInterval([8]), 10);
  assert.equal(sweepInterval([60_000, 0, Infinity]), 500);
  assert.equal(sweepInterval([0]), 500);
});
