// Young garbage is collected while nobody waits, no oftener than it pays.
import assert from "node:assert/strict";
import { Lulls } from "../../../lib/platform/lulls.ts";
import { STRICT } from "../../support/strict.ts";

/** Each collection takes `tookMs` of a clock that is moved by hand. */
class Collections {
  nowMs = 1_000;
  count = 0;
  readonly lulls: Lulls;

  constructor(tookMs = 1) {
    const collect = () => {
      this.count++;
      this.nowMs += tookMs;
    };
    this.lulls = new Lulls({ collect, now: () => this.nowMs });
  }

  /** Calls one after the other, and what their answers bring about. */
  async calls(count: number): Promise<void> {
    for (let call = 0; call < count; call++) {
      this.lulls.asked();
      this.lulls.answered();
    }
    await Promise.resolve();
  }
}

Deno.test(
  "Lulls collects once the last of many calls is answered, after what its answer brings about",
  STRICT,
  async () => {
    const collections = new Collections();
    await collections.calls(99);
    assert.equal(collections.count, 0);
    const { lulls } = collections;
    lulls.asked();
    lulls.answered();
    assert.equal(collections.count, 0);
    await Promise.resolve();
    assert.equal(collections.count, 1);
  },
);

Deno.test("Lulls does not collect while an upstream owes an answer", STRICT, async () => {
  const collections = new Collections();
  const { lulls } = collections;
  lulls.asked();
  await collections.calls(1_000);
  assert.equal(collections.count, 0);
  lulls.answered();
  // Another is asked in the same turn.
  lulls.asked();
  await Promise.resolve();
  assert.deepEqual([collections.count, lulls.owed], [0, 1]);
  lulls.answered();
  await Promise.resolve();
  assert.deepEqual([collections.count, lulls.owed], [1, 0]);
});

Deno.test("Lulls takes a hundredth of the time at most, and rests 250 ms at least", STRICT, async () => {
  for (const [tookMs, restMs] of [[0.5, 250], [20, 2_000]] as const) {
    const collections = new Collections(tookMs);
    await collections.calls(100);
    collections.nowMs += restMs - 1;
    await collections.calls(1_000);
    assert.equal(collections.count, 1, `${tookMs} ms`);
    collections.nowMs += 1;
    await collections.calls(1);
    assert.equal(collections.count, 2, `${tookMs} ms`);
  }
});

Deno.test("Lulls of a runtime that cannot be asked count, and do nothing", STRICT, async () => {
  const lulls = new Lulls({ collect: undefined, now: () => assert.fail("nobody wants to know") });
  for (let call = 0; call < 1_000; call++) {
    lulls.asked();
    lulls.answered();
  }
  await Promise.resolve();
  assert.equal(lulls.owed, 0);
});
