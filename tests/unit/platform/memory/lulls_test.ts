// Young garbage is collected while nobody waits, no oftener than it pays.
import assert from "node:assert/strict";
import { Lulls } from "../../../../lib/platform/memory/lulls.ts";
import { STRICT } from "../../../support/strict.ts";

/** Each collection takes `tookMs` of a clock that is moved by hand. */
class Collections {
  nowMs = 1_000;
  count = 0;
  readonly lulls: Lulls;
  readonly #later: (() => void)[] = [];

  constructor(tookMs = 1) {
    const collect = () => {
      this.count++;
      this.nowMs += tookMs;
    };
    this.lulls = new Lulls({ collect, now: () => this.nowMs, later: (task) => void this.#later.push(task) });
  }

  /** What is to be done once the event in hand has brought about all it does. */
  get putOff(): number {
    return this.#later.length;
  }

  /** Calls one after the other in one event. */
  event(calls: number): void {
    for (let call = 0; call < calls; call++) {
      this.lulls.asked();
      this.lulls.answered();
    }
  }

  end(): void {
    for (const task of this.#later.splice(0)) task();
  }

  calls(count: number): void {
    this.event(count);
    this.end();
  }
}

Deno.test(
  "Lulls collects once the last of many calls is answered, after all that its answer brings about",
  STRICT,
  () => {
    const collections = new Collections();
    collections.calls(99);
    assert.equal(collections.count, 0);
    collections.event(1);
    assert.equal(collections.count, 0);
    collections.end();
    assert.equal(collections.count, 1);
  },
);

Deno.test("Lulls puts nothing off while it rests: a call costs it no turn of its own", STRICT, () => {
  const collections = new Collections();
  collections.calls(100);
  collections.event(1_000);
  assert.deepEqual([collections.putOff, collections.count], [0, 1]);
});

Deno.test("Lulls does not collect while an upstream owes an answer", STRICT, () => {
  const collections = new Collections();
  const { lulls } = collections;
  lulls.asked();
  collections.calls(1_000);
  assert.equal(collections.count, 0);
  lulls.answered();
  // Another is asked in the same turn.
  lulls.asked();
  collections.end();
  assert.deepEqual([collections.count, lulls.owed], [0, 1]);
  lulls.answered();
  collections.end();
  assert.deepEqual([collections.count, lulls.owed], [1, 0]);
});

Deno.test("Lulls takes a hundredth of the time at most, and rests 250 ms at least", STRICT, () => {
  for (const [tookMs, restMs] of [[0.5, 250], [20, 2_000]] as const) {
    const collections = new Collections(tookMs);
    collections.calls(100);
    collections.nowMs += restMs - 1;
    collections.calls(1_000);
    assert.equal(collections.count, 1, `${tookMs} ms`);
    collections.nowMs += 1;
    collections.calls(1);
    assert.equal(collections.count, 2, `${tookMs} ms`);
  }
});

Deno.test("Lulls of a runtime that cannot be asked count, and do nothing", STRICT, () => {
  const nobody = () => assert.fail("nobody wants to know");
  const lulls = new Lulls({ collect: undefined, now: nobody, later: nobody });
  for (let call = 0; call < 1_000; call++) {
    lulls.asked();
    lulls.answered();
  }
  assert.equal(lulls.owed, 0);
});
