// Which calls that waited are lost, and who sees to each (docs/behaviour.md S4, M6).
import assert from "node:assert/strict";
import { LostParks } from "../../../../../lib/bridge/stateless/rounds/lost_parks.ts";
import { STRICT } from "../../../../support/strict.ts";

const HERE = "0123456789abcdef", THERE = "fedcba9876543210";

function parked(n: number, process: string) {
  return { id: n.toString(16).padStart(32, "0"), round: 1, process, marks: "", home: undefined };
}

Deno.test("S4: of this process only what was lost here is lost, and one sees to it", STRICT, () => {
  const lost = new LostParks(HERE);
  const one = parked(1, HERE);
  assert.equal(lost.take(one), false);
  lost.note(one.id);
  assert.equal(lost.take(one), true);
  assert.equal(lost.take(one), false);
  lost.giveBack(one);
  assert.equal(lost.take(one), true);
});

Deno.test("S4: of another process everything is lost, and one sees to it", STRICT, () => {
  const lost = new LostParks(HERE);
  const one = parked(1, THERE);
  assert.equal(lost.take(one), true);
  assert.equal(lost.take(one), false);
  lost.giveBack(one);
  assert.equal(lost.take(one), true);
});

Deno.test("M6: of those lost here the newest are known", STRICT, () => {
  const lost = new LostParks(HERE);
  for (let n = 0; n <= 5000; n++) lost.note(parked(n, HERE).id);
  assert.deepEqual([0, 1, 5000].map((n) => lost.take(parked(n, HERE))), [false, true, true]);
});
