// lib/policy/askings.ts: how often callers make Signet ask, in bounded memory (G4, M6).
import assert from "node:assert/strict";
import { Askings } from "../../../lib/policy/askings.ts";
import { principalKeyOf } from "../../support/callers.ts";

const ALICE = principalKeyOf("alice"), BOB = principalKeyOf("bob");
const NOW_MS = 1_800_000_000_000;

Deno.test("G4: a caller asks anew ten times within a minute, and for what nobody has asked as often as is set", () => {
  let most = 20;
  const askings = new Askings({ mostPerPrincipal: () => most });
  const turns = (key = ALICE, isAnew = true, nowMs = NOW_MS) =>
    Array.from({ length: 100 }, () => askings.take(key, isAnew, nowMs)).filter((waitMs) => waitMs === 0).length;
  assert.equal(turns(), 10);
  assert.equal(askings.take(ALICE, true, NOW_MS), 6000);
  assert.equal(turns(ALICE, false), 10);
  assert.equal(turns(BOB), 10); // another's
  assert.equal(turns(ALICE, true, NOW_MS + 6000), 1);
  most = 30; // a reload
  assert.equal(turns(BOB, false), 20);
});

Deno.test("M6: newcomers set no caller free that has had its turns, and those beyond the bound share theirs", () => {
  const askings = new Askings({ mostPerPrincipal: () => 10, maxEntries: 3 });
  const take = (key = ALICE) => askings.take(key, true, NOW_MS) === 0;
  assert.equal(Array.from({ length: 20 }, () => take()).filter(Boolean).length, 10);
  const crowd = Array.from({ length: 100 }, (_, i) => take(principalKeyOf(`crowd ${i}`)));
  assert.equal(crowd.filter(Boolean).length, 2 + 10);
  assert.equal(askings.size, 3);
  assert.equal(take(), false);
});
