import assert from "node:assert/strict";
import { shortened as shortenedSubject } from "../../../../lib/mcp/messages/message_subject.ts";
import { shortened } from "../../../../lib/observe/shortened.ts";
import { ownText } from "../../../../lib/platform/memory/own_text.ts";
import { grownBy } from "../../../support/held_memory.ts";
import { STRICT } from "../../../support/strict.ts";

const COUNT = 256, LONG = 64 * 1024;

Deno.test("ownText gives the same text, whatever it holds", STRICT, () => {
  for (const text of ["", "a", "é\u0000", "\u0416…", "\ud800", "😀\udc00", "x".repeat(LONG)]) {
    assert.equal(ownText(text), text);
  }
});

for (const [where, cut] of Object.entries({ "an exchange": shortenedSubject, "a line of the log": shortened })) {
  Deno.test(`M6: a text that is cut for ${where} is kept without its rest`, STRICT, () => {
    for (const letter of ["x", "\u0416", "\ud800"]) {
      const long = (at: number): string =>
        JSON.parse(JSON.stringify(String(at).padStart(8, "0") + letter.repeat(LONG)));
      assert.match(cut(long(1))!, /^00000001.*…$/);
      const grown = grownBy(COUNT, (at) => cut(long(at)));
      assert.ok(grown < COUNT * LONG / 4, `${grown} bytes are held for ${COUNT} texts of ${letter}`);
    }
  });
}
