import assert from "node:assert/strict";
import { beginEvent, endEvent, eventDate, eventTime } from "../../../lib/platform/event_time.ts";
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

/** Of the monotonic clock at hand, which does not go back from one test to the next. */
let beginsAtMs = 1e9;

/** Both clocks at hand: what they say, and how often the time of day was looked at. */
function set(run: (clocks: { monotonicMs: number; dateMs: number; looks: number }) => void): void {
  const { now } = performance;
  const { now: date } = Date;
  const clocks = { monotonicMs: beginsAtMs += 1e6, dateMs: 1_800_000_000_000, looks: 0 };
  performance.now = () => clocks.monotonicMs;
  Date.now = () => (clocks.looks++, clocks.dateMs);
  try {
    run(clocks);
  } finally {
    performance.now = now;
    Date.now = date;
  }
}

function dateOfAnEvent(): number {
  assert(beginEvent());
  try {
    return eventDate();
  } finally {
    endEvent();
  }
}

Deno.test("the time of day of events is told by the other clock for a tenth of a second", STRICT, () => {
  set((clocks) => {
    assert.equal(dateOfAnEvent(), 1_800_000_000_000);
    clocks.monotonicMs += 1.75;
    assert.equal(dateOfAnEvent(), 1_800_000_000_001);
    clocks.monotonicMs += 98;
    assert.equal(dateOfAnEvent(), 1_800_000_000_099);
    assert.equal(clocks.looks, 1);
  });
});

Deno.test("a clock that was set, either way, counts within a tenth of a second", STRICT, () => {
  for (const byMs of [3_600_000, -3_600_000]) {
    set((clocks) => {
      assert.equal(dateOfAnEvent(), 1_800_000_000_000);
      clocks.dateMs += byMs;
      clocks.monotonicMs += 100;
      assert.equal(dateOfAnEvent(), 1_800_000_000_000 + byMs);
    });
  }
});

Deno.test("outside of an event the time of day is what it is", STRICT, () => {
  set((clocks) => {
    dateOfAnEvent();
    clocks.dateMs += 5000;
    assert.equal(eventDate(), 1_800_000_005_000);
  });
});

Deno.test("an event that takes long before it asks for the time of day puts nobody's clock forward", STRICT, () => {
  set((clocks) => {
    assert(beginEvent());
    try {
      eventTime();
      clocks.monotonicMs += 40;
      clocks.dateMs += 40;
      assert.equal(eventDate(), 1_800_000_000_040);
    } finally {
      endEvent();
    }
    clocks.monotonicMs += 1;
    clocks.dateMs += 1;
    assert.equal(dateOfAnEvent(), 1_800_000_000_041);
    assert.equal(eventDate(), 1_800_000_000_041);
  });
});

Deno.test("what was issued outside of an event is not later than what is revoked in the next (L6)", STRICT, () => {
  set((clocks) => {
    // Seven tenths of a millisecond in, which the time of day does not say.
    assert.equal(dateOfAnEvent(), 1_800_000_000_000);
    clocks.monotonicMs += 0.4;
    clocks.dateMs += 1;
    assert.equal(eventDate(), 1_800_000_000_001);
    clocks.monotonicMs += 0.2;
    assert.equal(dateOfAnEvent(), 1_800_000_000_001);
  });
});
