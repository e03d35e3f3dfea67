import assert from "node:assert/strict";
import { MemoryAliases } from "../../../../lib/store/memory/memory_aliases.ts";
import { STRICT } from "../../../support/strict.ts";

const kept = async (aliases: MemoryAliases, names: string) =>
  (await Promise.all([...names].map(async (name) => await aliases.get(name) === undefined ? "" : name))).join("");

Deno.test(
  "S3: texts in memory are bounded in characters and number, and the one set first gives way",
  STRICT,
  async () => {
    const long = new MemoryAliases(() => 0, { maxCharacters: 100, maxTexts: 4 });
    const put = async (name: string, text: string) =>
      void await long.replace(name, { before: await long.get(name), text, ttlMs: 1000 });
    for (const name of "abc") await put(name, "x".repeat(40));
    assert.equal(await kept(long, "abc"), "bc");
    // Another text in its place, one that is used again, and one that is removed.
    await put("c", "y");
    await long.touch("b", "x".repeat(40), 1000);
    await put("d", "z".repeat(55));
    assert.equal(await kept(long, "bcd"), "bcd");
    await long.remove("d");
    await put("e", "z".repeat(55));
    assert.equal(await kept(long, "bce"), "bce");
    await put("f", "z".repeat(101));
    assert.equal(await kept(long, "bcef"), "", "what is longer than all may be is not kept");
    for (const name of "ghijk") await put(name, "x");
    assert.equal(await kept(long, "ghijk"), "hijk");
  },
);
