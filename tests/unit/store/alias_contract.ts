// What every store of sealed texts and turns must do, whatever holds it: where sessions went that were opened again, and
// which ones stateless clients share. Each implementation's test file runs this suite over itself.
import assert from "node:assert/strict";
import type { AliasStore } from "../../../lib/store/shared.ts";
import { STRICT } from "../../support/strict.ts";
import { until } from "../../support/until.ts";

const LONG_MS = 60_000;

/** In place of whatever is there. */
async function put(aliases: AliasStore, sid: string, text: string, ttlMs: number): Promise<void> {
  assert.equal(await aliases.replace(sid, { before: await aliases.get(sid), text, ttlMs }), true);
}

export interface AliasScene {
  readonly aliases: AliasStore;
  /** The same texts, as another process sees them. */
  readonly others: AliasStore;
  /** What lived for `ms` or less has ended. */
  readonly pass: (ms: number) => Promise<void> | void;
  /** Whether others hear of what is set. */
  readonly tells: boolean;
  readonly dispose: () => Promise<void>;
}

export function testAliasContract(name: string, open: () => Promise<AliasScene>, { ignore = false } = {}): void {
  const test = (title: string, body: (scene: AliasScene) => Promise<void>) =>
    Deno.test(`${name} ${title}`, { ...STRICT, ignore }, async () => {
      const scene = await open();
      try {
        await body(scene);
      } finally {
        await scene.dispose();
      }
    });

  test("L4: keeps the last text of a name, for all, until it is removed or its time is over", async (scene) => {
    const { aliases, others, pass } = scene;
    assert.equal(await aliases.get("s"), undefined);
    await put(aliases, "s", "one", LONG_MS);
    await put(aliases, "other", "of another", LONG_MS);
    await put(others, "s", "two", LONG_MS);
    assert.equal(await aliases.get("s"), "two");
    await aliases.remove("s");
    assert.deepEqual([await others.get("s"), await others.get("other")], [undefined, "of another"]);
    await put(aliases, "s", "short", 30);
    await pass(30);
    assert.equal(await others.get("s"), undefined);
  });

  test("R6 S3: a text takes the place of what was found there, and of nothing else", async (scene) => {
    const { aliases, others, pass } = scene;
    const replacement = { text: "one", ttlMs: LONG_MS };
    assert.equal(await aliases.replace("s", { before: "something", ...replacement }), false);
    assert.equal(await aliases.get("s"), undefined);
    assert.equal(await aliases.replace("s", { before: undefined, ...replacement }), true);
    assert.equal(await others.replace("s", { before: undefined, text: "late", ttlMs: LONG_MS }), false);
    assert.equal(await others.replace("s", { before: "one", text: "two", ttlMs: 30 }), true);
    assert.equal(await aliases.replace("s", { before: "one", ...replacement }), false);
    assert.equal(await aliases.get("s"), "two");
    await pass(30);
    assert.equal(await aliases.replace("s", { before: "two", ...replacement }), false, "its time is over");
    assert.equal(await aliases.replace("s", { before: undefined, ...replacement }), true);
    const asked = Array.from(
      { length: 20 },
      (_, i) => (i % 2 ? aliases : others).replace("s", { before: "one", text: `n${i}`, ttlMs: LONG_MS }),
    );
    assert.equal((await Promise.all(asked)).filter((isDone) => isDone).length, 1);
  });

  test("S3: who uses a text lets it live on, if it is the one that is kept", async ({ aliases, others, pass }) => {
    await put(aliases, "s", "mine", 50);
    assert.equal(await others.touch("s", "mine", LONG_MS), true);
    await pass(50);
    assert.equal(await aliases.get("s"), "mine");
    assert.equal(await others.touch("s", "mine", 1), true);
    await pass(50);
    assert.equal(await aliases.get("s"), "mine", "nobody makes it live for less long");
    await put(others, "s", "theirs", LONG_MS);
    assert.equal(await aliases.touch("s", "mine", 1), false);
    assert.equal(await aliases.get("s"), "theirs");
    await others.remove("s");
    assert.equal(await aliases.touch("s", "theirs", LONG_MS), false);
    assert.equal(await aliases.get("s"), undefined, "none comes back by being touched");
  });

  test("S3: who has done with a text removes it only where nobody else has used it", async ({ aliases, others }) => {
    await put(aliases, "s", "x", LONG_MS);
    assert.equal(await aliases.removeUnused("s", "x", LONG_MS / 2), false, "touched since");
    assert.equal(await others.get("s"), "x");
    assert.equal(await aliases.removeUnused("s", "y", LONG_MS * 2), true, "nobody can find that one");
    assert.equal(await others.get("s"), "x");
    assert.equal(await aliases.removeUnused("s", "x", LONG_MS * 2), true);
    assert.equal(await others.get("s"), undefined);
    assert.equal(await aliases.removeUnused("s", "x", 1), true, "there is none any more");
  });

  test("L4: one holder at a time has the turn", async ({ aliases, others, pass }) => {
    assert.equal(await aliases.takeTurn("s", "here", LONG_MS), true);
    assert.equal(await others.takeTurn("s", "there", LONG_MS), false);
    assert.equal(await others.takeTurn("t", "there", LONG_MS), true, "of another");
    await others.giveTurnBack("s", "there");
    assert.equal(await others.takeTurn("s", "there", LONG_MS), false);
    await aliases.giveTurnBack("s", "here");
    assert.equal(await others.takeTurn("s", "there", 30), true);
    await pass(30);
    assert.equal(await aliases.takeTurn("s", "here", LONG_MS), true, "who has died holds nobody up");
  });

  test("L4: of many that ask at once one has the turn", async ({ aliases, others }) => {
    const asked = Array.from({ length: 50 }, (_, i) => (i % 2 ? aliases : others).takeTurn("s", `h${i}`, LONG_MS));
    assert.equal((await Promise.all(asked)).filter((taken) => taken).length, 1);
  });

  test("R1: whoever watches hears what is set", async ({ aliases, others, tells }) => {
    const heard: string[] = [];
    (tells ? others : aliases).watch((text) => heard.push(text));
    await until(async () => {
      await put(aliases, "s", "gone home", LONG_MS);
      return heard.includes("gone home");
    }, "word of the text");
  });
}
