import assert from "node:assert/strict";
import { SeenCounts, WINDOW } from "../../../lib/replica/seen_counts.ts";
import { STRICT } from "../../support/strict.ts";

Deno.test("R2: a count is new once, in whatever order counts come", STRICT, () => {
  const seen = new SeenCounts();
  const order = [0, 2, 1, 5, 3, 4, 100, 50, 99];
  for (const count of order) assert.equal(seen.isNew("a", count), true, String(count));
  for (const count of order) assert.equal(seen.isNew("a", count), false, String(count));
  assert.equal(seen.isNew("b", 5), true, "each sender counts for itself");
});

Deno.test("R2: what is older than the window counts as seen, and a leap leaves nothing behind", STRICT, () => {
  const seen = new SeenCounts();
  assert.equal(seen.isNew("a", 3), true);
  assert.equal(seen.isNew("a", WINDOW + 3), true);
  assert.equal(seen.isNew("a", 3), false);
  assert.equal(seen.isNew("a", 4), true, "at the window's edge");
  assert.equal(seen.isNew("a", 10 * WINDOW), true);
  for (let count = 9 * WINDOW + 1; count < 10 * WINDOW; count += 97) assert.equal(seen.isNew("a", count), true);
  assert.equal(seen.isNew("a", 9 * WINDOW), false);
});

Deno.test("M3: senders are remembered within a bound", STRICT, () => {
  const seen = new SeenCounts();
  for (let i = 0; i < 3000; i++) seen.isNew(`s${i}`, 0);
  assert.ok(seen.size <= 1024);
  assert.equal(seen.isNew("s2999", 0), false);
});

Deno.test("R2: who sends on is not the one that is forgotten, however many others have come since", STRICT, () => {
  const seen = new SeenCounts();
  assert.equal(seen.isNew("steady", 0), true);
  for (let i = 0; i < 3000; i++) {
    assert.equal(seen.isNew(`short${i}`, 0), true);
    assert.equal(seen.isNew("steady", i + 1), true);
  }
  assert.equal(seen.isNew("steady", 0), false);
  assert.equal(seen.isNew("steady", 2999), false);
});
