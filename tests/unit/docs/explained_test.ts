// `signet explain` knows every code and every event there is (V4). Events are read from the source, so that none is
// missed for want of a case; codes are rows of typed tables, which do not compile without one.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { EXPLAINED_EVENTS } from "../../../lib/cli/explained/events.ts";
import { EXPLAINED, findExplained } from "../../../lib/cli/explained/table.ts";
import { ERROR_KINDS } from "../../../lib/errors.ts";
import { formatExplainedTables, PAGE_FILE, PART } from "../../../scripts/explained_table.ts";
import { isCurrentPart } from "../../../scripts/made_part.ts";
import { STRICT } from "../../support/strict.ts";

const LIB = fileURLToPath(new URL("../../../lib/", import.meta.url));

async function* sources(folder: string): AsyncGenerator<{ readonly path: string; readonly source: string }> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(`${folder}${name}/`);
    else if (name.endsWith(".ts")) {
      yield { path: `${folder}${name}`.slice(LIB.length), source: await Deno.readTextFile(`${folder}${name}`) };
    }
  }
}

/** A call of a logger's method and what it begins with: a text, or a name for one. */
const LOGGED = /\b#?log\)?[?!]?\.(?:debug|info|warn|error)\(\s*(?:"((?:[^"\\]|\\.)*)"|([\w.]*))/gi;

/** Events that a file logs; a name is looked up in the file. */
function eventsIn(path: string, source: string): string[] {
  return [...source.matchAll(LOGGED)].flatMap(([, text, name = ""]) => {
    if (text !== undefined) return [text];
    const named = new RegExp(`\\bconst ${name} = "([^"]*)"`).exec(source)?.[1];
    assert.ok(named !== undefined, `${path} logs an event that is no text: ${name || "a template?"}`);
    return [named];
  });
}

Deno.test("V4: every event that is logged is explained, and no other", STRICT, async () => {
  const logged = new Map<string, string>();
  for await (const { path, source } of sources(LIB)) {
    // What passes on what others log.
    if (path.startsWith("observe/log")) continue;
    for (const event of eventsIn(path, source)) logged.set(event, path);
  }
  assert.ok(logged.size > 50, `found ${logged.size} events: is this still how they are logged?`);
  const missing = [...logged].filter(([event]) => !(event in EXPLAINED_EVENTS)).map(([event, path]) =>
    `${path}: ${event}`
  );
  assert.deepEqual(missing, [], "add a row to lib/cli/explained/events.ts");
  assert.deepEqual(Object.keys(EXPLAINED_EVENTS).filter((event) => !logged.has(event)), [], "no longer logged");
});

Deno.test("V4: every code that stands in a line or in an answer is explained", STRICT, async () => {
  const unknown: string[] = [];
  for await (const { path, source } of sources(LIB)) {
    if (path.startsWith("cli/") || path === "store/sqlite/sqlite_error.ts") continue;
    const codes = [
      ...source.matchAll(/\bcode: "(\w+)"/g),
      ...source.matchAll(/\boutcome: "(\w+)"/g),
      ...source.matchAll(/new SignetError\(\s*"(\w+)"/g),
    ];
    for (const [, code = ""] of codes) if (findExplained(code).length === 0) unknown.push(`${path}: ${code}`);
  }
  assert.deepEqual(unknown, [], "add a row to lib/cli/explained/");
  for (const code of Object.keys(ERROR_KINDS)) assert.equal(findExplained(code).length > 0, true, code);
});

Deno.test("V4: every event and every outcome of the audit log is explained", STRICT, async () => {
  const named = new Set<string>();
  for await (const { path, source } of sources(LIB)) {
    if (!path.startsWith("audit/")) continue;
    for (const [, name = ""] of source.matchAll(/"(?:event|outcome)":"([a-z_.]+)"/g)) named.add(name);
  }
  assert.ok(["audit.start", "audit.gap", "ok"].every((name) => named.has(name)), [...named].join(" "));
  assert.deepEqual([...named].filter((name) => findExplained(name).length === 0), []);
});

Deno.test("V4: explanations are sentences, and each name stands once in its kind", STRICT, () => {
  for (const { name, meaning, cure } of EXPLAINED) {
    assert.match(meaning, /^[A-Z`].*[.]$/s, name);
    if (cure !== "") assert.match(cure, /^[A-Z`-].*[.?]$/s, name);
  }
  const names = EXPLAINED.map(({ kind, name }) => `${kind} ${name}`);
  assert.equal(new Set(names).size, names.length);
});

Deno.test("V4: the page for troubleshooting says what signet explain says", STRICT, async () => {
  const page = await Deno.readTextFile(new URL(`../../../${PAGE_FILE}`, import.meta.url));
  assert.ok(
    isCurrentPart(PART, page, formatExplainedTables()),
    "out of date: run deno run -A scripts/explained_table.ts --write && deno fmt docs",
  );
  assert.ok(!isCurrentPart(PART, page.replaceAll("`owner_mismatch`", "`owner`"), formatExplainedTables()));
});
