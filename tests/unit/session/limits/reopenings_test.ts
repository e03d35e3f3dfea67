// lib/session/limits/reopenings.ts: bounds that nothing evicts, for sessions and principals, in bounded memory (L4, M2).
import assert from "node:assert/strict";
import { Reopenings } from "../../../../lib/session/limits/reopenings.ts";
import { principalKeyOf } from "../../../support/callers.ts";
import { STRICT } from "../../../support/strict.ts";

const ALICE = principalKeyOf("alice"), BOB = principalKeyOf("bob");

Deno.test("M2: a session may be opened again ten times within a minute, and again as the minute passes", STRICT, () => {
  const reopenings = new Reopenings({ mostPerPrincipal: () => 1000 });
  const take = (nowMs: number) => reopenings.take({ principal: ALICE, sid: "s" }, nowMs) !== undefined;
  const taken = (nowMs: number) => Array.from({ length: 20 }, () => take(nowMs)).filter(Boolean).length;
  assert.equal(taken(0), 10);
  assert.equal(taken(5_999), 0);
  assert.equal(taken(6_000), 1);
  assert.equal(taken(66_000), 10);
});

Deno.test(
  "M2: a principal has a bound over all of its sessions, others have theirs, and a reload moves it",
  STRICT,
  () => {
    let most = 20;
    const reopenings = new Reopenings({ mostPerPrincipal: () => most });
    let n = 0;
    const taken = (principal = ALICE) =>
      Array.from({ length: 100 }, () => reopenings.take({ principal, sid: `s${n++}` }, 0)).filter(Boolean).length;
    assert.equal(taken(), 20);
    assert.equal(taken(BOB), 20);
    most = 30;
    assert.equal(taken(), 10);
    most = 1;
    assert.equal(taken(BOB), 0);
  },
);

Deno.test("M2: a turn given back is there again, once", STRICT, () => {
  const reopenings = new Reopenings({ mostPerPrincipal: () => 10 });
  const take = () => reopenings.take({ principal: ALICE, sid: "s" }, 0);
  const turns = Array.from({ length: 10 }, take);
  assert.equal(take(), undefined);
  turns[0]!.giveBack();
  assert.notEqual(take(), undefined);
  assert.equal(take(), undefined);
});

Deno.test(
  "M6: counts are bounded in number; whoever comes beyond shares one, until others are back at zero",
  STRICT,
  () => {
    const reopenings = new Reopenings({ mostPerPrincipal: () => 10, maxEntries: 4 });
    const take = (name: string, nowMs: number) =>
      reopenings.take({ principal: principalKeyOf(name), sid: name }, nowMs);
    assert.notEqual(take("a", 0), undefined);
    assert.notEqual(take("b", 0), undefined);
    const strangers = Array.from({ length: 50 }, (_, n) => take(`x${n}`, 1)).filter((turn) => turn !== undefined);
    assert.equal(strangers.length <= 10, true, `${strangers.length} turns`);
    assert.equal(reopenings.size, 4);
    assert.notEqual(take("c", 120_000), undefined);
    assert.equal(reopenings.size, 2);
  },
);

Deno.test("M2: one principal with many ids, or whose turns come to nothing, takes no count from others", STRICT, () => {
  const reopenings = new Reopenings({ mostPerPrincipal: () => 20, maxEntries: 50 });
  for (let n = 0; n < 1000; n++) reopenings.take({ principal: ALICE, sid: `a${n}` }, 0);
  assert.equal(reopenings.size, 21, "its turns, and its own");
  const taken = Array.from({ length: 15 }, () =>
    reopenings.take({ principal: BOB, sid: "b" }, 0)).filter(Boolean).length;
  assert.equal(taken, 10);

  const inVain = new Reopenings({ mostPerPrincipal: () => 20, maxEntries: 50 });
  for (let n = 0; n < 1000; n++) inVain.take({ principal: ALICE, sid: `a${n}` }, 0)!.giveBack();
  assert.equal(inVain.size, 0);
});
