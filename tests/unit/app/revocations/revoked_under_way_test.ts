// What belongs to no session is asked about where revocations may have been missed (docs/behaviour.md L6, R4).
import assert from "node:assert/strict";
import { askAgainAboutUnderWay } from "../../../../lib/app/revocations/revoked_under_way.ts";
import type { Caller, OwnerKey } from "../../../../lib/session/caller.ts";
import type { Verdict } from "../../../../lib/session/revocations/revocation_list.ts";
import { STRICT } from "../../../support/strict.ts";

/** Calls of each owner, by when they began; the store says what was begun up to a moment is revoked, or nothing. */
function scene(begun: Record<string, number[]>, revokedUpTo: Record<string, number | "untold">) {
  const questions: string[] = [];
  const underWay = {
    cut(reason: string, concerned: (caller: Caller, sinceMs: number) => boolean) {
      assert.equal(reason, "revoked");
      for (const [owner, moments] of Object.entries(begun)) {
        begun[owner] = moments.filter((ms) => !concerned({ owner: owner as OwnerKey } as Caller, ms));
      }
    },
  };
  const judge = (owner: OwnerKey, ms: number): Promise<Verdict> => {
    questions.push(`${owner} ${ms}`);
    begun[owner]!.push(10_000 + questions.length);
    const upTo = revokedUpTo[owner] ?? 0;
    return Promise.resolve(upTo === "untold" ? upTo : ms <= upTo ? "revoked" : "good");
  };
  return { begun, questions, ask: () => askAgainAboutUnderWay(underWay, judge) };
}

Deno.test(
  "L6 R4: what is under way for a caller whose revocation was missed is cut, up to its moment",
  STRICT,
  async () => {
    const { begun, questions, ask } = scene({ alice: [30, 10, 20, 10, 40], bob: [15, 25] }, { alice: 20 });
    assert.equal(await ask(), true);
    assert.deepEqual(begun.alice!.filter((ms) => ms < 10_000), [30, 40]);
    assert.deepEqual(begun.bob!.filter((ms) => ms < 10_000), [15, 25]);
    assert.deepEqual(questions.filter((each) => each.startsWith("bob")), ["bob 15"], "the oldest answers for all");
    assert.ok(begun.alice!.some((ms) => ms > 10_000), "what has begun meanwhile goes on");
  },
);

Deno.test("L6 R4: a caller with thousands of calls under way is asked about a dozen times", STRICT, async () => {
  const moments = Array.from({ length: 5000 }, (_, i) => i + 1);
  for (const upTo of [0, 1, 2500, 4999, 5000]) {
    const { begun, questions, ask } = scene({ alice: [...moments] }, { alice: upTo });
    assert.equal(await ask(), true);
    assert.equal(begun.alice!.filter((ms) => ms < 10_000).length, 5000 - upTo);
    assert.ok(questions.length <= 15, `${questions.length} questions`);
  }
});

Deno.test("L6 R4: what the store cannot tell of goes on, and is asked about again", STRICT, async () => {
  const { begun, ask } = scene({ alice: [10], bob: [10] }, { alice: "untold", bob: 10 });
  assert.equal(await ask(), false);
  assert.deepEqual(begun.alice!.filter((ms) => ms < 10_000), [10]);
  assert.deepEqual(begun.bob!.filter((ms) => ms < 10_000), []);
});
