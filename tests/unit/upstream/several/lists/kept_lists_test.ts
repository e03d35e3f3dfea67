import assert from "node:assert/strict";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import { KeptLists } from "../../../../../lib/upstream/several/lists/kept_lists.ts";
import type { ListKind } from "../../../../../lib/upstream/several/lists/list_kinds.ts";
import type { Listed } from "../../../../../lib/upstream/several/members/listed.ts";
import type { MemberLife } from "../../../../../lib/upstream/several/members/member_life.ts";
import { FakeTimers } from "../../../../support/fake_timers.ts";
import { STRICT } from "../../../../support/strict.ts";

const HOUR_MS = 3_600_000;

Deno.test("P8: a member's list that was read before the clock was set back is read again", STRICT, async () => {
  const timers = new FakeTimers(10 * HOUR_MS);
  const lists = new KeptLists(new ByteAccount(1 << 20), timers);
  const life = { name: "a", hearing: () => undefined } as unknown as MemberLife;
  const list = { method: "tools/list", kind: "tools" } as unknown as ListKind;
  const asked = { list, fields: [], goesOn: false };
  const listed = { text: "", ends: [], told: new Map([["out", "in"]]), ttlMs: 60_000 } as unknown as Listed;
  lists.keep(life, lists.begin(life, asked), { listed, isWalk: false });
  assert.equal(lists.find(life, asked)?.listed, listed);
  assert.equal(lists.told(life, list, "out")?.ageMs, 0);
  await timers.advance(-HOUR_MS);
  assert.equal(lists.find(life, asked), undefined);
  assert.equal(lists.told(life, list, "out")?.ageMs, Infinity, "nobody can tell how old it is");
  lists.close();
});
