import assert from "node:assert/strict";
import { beginEvent, endEvent, eventTime } from "../../../lib/platform/event_time.ts";
import { STRICT } from "../../support/strict.ts";

/** A clock that goes on with each look. */
function counted(run: (looks: () => number) => void): void {
  const { now } = performance;
  let looks = 0;
  performance.now = () => ++looks;
  try {
    run(() => looks);
  } finally {
    performance.now = now;
  }
}

Deno.test("the time of an event is read once, when it is first asked for", STRICT, () => {
  counted((looks) => {
    assert(beginEvent());
    try {
      assert.equal(looks(), 0);
      assert.deepEqual([eventTime(), eventTime(), eventTime()], [1, 1, 1]);
    } finally {
      endEvent();
    }
    assert.equal(looks(), 1);
  });
});

Deno.test("outside of an event each look is one, before it and behind it", STRICT, () => {
  counted(() => {
    assert.deepEqual([eventTime(), eventTime()], [1, 2]);
    assert(beginEvent());
    assert.equal(eventTime(), 3);
    endEvent();
    assert.deepEqual([eventTime(), eventTime()], [4, 5]);
  });
});

Deno.test("an event within another is part of it, and ends nothing", STRICT, () => {
  counted(() => {
    assert(beginEvent());
    try {
      assert.equal(eventTime(), 1);
      assert(!beginEvent());
      assert.equal(eventTime(), 1);
    } finally {
      endEvent();
    }
    assert.equal(eventTime(), 2);
  });
});

Deno.test("the next event has a time of its own", STRICT, () => {
  counted(() => {
    for (const expected of [1, 2]) {
      assert(beginEvent());
      assert.equal(eventTime(), expected);
      endEvent();
    }
  });
});
