import assert from "node:assert/strict";
import { EndGone } from "../../../../lib/app/workers/channel.ts";
import { changeKeys } from "../../../../lib/app/workers/key_change.ts";
import { STRICT } from "../../../support/strict.ts";

const keys = (text: string) => ({ text, source: "test", ephemeral: false });
const CHANGE = { before: keys("old"), next: keys("new") };

/** A worker that notes what it opens with. @param refuses what it does not answer to */
function worker(refuses?: string, fault: Error = new Error("it has ended")) {
  const it = {
    ...{ number: 1, opensWith: "old", replaced: false },
    ask: (call: string, { text }: { readonly text: string }) => {
      if (call === refuses) return Promise.reject(fault);
      it.opensWith = call === "open-also-with" ? `${text} ${it.opensWith}` : text;
      return Promise.resolve();
    },
    replace: () => void (it.replaced = true),
  };
  return it;
}

Deno.test("R4: all open with a new key before any seals with it", STRICT, async () => {
  const workers = [worker(), worker()];
  await changeKeys(workers, CHANGE, () => {
    assert.deepEqual(workers.map(({ opensWith }) => opensWith), ["new old", "new old"]);
    return Promise.resolve();
  });
  assert.deepEqual(workers.map(({ opensWith }) => opensWith), ["new old", "new old"]);
});

Deno.test("R4: no worker opens with a key whose reload was refused", STRICT, async () => {
  const workers = [worker(), worker(), worker("open-only-with")];
  const refusal = new Error("refused");
  await assert.rejects(() => changeKeys(workers, CHANGE, () => Promise.reject(refusal)), refusal);
  assert.deepEqual(workers.map(({ opensWith, replaced }) => [opensWith, replaced]), [
    ["old", false],
    ["old", false],
    ["new old", true],
  ], "one that keeps it makes room for another");
});

Deno.test("R4: no worker opens with a key that another one could not be told of", STRICT, async () => {
  const workers = [worker("open-also-with"), worker()];
  await assert.rejects(() => changeKeys(workers, CHANGE, () => Promise.resolve()), /it has ended/);
  assert.deepEqual(workers.map(({ opensWith }) => opensWith), ["old", "old"]);
});

Deno.test(
  "R4 E5: one that ends meanwhile refuses nobody's change: who takes its place is told what holds by then",
  STRICT,
  async () => {
    const workers = [worker("open-also-with", new EndGone("it has ended")), worker()];
    let isChanged = false;
    await changeKeys(workers, CHANGE, () => {
      isChanged = true;
      return Promise.resolve();
    });
    assert.equal(isChanged, true);
    assert.deepEqual(workers.map(({ opensWith, replaced }) => [opensWith, replaced]), [["old", false], [
      "new old",
      false,
    ]]);
  },
);
