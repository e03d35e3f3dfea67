import assert from "node:assert/strict";
import { HintBook } from "../../../lib/policy/hint_book.ts";
import { hintsOf } from "../../../lib/policy/hints.ts";

const SAFE = hintsOf({ readOnlyHint: true });
const NOW_MS = 1_800_000_000_000;

Deno.test("hints are what MCP presumes where the server says nothing, or nothing that is a truth value", () => {
  const presumed = { readOnly: false, destructive: true, idempotent: false, openWorld: true };
  for (const said of [undefined, null, "x", [], {}, { readOnlyHint: "true", destructiveHint: 0 }]) {
    assert.deepEqual({ ...hintsOf(said) }, presumed);
  }
  assert.deepEqual({
    ...hintsOf({ readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false }),
  }, {
    readOnly: true,
    destructive: false,
    idempotent: true,
    openWorld: false,
  });
  assert.equal(hintsOf({ readOnlyHint: true }), SAFE); // one object each
});

Deno.test("what was said of a tool is known for five minutes, by those whose list it was", () => {
  const book = new HintBook();
  book.learn("s1", "a", { hints: SAFE, atMs: NOW_MS });
  assert.equal(book.find("s1", "a", NOW_MS + 299_999), SAFE);
  assert.equal(book.find("s1", "a", NOW_MS + 300_000), undefined);
  assert.equal(book.find("s1", "a", NOW_MS - 1), undefined); // a clock set back
  assert.equal(book.find("s2", "a", NOW_MS), undefined);
  assert.equal(book.find("s1", "b", NOW_MS), undefined);
});

Deno.test("a whole list says for a second what is not there", () => {
  const book = new HintBook();
  assert.equal(book.isFresh("s1", NOW_MS), false);
  book.complete("s1", NOW_MS);
  assert.deepEqual([book.isFresh("s1", NOW_MS + 999), book.isFresh("s1", NOW_MS + 1000)], [true, false]);
});

Deno.test("M6: hints are bounded in bytes, and the session that was asked about longest ago goes first", () => {
  const book = new HintBook({ maxBytes: 100_000 });
  const name = "n".repeat(500);
  for (let session = 0; session < 100; session++) {
    for (let tool = 0; tool < 20; tool++) {
      book.learn(`s${session}`, `${name}${tool}`, { hints: SAFE, atMs: NOW_MS });
    }
  }
  assert.ok(book.size >= 3 && book.size <= 5, `${book.size} sessions`);
  assert.equal(book.find("s99", `${name}0`, NOW_MS), SAFE);
  assert.equal(book.find("s0", `${name}0`, NOW_MS), undefined);
  book.learn("s99", "x".repeat(2000), { hints: SAFE, atMs: NOW_MS });
  assert.equal(book.find("s99", "x".repeat(2000), NOW_MS), undefined);
});
