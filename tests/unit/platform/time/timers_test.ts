// Many waits on one timer: each no sooner than after its time, and none that was cancelled.
import assert from "node:assert/strict";
import { atDeadline, OwnedTimer, Patience, Pause, SameDelay } from "../../../../lib/platform/time/timers.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";
import { aMoment, until } from "../../../support/until.ts";

Deno.test("waits of one length run in order, each after its time; those cancelled do not, and one timer is set", async () => {
  const timers = new FakeTimers();
  const delay = new SameDelay(timers, 100);
  const ran: string[] = [];
  const wait = (name: string) => delay.after(() => ran.push(`${name}@${timers.now() - 1_000_000}`));
  wait("a");
  const cancelB = wait("b");
  await timers.advance(60);
  wait("c");
  cancelB!();
  cancelB!();
  assert.equal(timers.pending, 1);
  await timers.advance(39);
  assert.deepEqual(ran, []);
  await timers.advance(200);
  assert.deepEqual(ran, ["a@100", "c@160"]);
  assert.equal(timers.pending, 0);
});

Deno.test("what a wait runs may wait anew, and after the end nothing runs", async () => {
  const timers = new FakeTimers();
  const delay = new SameDelay(timers, 100);
  let ran = 0;
  const again = () => void (++ran < 3 && delay.after(again));
  delay.after(again);
  await timers.advance(250);
  assert.equal(ran, 2);
  delay.close();
  await timers.advance(1000);
  assert.equal(ran, 2);
  assert.equal(timers.pending, 0);
});

Deno.test("waits that begin after the end set no timer, and whoever begins one is told that it will never run", async () => {
  const timers = new FakeTimers();
  const delay = new SameDelay(timers, 100);
  delay.close();
  assert.equal(delay.after(() => assert.fail("it was closed")), undefined);
  assert.equal(timers.pending, 0);
  // From within the last one that runs, too.
  const closing = new SameDelay(timers, 100);
  closing.after(() => closing.close());
  closing.after(() => assert.fail("it was closed"));
  await timers.advance(1000);
  assert.equal(timers.pending, 0);
});

Deno.test("an owned timer is one at a time, and none from its owner's end on", async () => {
  const timers = new FakeTimers();
  const timer = new OwnedTimer(timers);
  const ran: string[] = [];
  assert.equal(timer.set(100, () => ran.push("a")), true);
  assert.equal(timer.set(50, () => ran.push("b")), true);
  assert.equal(timers.pending, 1);
  assert.equal(timer.isSet, true);
  await timers.advance(1000);
  assert.deepEqual(ran, ["b"]);
  assert.equal(timer.isSet, false);
  timer.set(10, () => ran.push("c"));
  timer.clear();
  assert.equal(timers.pending, 0);
  timer.set(10, () => {
    // Whoever runs may have it set anew, or end.
    timer.set(10, () => ran.push("d"));
  });
  await timers.advance(10);
  assert.equal(timer.isSet, true);
  timer.close();
  assert.equal(timer.set(10, () => ran.push("e")), false);
  assert.equal(timers.pending, 0);
  await timers.advance(1000);
  assert.deepEqual(ran, ["b"]);
});

Deno.test("a pause ends before its time where its owner says so, and there is none after the owner's end", async () => {
  const timers = new FakeTimers();
  const pause = new Pause(timers);
  const ended = pause.wait(100);
  pause.end();
  await ended;
  assert.equal(timers.pending, 0);
  const cut = pause.wait(100);
  pause.close();
  await cut;
  await pause.wait(100);
  assert.equal(timers.pending, 0);
});

Deno.test("a pause that begins while another is under way ends that one: nobody waits for ever", async () => {
  const timers = new FakeTimers();
  const pause = new Pause(timers);
  const first = pause.wait(100);
  const second = pause.wait(100);
  await first;
  assert.equal(timers.pending, 1);
  await timers.advance(100);
  await second;
  assert.equal(timers.pending, 0);
});

Deno.test("a deadline passes once, and not at all when it was taken back, however late", STRICT, async () => {
  let passed = 0;
  atDeadline(1, () => passed++);
  await until(() => passed === 1, "the deadline");
  const takeBack = atDeadline(1, () => assert.fail("it was taken back"));
  // Its time is up; the last look is not over.
  await aMoment(5);
  takeBack();
  await aMoment(50);
  assert.equal(passed, 1);
});

Deno.test(
  "P8: patience is over when its time is, and lasts as long again, no longer, if the clock is set back",
  STRICT,
  () => {
    let nowMs = 1000;
    const patience = new Patience(100, { now: () => nowMs });
    const left = [];
    for (nowMs of [1000, 1060, 0, 70, 100, 101, 5000]) left.push(patience.leftMs);
    assert.deepEqual(left, [100, 40, 100, 30, 0, 0, 0]);
  },
);
