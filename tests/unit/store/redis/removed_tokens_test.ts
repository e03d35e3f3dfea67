// Session tokens that were removed are removed again until the store has taken it (docs/behaviour.md T3, R6).
import assert from "node:assert/strict";
import { RemovedTokens } from "../../../../lib/store/redis/removed_tokens.ts";
import { StoreError } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

/** A store that takes one at a time, as the test lets it. */
function scene() {
  const asked: { readonly sids: readonly string[]; readonly take: () => void; readonly refuse: () => void }[] = [];
  const clock = { ms: 0 };
  const remove = (sids: readonly string[]) =>
    new Promise<void>((take, reject) => {
      asked.push({ sids, take, refuse: () => reject(new StoreError("io", "Away", { remedy: "Start it." })) });
    });
  const removed = new RemovedTokens(remove, () => clock.ms);
  removed.add(["t"]);
  return { asked, removed, clock };
}

const aTurn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test(
  "T3: a removal that the store has refused is asked for again by whoever looks, until it is taken",
  STRICT,
  async () => {
    const { asked, removed } = scene();
    removed.removeOwed();
    assert.equal(asked.length, 0, "nobody has said that it may be lost");
    removed.removeAgain();
    asked[0]!.refuse();
    await aTurn();
    assert.equal(asked.length, 1, "nobody has looked yet");
    removed.removeOwed();
    removed.removeOwed();
    assert.equal(asked.length, 2, "one at a time");
    asked[1]!.take();
    await aTurn();
    removed.removeOwed();
    assert.equal(asked.length, 2, "it is taken");
  },
);

Deno.test("T3: a store that may have lost it while it was being told is told once more", STRICT, async () => {
  const { asked, removed } = scene();
  removed.removeAgain();
  removed.removeAgain();
  assert.deepEqual(asked.map(({ sids }) => sids), [["t"]]);
  asked[0]!.take();
  await until(() => asked.length === 2, "it to be told once more");
  asked[1]!.take();
  await aTurn();
  assert.equal(asked.length, 2);
});

Deno.test("T3: a removal is asked for again each minute, as nobody may have told that it is lost", STRICT, async () => {
  const { asked, removed, clock } = scene();
  for (const [ms, count] of [[59_999, 0], [60_000, 1], [119_999, 1], [120_000, 2]] as const) {
    clock.ms = ms;
    removed.removeOwed();
    assert.equal(asked.length, count, `at ${ms} ms`);
    asked.at(-1)?.take();
    await aTurn();
  }
});
