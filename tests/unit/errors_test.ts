// One form of words (CONTRIBUTING.md, "How code reads here"): what is thrown says what was attempted, what was found and what is wanted; a
// remedy is a sentence of its own, with a capital (or what stands in code) at its beginning and a full stop or question mark
// at its end. Read from the source, so that none is missed for want of a case.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const LIB = fileURLToPath(new URL("../../lib/", import.meta.url));
const LITERAL = String.raw`(?:"(?:[^"\\\n]|\\.)*"|${"`"}(?:[^${"`"}\\]|\\.)*${"`"}|'(?:[^'\\\n]|\\.)*')`;
const TEXT = String.raw`(${LITERAL}(?:\s*\+\s*${LITERAL})*)`;
/** Where a remedy stands: as a member or constant, and as the last argument of what makes errors and problems. */
const PLACES: readonly RegExp[] = [
  new RegExp(String.raw`\b(?:remedy|[A-Z_]*REMEDY)\s*[:=]\s*${TEXT}`, "g"),
  // One of two.
  new RegExp(String.raw`\bremedy\s*[:=]\s*[^,;{}"'\x60]+\?\s*${TEXT}`, "g"),
  new RegExp(String.raw`\bremedy\s*[:=]\s*[^,;{}"'\x60]+\?\s*${LITERAL}(?:\s*\+\s*${LITERAL})*\s*:\s*${TEXT}`, "g"),
  // By code, in the responder.
  new RegExp(
    String.raw`^ {2}(?:connect|no_room|pool|upstream|body|head|request)\w*: (?=["\x60][^"\x60]* )${TEXT}`,
    "gm",
  ),
  new RegExp(String.raw`^ {4}\/.*\/i?,\s*${TEXT}`, "gm"),
  new RegExp(String.raw`^ {2}\[\/.*\/i?, ${TEXT}`, "gm"),
  new RegExp(String.raw`\b(?:unfit|refuse|invalid)\(\s*(?=["'\x60][^"'\x60,]* )${LITERAL}\s*,\s*${TEXT}`, "g"),
  // With the setting's key before.
  new RegExp(String.raw`\brefuse\(\s*"\w+",\s*${LITERAL}\s*,\s*${TEXT}`, "g"),
  new RegExp(String.raw`\b(?:problem|#report)\(\s*[^,()]+,\s*${LITERAL}\s*,\s*${TEXT}`, "g"),
  new RegExp(String.raw`new CommandFailure\(\s*[\w.]+,\s*${LITERAL}\s*,\s*${TEXT}`, "g"),
];

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(`${folder}${name}/`);
    else if (name.endsWith(".ts")) yield `${folder}${name}`;
  }
}

/** The text of one literal, or of several joined. */
function textOf(expression: string): string {
  return [...expression.matchAll(new RegExp(LITERAL, "g"))].map(([literal]) => literal.slice(1, -1)).join("");
}

function isSentence(text: string): boolean {
  // What is put in by `${…}` or quoted as code may begin one; a list that is put in may end one.
  return /^(?:[A-Z]|\$\{|\\?`|--|\/|"|\\")/.test(text) && /(?:[.?!…]|\}|\$\{[^}]*)$/.test(text);
}

async function* literalsAt(places: readonly RegExp[]): AsyncGenerator<{ readonly at: string; readonly text: string }> {
  for await (const path of sources(LIB)) {
    const source = await Deno.readTextFile(path);
    for (const place of places) {
      for (const { 1: expression = "", index } of source.matchAll(place)) {
        yield {
          at: `${path.slice(LIB.length)}:${source.slice(0, index).split("\n").length}`,
          text: textOf(expression),
        };
      }
    }
  }
}

Deno.test("8.5: every remedy in lib is a sentence", async () => {
  const wrong: string[] = [];
  let found = 0;
  for await (const { at, text } of literalsAt(PLACES)) {
    found++;
    if (!isSentence(text)) wrong.push(`${at} ${text}`);
  }
  assert.ok(found > 200, `found ${found} remedies: is this still how they are written?`);
  assert.deepEqual(wrong, []);
});

/** What parts of the program throw at each other. What a person reads has classes of its own, and sentences. */
const THROWN: readonly RegExp[] = [
  new RegExp(String.raw`new (?:Error|RangeError|TypeError|CredentialRejectedError)\(\s*${TEXT}`, "g"),
  new RegExp(String.raw`new HttpError\(\s*(?:"\w+"|[^,()"]+\?[^,()]+:[^,()]+),\s*${TEXT}`, "g"),
];

Deno.test("8.5: every error that is thrown in lib says what was attempted, and what was found", async () => {
  const wrong: string[] = [];
  let thrown = 0;
  for await (const { at, text } of literalsAt(THROWN)) {
    thrown++;
    // The system's own codes stand first, as they do in errors of the system's.
    if (!/^(?:[a-z]\w*ing\b[^:]*|\$\{code\}): ./s.test(text)) wrong.push(`${at} ${text}`);
    // What is wanted says nothing of what was there; it stands behind that.
    if (/: want\b|\bgot\b|\bwant\b.*\bfound\b/s.test(text)) wrong.push(`${at} ${text}`);
  }
  assert.ok(thrown > 90, `found ${thrown} errors: is this still how they are written?`);
  assert.deepEqual(wrong, []);
});
