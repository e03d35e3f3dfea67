// A turn that comes to nothing is given back, so that the others do not wait for nobody (docs/behaviour.md L4, R1).
import assert from "node:assert/strict";
import { SignetError } from "../../../lib/errors.ts";
import { StoreError } from "../../../lib/store/store.ts";
import { waitForTurn } from "../../../lib/store/turns.ts";
import { FakeAliases } from "../../support/fake_aliases.ts";
import { FakeTimers, settle } from "../../support/fake_timers.ts";
import { STRICT } from "../../support/strict.ts";

for (
  const fault of [
    new StoreError("io", "The store does not answer", { remedy: "Start it." }),
    new SignetError("draining"),
  ]
) {
  Deno.test(`L4 R1: a turn is given back where ${fault.name} hides whether it is needed`, STRICT, async () => {
    const timers = new FakeTimers();
    const store = new FakeAliases(() => timers.now());
    const isDone = () => Promise.reject(fault);
    await assert.rejects(
      waitForTurn(store, { sid: "s", holder: "here", turnMs: 5000, timers, isDone }),
      (error) => error === fault,
    );
    await settle();
    assert.equal(await store.takeTurn("s", "there", 1000), true);
  });
}

Deno.test("L4 R1: a turn is kept by whoever is to open, and given back by whoever finds it done", STRICT, async () => {
  const timers = new FakeTimers();
  const store = new FakeAliases(() => timers.now());
  const turn = { sid: "s", holder: "here", turnMs: 5000, timers };
  assert.equal(await waitForTurn(store, { ...turn, isDone: () => Promise.resolve(false) }), true);
  assert.equal(await store.takeTurn("s", "there", 1000), false);
  await store.giveTurnBack("s", "here");
  assert.equal(await waitForTurn(store, { ...turn, isDone: () => Promise.resolve(true) }), false);
  await settle();
  assert.equal(await store.takeTurn("s", "there", 1000), true);
});

Deno.test(
  "P8: a turn of another's is waited for as long again, and no longer, where the clock is set back",
  STRICT,
  async () => {
    const store = new FakeAliases(() => 0);
    await store.takeTurn("s", "there", 1000);
    let nowMs = 3_600_000;
    const timers = {
      now: () => nowMs,
      after: (ms: number, run: () => void) => {
        nowMs += ms;
        queueMicrotask(run);
        return () => {};
      },
    };
    let looks = 0;
    const isDone = () => {
      if (++looks === 3) nowMs = 0;
      // Nobody waits for so long as that.
      return Promise.resolve(looks > 1000);
    };
    await assert.rejects(waitForTurn(store, { sid: "s", holder: "here", turnMs: 5000, timers, isDone }), SignetError);
    assert.ok(nowMs <= 5100, `${nowMs} ms since the clock was set`);
  },
);
