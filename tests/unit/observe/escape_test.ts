import assert from "node:assert/strict";
import { escapeUnsafe } from "../../../lib/observe/escape.ts";
import { createLogger } from "../../../lib/observe/log.ts";
import { STRICT } from "../../support/strict.ts";

/** Every unit that may not be shown as it is. */
function unsafeUnits(): number[] {
  const ranges = [[0, 0x1f], [0x7f, 0x9f], [0x2028, 0x2029], [0x202a, 0x202e], [0x2066, 0x2069], [0xd800, 0xdfff]];
  // Nothing is seen of these: soft hyphen, fillers, blanks without width, invisible operators, the byte order mark.
  ranges.push([0xad, 0xad], [0x34f, 0x34f], [0x3164, 0x3164], [0x200b, 0x200f], [0x2060, 0x206f], [0xfeff, 0xfeff]);
  ranges.push([0xfe0e, 0xfe0f]);
  return ranges.flatMap(([from = 0, to = 0]) => Array.from({ length: to - from + 1 }, (_, n) => from + n));
}

for (const format of ["human", "json"] as const) {
  Deno.test(`V1: no character drives a terminal or forges a line in the ${format} log`, STRICT, () => {
    const lines: string[] = [];
    const log = createLogger({ level: "info", format, now: () => 0, write: (line) => lines.push(line) });
    for (const unit of unsafeUnits()) {
      const c = String.fromCharCode(unit);
      log.info(`e${c}vent`, { plain: `a${c}b`, quoted: `a ${c}"b` });
      const line = lines.pop()!;
      assert.equal(line.endsWith("\n"), true);
      assert.equal(line.slice(0, -1).includes(c), false, `U+${unit.toString(16)}`);
      assert.equal(line.isWellFormed(), true);
      if (format !== "json") continue;
      const read = JSON.parse(line) as { plain: string; quoted: string };
      assert.deepEqual([read.plain, read.quoted], [`a${c}b`, `a ${c}"b`]);
    }
  });
}

Deno.test("escapeUnsafe leaves ordinary text as it is, pairs of surrogates too", STRICT, () => {
  const text = 'plain "text" \\ äöü 日本 😀 עברית';
  assert.equal(escapeUnsafe(text), text);
  assert.equal(escapeUnsafe("\ud83d\ude00\ud83d"), "\ud83d\ude00\\ud83d");
});

Deno.test(
  "no two names that differ look like one: what shows as nothing is escaped, and emoji stay whole",
  STRICT,
  () => {
    const names = [
      "alice",
      "ali\u200bce",
      "ali\u200dce",
      "alice\ufe0f",
      "alice\u{e0041}",
      "al\u00adice",
      "\u2060alice",
    ];
    assert.deepEqual(names.map(escapeUnsafe), [
      "alice",
      "ali\\u200bce",
      "ali\\u200dce",
      "alice\\ufe0f",
      "alice\\udb40\\udc41",
      "al\\u00adice",
      "\\u2060alice",
    ]);
    for (const name of names) assert.equal(JSON.parse(escapeUnsafe(JSON.stringify(name))), name);
    for (const emoji of ["⚠️", "👩🏽‍💻", "👨‍👩‍👧"]) assert.equal(escapeUnsafe(emoji), emoji);
  },
);
