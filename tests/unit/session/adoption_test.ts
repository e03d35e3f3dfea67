import assert from "node:assert/strict";
import { inspect } from "node:util";
import { type Adoption, AdoptionRegistry } from "../../../lib/session/adoption.ts";
import { ownerKey } from "../../support/callers.ts";
import { STRICT } from "../../support/strict.ts";

function claiming(adoption: Adoption) {
  assert.ok(adoption.kind === "claiming", inspect(adoption));
  return adoption.claim;
}

const adopt = (registry: AdoptionRegistry, id: string, owner: string) =>
  claiming(registry.claim(id, ownerKey(owner), 0)).confirm();
const outcome = (adoption: Adoption) => adoption.kind === "refused" ? adoption.reason : adoption.kind;

Deno.test("O5: the first caller owns an id and every other one is refused", STRICT, () => {
  const registry = new AdoptionRegistry();
  adopt(registry, "raw-1", "alice");
  assert.equal(outcome(registry.claim("raw-1", ownerKey("alice"), 0)), "owner");
  assert.equal(outcome(registry.claim("raw-1", ownerKey("mallory"), 0)), "other");
  assert.equal(outcome(registry.claim("raw-1", ownerKey("alice"), 0)), "owner", "lives on untouched");
  assert.equal(registry.check("raw-1", ownerKey("mallory")), "other");
  assert.equal(outcome(registry.claim("raw-2", ownerKey("mallory"), 0)), "claiming", "another id is another matter");
});

Deno.test("O5: of two first callers only one can claim, before the upstream has answered either", STRICT, () => {
  const registry = new AdoptionRegistry();
  const first = claiming(registry.claim("raw-1", ownerKey("alice"), 0));
  assert.equal(outcome(registry.claim("raw-1", ownerKey("mallory"), 0)), "other");
  first.confirm();
  assert.equal(outcome(registry.claim("raw-1", ownerKey("mallory"), 0)), "other");
});

Deno.test("O5: an id the upstream does not know is nobody's again", STRICT, () => {
  const registry = new AdoptionRegistry();
  claiming(registry.claim("raw-1", ownerKey("mallory"), 0)).release();
  adopt(registry, "raw-1", "alice");
  assert.deepEqual([registry.stats().released, registry.stats().claimed, registry.stats().pending], [1, 1, 0]);
});

Deno.test(
  "O5: requests of one caller share a claim; one confirmation decides, and only the last release undoes",
  STRICT,
  () => {
    const registry = new AdoptionRegistry();
    const [first, second] = [
      claiming(registry.claim("raw-1", ownerKey("alice"), 0)),
      claiming(registry.claim("raw-1", ownerKey("alice"), 0)),
    ];
    first.release();
    first.release();
    assert.equal(outcome(registry.claim("raw-1", ownerKey("mallory"), 0)), "other", "the second still holds it");
    second.confirm();
    second.release();
    assert.equal(outcome(registry.claim("raw-1", ownerKey("alice"), 0)), "owner");
    assert.deepEqual(registry.stats(), {
      owners: 1,
      pending: 0,
      claimed: 1,
      released: 0,
      refused: 1,
      evicted: 0,
      forgotten: 0,
    });
  },
);

Deno.test("O5: a late release after a confirmation and an eviction touches nobody else's claim", STRICT, () => {
  const registry = new AdoptionRegistry({ maxOwners: 1 });
  const [first, late] = [
    claiming(registry.claim("raw-1", ownerKey("alice"), 0)),
    claiming(registry.claim("raw-1", ownerKey("alice"), 0)),
  ];
  first.confirm();
  adopt(registry, "raw-2", "alice");
  const next = claiming(registry.claim("raw-1", ownerKey("bob"), 0));
  late.release();
  assert.equal(outcome(registry.claim("raw-1", ownerKey("alice"), 0)), "other");
  next.confirm();
  assert.equal(registry.check("raw-1", ownerKey("bob")), "owner");
});

Deno.test("O4: a blank id or caller fails closed, and so does an id no server may give out", STRICT, () => {
  const registry = new AdoptionRegistry();
  for (const [id, owner] of [["", "alice"], [" ", "alice"], ["raw-1", ""], ["raw-1", " \t"]] as const) {
    assert.equal(outcome(registry.claim(id, ownerKey(owner), 0)), "blank");
    assert.equal(registry.check(id, ownerKey(owner)), "other");
  }
  for (const id of ["a b", "a\n", "ü", "x".repeat(4_097)]) {
    assert.equal(outcome(registry.claim(id, ownerKey("alice"), 0)), "blank");
  }
  assert.equal(registry.stats().pending, 0);
});

Deno.test("O5: an owner pushed out of the LRU leaves the id open to a new claim; one seen again stays", STRICT, () => {
  const registry = new AdoptionRegistry({ maxOwners: 2 });
  adopt(registry, "raw-1", "alice");
  adopt(registry, "raw-2", "bob");
  assert.equal(outcome(registry.claim("raw-1", ownerKey("alice"), 0)), "owner");
  adopt(registry, "raw-3", "carol");
  assert.equal(registry.stats().evicted, 1);
  assert.equal(registry.check("raw-1", ownerKey("alice")), "owner");
  assert.equal(outcome(registry.claim("raw-2", ownerKey("mallory"), 0)), "claiming");
});

Deno.test("O5: holds 10,000 owners unless told otherwise", STRICT, () => {
  const registry = new AdoptionRegistry();
  for (let i = 0; i < 10_005; i++) adopt(registry, `raw-${i}`, "alice");
  assert.deepEqual([registry.stats().owners, registry.stats().evicted], [10_000, 5]);
});

Deno.test("O4: only the owner's DELETE forgets; checking and claiming in vain do not", STRICT, () => {
  const registry = new AdoptionRegistry();
  adopt(registry, "raw-1", "alice");
  assert.equal(registry.forget("raw-1", ownerKey("mallory")), false);
  assert.equal(registry.forget("raw-2", ownerKey("alice")), false);
  assert.equal(registry.check("raw-1", ownerKey("alice")), "owner");
  assert.equal(registry.forget("raw-1", ownerKey("alice")), true);
  assert.equal(registry.forget("raw-1", ownerKey("alice")), false);
  assert.equal(registry.check("raw-1", ownerKey("mallory")), "unclaimed");
});

Deno.test("M3: a flood of invented ids pushes out no owner and is bounded", STRICT, () => {
  const registry = new AdoptionRegistry({ maxOwners: 10, maxPending: 50 });
  adopt(registry, "raw-1", "alice");
  const held = Array.from({ length: 200 }, (_, i) => registry.claim(`invented-${i}`, ownerKey("mallory"), 0));
  assert.equal(held.filter((adoption) => adoption.kind === "claiming").length, 50);
  assert.equal(outcome(held.at(-1)!), "busy");
  assert.equal(registry.stats().pending, 50);
  assert.equal(outcome(registry.claim("raw-1", ownerKey("alice"), 0)), "owner");
  for (const adoption of held) if (adoption.kind === "claiming") adoption.claim.release();
  assert.deepEqual([registry.stats().pending, registry.stats().owners, registry.stats().evicted], [0, 1, 0]);
});
