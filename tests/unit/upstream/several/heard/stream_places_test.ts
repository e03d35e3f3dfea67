// Places of the members' streams, as one that goes to a client and comes back (docs/behaviour.md A5, A6).
import assert from "node:assert/strict";
import { StreamPlaces } from "../../../../../lib/upstream/several/heard/stream_places.ts";
import type { MemberLife } from "../../../../../lib/upstream/several/members/member_life.ts";
import { freshRing } from "../../../../support/signet.ts";
import { STRICT } from "../../../../support/strict.ts";

function lives(places: Readonly<Record<string, string | undefined>>): MemberLife[] {
  return Object.entries(places).map(([name, place]) => ({ name, place }) as MemberLife);
}

Deno.test("A5: where the members' streams stand comes back to their own session alone", STRICT, () => {
  const ring = freshRing();
  const places = new StreamPlaces(() => ring);
  assert.equal(places.of("run", lives({ a: undefined })), undefined);
  const sealed = places.of("run", lives({ a: "e1", b: undefined, c: "event-nine-of-c" }))!;
  assert.ok(!sealed.includes("event-nine-of-c"));
  assert.deepEqual([...places.in("run", sealed)], [["a", "e1"], ["c", "event-nine-of-c"]]);
  assert.equal(places.of("run", lives({ a: "e1", c: "event-nine-of-c" })), sealed, "the same is the same text");
  for (const [run, given] of [["another", sealed], ["run", `${sealed}x`], ["run", undefined]] as const) {
    assert.equal(places.in(run, given).size, 0);
  }
  const others = freshRing();
  assert.equal(new StreamPlaces(() => others).in("run", sealed).size, 0);
});

Deno.test("A6: one member's long place leaves the others theirs", STRICT, () => {
  const ring = freshRing();
  const places = new StreamPlaces(() => ring);
  const sealed = places.of("run", lives({ long: "x".repeat(2000), a: "e1", b: "e".repeat(100) }));
  assert.deepEqual([...places.in("run", sealed).keys()], ["a", "b"]);
});
