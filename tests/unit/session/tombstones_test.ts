import assert from "node:assert/strict";
import { type RevocationFacts, Tombstones } from "../../../lib/session/tombstones.ts";
import { Bench, NOW_MS } from "./fakes.ts";

const strict = { sanitizeOps: true, sanitizeResources: true };
const MINUTE = 60_000;
const SEALED = new Bench().sealed();
const facts = (sid: string): RevocationFacts => ({ ...SEALED, sid });

Deno.test("L6: a revoked session is dead, others are not", strict, () => {
  const list = new Tombstones();
  list.revoke("a", NOW_MS + MINUTE, NOW_MS);
  assert.deepEqual([list.isRevoked(facts("a")), list.isRevoked(facts("b"))], [true, false]);
});

Deno.test("L6: a tombstone stands until its session's expiry, and goes soon after", strict, () => {
  const list = new Tombstones();
  const expiresAtMs = NOW_MS + 10 * MINUTE + 1;
  list.revoke("a", expiresAtMs, NOW_MS);
  list.sweep(expiresAtMs - 1);
  assert.equal(list.isRevoked(facts("a")), true);
  list.sweep(expiresAtMs + MINUTE);
  assert.equal(list.isRevoked(facts("a")), false);
  assert.equal(list.size, 0);
});

Deno.test("L6: revoked again, the later expiry counts", strict, () => {
  const list = new Tombstones();
  list.revoke("a", NOW_MS + 20 * MINUTE, NOW_MS);
  list.revoke("a", NOW_MS + 5 * MINUTE, NOW_MS);
  list.revoke("a", NOW_MS + 40 * MINUTE, NOW_MS);
  assert.equal(list.size, 1);
  list.sweep(NOW_MS + 30 * MINUTE);
  assert.equal(list.isRevoked(facts("a")), true);
  list.sweep(NOW_MS + 50 * MINUTE);
  assert.equal(list.size, 0);
});

Deno.test("L6: what has expired needs no tombstone", strict, () => {
  const list = new Tombstones();
  list.revoke("a", NOW_MS, NOW_MS);
  assert.equal(list.size, 0);
});

Deno.test("M3: a full list stays at its bound: the soonest to expire gives way, and is counted", strict, () => {
  const list = new Tombstones({ maxEntries: 3 });
  list.revoke("late", NOW_MS + 30 * MINUTE, NOW_MS);
  list.revoke("soon", NOW_MS + 10 * MINUTE, NOW_MS);
  list.revoke("middle", NOW_MS + 20 * MINUTE, NOW_MS);
  list.revoke("new", NOW_MS + 25 * MINUTE, NOW_MS);
  assert.deepEqual([list.size, list.lost], [3, 1]);
  const dead = ["late", "soon", "middle", "new"].filter((sid) => list.isRevoked(facts(sid)));
  assert.deepEqual(dead, ["late", "middle", "new"]);
});

Deno.test("M3: a full list of expired tombstones loses none that counts", strict, () => {
  const list = new Tombstones({ maxEntries: 2 });
  list.revoke("a", NOW_MS + MINUTE, NOW_MS);
  list.revoke("b", NOW_MS + MINUTE, NOW_MS);
  const later = NOW_MS + 10 * MINUTE;
  list.revoke("c", later + MINUTE, later);
  assert.deepEqual([list.size, list.lost, list.isRevoked(facts("c"))], [1, 0, true]);
});

Deno.test("M3: a full list that holds a sid twice still makes room for one more", strict, () => {
  const list = new Tombstones({ maxEntries: 2 });
  list.revoke("a", NOW_MS + 5 * MINUTE, NOW_MS);
  list.revoke("a", NOW_MS + 50 * MINUTE, NOW_MS);
  list.revoke("b", NOW_MS + 40 * MINUTE, NOW_MS);
  list.revoke("c", NOW_MS + 60 * MINUTE, NOW_MS);
  assert.deepEqual([list.size, list.lost], [2, 1]);
  assert.deepEqual(["a", "b", "c"].filter((sid) => list.isRevoked(facts(sid))), ["a", "c"]);
});
