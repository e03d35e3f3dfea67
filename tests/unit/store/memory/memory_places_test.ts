import assert from "node:assert/strict";
import { MemoryPlaces } from "../../../../lib/store/memory/memory_places.ts";
import { STRICT } from "../../../support/strict.ts";

const BOUNDS = { limit: 3, yieldAfterMs: 10_000, idleMs: 60_000 };

function placesAt() {
  const clock = { nowMs: 1_700_000_000_000 };
  return { clock, places: new MemoryPlaces(() => clock.nowMs) };
}

Deno.test(
  "M5 R5: what nobody uses gives way to its principal's next session, and no more often than there are places",
  STRICT,
  async () => {
    const { clock, places } = placesAt();
    const take = (session: string, principal = "p") => places.take({ principal, session }, BOUNDS);
    for (let i = 0; i < 3; i++) assert.deepEqual(await take(`s${i}`), { taken: true });
    assert.deepEqual(await take("s1"), { taken: true }, "it has a place");
    assert.deepEqual(await take("s3"), { taken: false, freeInMs: 10_000 });
    assert.deepEqual(await take("s3", "q"), { taken: true }, "another's cap is another's");
    clock.nowMs += 10_000;
    for (let i = 3; i < 6; i++) {
      assert.deepEqual(await take(`s${i}`), { taken: true });
      clock.nowMs += 10_000;
    }
    assert.equal((await take("s6")).taken, false, "as many have given way as there may be");
    assert.equal(await places.count("p", BOUNDS.idleMs), 3);
  },
);

Deno.test(
  "M1: what is unused for as long as is kept is forgotten, and a session that comes back is refused nothing",
  STRICT,
  async () => {
    const { clock, places } = placesAt();
    for (let i = 0; i < 3; i++) await places.take({ principal: "p", session: `s${i}` }, BOUNDS);
    await places.touch([{ principal: "p", session: "back" }, { principal: "other", session: "o" }], BOUNDS);
    assert.equal(await places.count("p", BOUNDS.idleMs), 3, "the longest unused gave way");
    await places.release({ principal: "p", session: "back" });
    await places.release({ principal: "p", session: "back" });
    assert.equal(await places.count("p", BOUNDS.idleMs), 2);
    clock.nowMs += BOUNDS.idleMs;
    assert.equal(await places.count("p", BOUNDS.idleMs), 0);
    assert.deepEqual(await places.take({ principal: "p", session: "new" }, BOUNDS), { taken: true });
    assert.equal(places.size, 1, "that of another is forgotten, too");
  },
);

const HOUR_MS = 3_600_000;

Deno.test(
  "P8: places of a clock that was ahead are forgotten as others are, once it has been set back",
  STRICT,
  async () => {
    const { clock, places } = placesAt();
    const take = (session: string, principal = "p") => places.take({ principal, session }, BOUNDS);
    for (let i = 0; i < 3; i++) await take(`s${i}`);
    await take("t0", "q");
    clock.nowMs -= HOUR_MS;
    assert.deepEqual(await take("s3"), { taken: true }, "they hold nobody up");
    await places.touch([{ principal: "p", session: "s2" }], BOUNDS);
    clock.nowMs += BOUNDS.idleMs - BOUNDS.yieldAfterMs;
    assert.equal(await places.count("p", BOUNDS.idleMs), 2, "what is in use, that is");
    clock.nowMs += BOUNDS.yieldAfterMs;
    for (const principal of ["p", "q"]) assert.equal(await places.count(principal, BOUNDS.idleMs), 0);
    await take("new", "r");
    assert.equal(places.size, 1);
  },
);

Deno.test(
  "P8: what has given way before the clock was set back counts as long again, and no longer",
  STRICT,
  async () => {
    const { clock, places } = placesAt();
    const take = (session: string) => places.take({ principal: "p", session }, BOUNDS);
    for (let i = 0; i < 6; i++) {
      assert.deepEqual(await take(`s${i}`), { taken: true });
      if (i >= 2) clock.nowMs += BOUNDS.yieldAfterMs;
    }
    assert.equal((await take("s6")).taken, false);
    clock.nowMs -= HOUR_MS;
    assert.deepEqual(await take("s6"), { taken: false, freeInMs: BOUNDS.idleMs });
    for (let i = 0; i < 3; i++) await places.touch([{ principal: "p", session: `s${3 + i}` }], BOUNDS);
    clock.nowMs += BOUNDS.idleMs - 1;
    assert.equal((await take("s6")).taken, false);
    clock.nowMs += 1;
    assert.deepEqual(await take("s6"), { taken: true });
  },
);

Deno.test("P8: a clock that steps back by a moment lets nothing give way that is in use", STRICT, async () => {
  const { clock, places } = placesAt();
  const take = (session: string) => places.take({ principal: "p", session }, BOUNDS);
  for (let i = 0; i < 3; i++) await take(`s${i}`);
  clock.nowMs -= 20;
  assert.deepEqual(await take("s3"), { taken: false, freeInMs: BOUNDS.yieldAfterMs });
});
