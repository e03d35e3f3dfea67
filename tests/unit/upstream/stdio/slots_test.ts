import assert from "node:assert/strict";
import { SignetError } from "../../../../lib/errors.ts";
import { type Slot, Slots, type Yielding } from "../../../../lib/upstream/stdio/slots.ts";
import { callerKeys, ownerKey } from "../../../support/callers.ts";
import { STRICT } from "../../../support/strict.ts";

const CAPS = { maxProcesses: 4, maxProcessesPerPrincipal: 2, yieldAfterMs: 30_000 };
const [A, B] = [callerKeys("a"), callerKeys("b")];

/** In use for good. */
const BUSY: Yielding = { unusedSinceMs: () => undefined, give: () => assert.fail("it is in use") };

/** Unused since then; `given` counts how often it was asked to go. */
function unusedSince(sinceMs: number): Yielding & { given: number } {
  const holder = { given: 0, unusedSinceMs: () => sinceMs, give: () => void holder.given++ };
  return holder;
}

async function isReady({ ready }: Slot): Promise<boolean> {
  return ready === undefined || await Promise.race([ready.then(() => true), Promise.resolve().then(() => false)]);
}

function retryAfter(slots: Slots): number | undefined {
  try {
    slots.reserve(A, BUSY).release();
    return undefined;
  } catch (fault) {
    assert.ok(fault instanceof SignetError && fault.code === "principal_limit");
    return fault.detail.retryAfterS;
  }
}

Deno.test("M5: the place unused longest is inherited when its process is gone, and only then", STRICT, async () => {
  let nowMs = 0;
  const slots = new Slots(CAPS, () => nowMs);
  const [older, newer, others] = [unusedSince(1_000), unusedSince(2_000), unusedSince(0)];
  const first = slots.reserve(A, older);
  slots.reserve(A, newer);
  slots.reserve(B, others);
  nowMs = 30_500;
  assert.equal(retryAfter(slots), 1);
  nowMs = 31_000;
  const heir = slots.reserve(A, BUSY);
  assert.deepEqual([older.given, newer.given, others.given], [1, 0, 0]);
  assert.deepEqual([await isReady(heir), slots.total, slots.most], [false, 3, 3]);
  first.release();
  first.release();
  assert.deepEqual([await isReady(heir), slots.total, slots.most], [true, 3, 3]);
  assert.equal(retryAfter(slots), 1, "the next is unused since 2 s");
});

Deno.test("M1: who no longer waits for a place leaves it as it was, whoever else waits", STRICT, async () => {
  const slots = new Slots({ ...CAPS, maxProcessesPerPrincipal: 1, yieldAfterMs: 0 }, () => 0);
  const first = slots.reserve(A, unusedSince(0));
  const heir = slots.reserve(A, unusedSince(0));
  assert.equal(retryAfter(slots), 1, "its place is promised already");
  heir.release();
  heir.release();
  assert.equal(slots.total, 1, "the process is still there");
  first.release();
  assert.deepEqual([slots.total, slots.principals], [0, 0]);
  const again = slots.reserve(A, BUSY);
  assert.equal(await isReady(again), true);
  again.release();
  assert.equal(slots.total, 0);
});

Deno.test(
  "M5: with all in use a place is free at the earliest when one has been unused for as long as it takes",
  STRICT,
  () => {
    const slots = new Slots(CAPS, () => 0);
    slots.reserve(A, BUSY);
    slots.reserve(A, BUSY);
    assert.equal(retryAfter(slots), 30);
    assert.equal(slots.refused, 1);
  },
);

Deno.test("M5 O2: the same person through another client makes room with nothing of this one's", STRICT, () => {
  const slots = new Slots({ ...CAPS, yieldAfterMs: 0 }, () => 5_000);
  const [ours, theirs] = [{ ...A, owner: ownerKey("a by one client") }, { ...A, owner: ownerKey("a by another") }];
  const [older, newer] = [unusedSince(1_000), unusedSince(2_000)];
  slots.reserve(theirs, older);
  slots.reserve(ours, newer);
  slots.reserve(ours, BUSY);
  assert.deepEqual([older.given, newer.given], [0, 1]);
  assert.throws(() => slots.reserve(ours, BUSY), (fault) => {
    return fault instanceof SignetError && fault.code === "principal_limit"; // the cap is the principal's
  });
  assert.equal(older.given, 0);
});
