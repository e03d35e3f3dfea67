import assert from "node:assert/strict";
import { beginEvent, endEvent, eventDate, eventTime } from "../../../../lib/platform/time/event_time.ts";
import { STRICT } from "../../../support/strict.ts";

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

/** A time of day that is set by hand, and how often it was looked at. */
function atDate(run: (clock: { dateMs: number; looks: number }) => void): void {
  const { now } = Date;
  const clock = { dateMs: 1_800_000_000_000, looks: 0 };
  Date.now = () => (clock.looks++, clock.dateMs);
  try {
    run(clock);
  } finally {
    Date.now = now;
  }
}

function inEvent(run: () => void): void {
  assert(beginEvent());
  try {
    run();
  } finally {
    endEvent();
  }
}

Deno.test("the time of day of an event is looked at once, when it is first asked for", STRICT, () => {
  atDate((clock) => {
    inEvent(() => {
      clock.dateMs += 40;
      assert.equal(clock.looks, 0);
      assert.equal(eventDate(), 1_800_000_000_040);
      clock.dateMs += 40;
      assert.equal(eventDate(), 1_800_000_000_040);
      assert.equal(clock.looks, 1);
    });
    assert.equal(eventDate(), 1_800_000_000_080);
  });
});

Deno.test("L6: an event that begins behind a moment is never told an earlier one", STRICT, () => {
  atDate((clock) => {
    for (let i = 0; i < 5; i++) {
      inEvent(() => assert.equal(eventDate(), clock.dateMs));
      clock.dateMs++;
    }
  });
});

Deno.test("a clock that was set, either way, counts in the next event", STRICT, () => {
  atDate((clock) => {
    for (const byMs of [3_600_000, -7_200_000]) {
      clock.dateMs += byMs;
      inEvent(() => assert.equal(eventDate(), clock.dateMs));
    }
  });
});
