// docs/behaviour.md and docs/protocol.md define what the rest of the project cites: every id that code, scripts or tests
// name is there, and what is there as built is proven by a test that names it.
import assert from "node:assert/strict";
import { ROOT, sourcesIn } from "../../support/sources.ts";
import { STRICT } from "../../support/strict.ts";

/** Read as ids they are not: an engine, and control characters. */
const NO_IDS: ReadonlySet<string> = new Set(["V8", "C0"]);

interface Row {
  readonly id: string;
  readonly isBuilt: boolean;
}

async function rowsOf(page: string): Promise<Row[]> {
  const text = await Deno.readTextFile(`${ROOT}docs/${page}`);
  const rows = text.split(/^(?=- <a id=)/m).slice(1);
  return rows.map((row) => {
    const [, anchor, id] = /^- <a id="([^"]+)"><\/a>\*\*([^*]+)\*\*/.exec(row) ?? [];
    assert.equal(anchor, id, `the anchor of ${row.slice(0, 60)} is its id`);
    return { id: id!, isBuilt: !/_(?:Planned|In part)\._/.test(row) };
  });
}

/** The ids of promises in a text: a letter and a number, as `L4` or `T1–T3`. */
function promisesIn(text: string): string[] {
  return (text.match(/(?<![\w.#$/-])[ELOITMBCNPARSGV]\d{1,2}(?![\w-])/g) ?? []).filter((id) => !NO_IDS.has(id));
}

/** The numbers of protocol rows in a text: after the page's name. */
function rowsIn(text: string): string[] {
  const cited = text.matchAll(/\b(?:PROTOCOL|protocol\.md) (\d+(?:(?:, |–)\d+)*)/g);
  return [...cited].flatMap(([, numbers]) => numbers!.split(/, |–/));
}

/** How a test names what it proves: `L4: …`, `L4 B2: …`, `PROTOCOL 14: …`, `L4 PROTOCOL 2, 4: …`. */
const CITATION = /^(?:[A-Z]\d{1,2}(?: [A-Z]\d{1,2})*(?: PROTOCOL \d+(?:, \d+)*)?|PROTOCOL \d+(?:, \d+)*|8\.\d): /;
/** A name that begins with something like it. */
const CITES = /^(?:PROTOCOL\b|(?:[A-Z] )?[A-Z]?\d{1,2}[ ,:–]|[A-Z]: )/;

Deno.test("every id that code, scripts and tests cite is defined in the catalogue, once", STRICT, async () => {
  const promises = await rowsOf("behaviour.md"), protocol = await rowsOf("protocol.md");
  for (const rows of [promises, protocol]) assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
  const known = { promises: new Set(promises.map(({ id }) => id)), protocol: new Set(protocol.map(({ id }) => id)) };
  assert.deepEqual([...known.protocol], Array.from({ length: 39 }, (_, n) => String(n + 1)));
  const unknown: string[] = [];
  for (const folder of ["lib", "scripts", "tests"]) {
    for await (const path of sourcesIn(folder)) {
      const text = await Deno.readTextFile(`${ROOT}${path}`);
      for (const id of promisesIn(text)) if (!known.promises.has(id)) unknown.push(`${path}: ${id}`);
      for (const id of rowsIn(text)) if (!known.protocol.has(id)) unknown.push(`${path}: PROTOCOL ${id}`);
    }
  }
  assert.deepEqual(unknown, []);
});

Deno.test("what the catalogue calls built is named by a test", STRICT, async () => {
  const named = new Set<string>();
  for await (const path of sourcesIn("tests")) {
    if (path.endsWith("_test.ts")) promisesIn(await Deno.readTextFile(`${ROOT}${path}`)).forEach((id) => named.add(id));
  }
  const unproven = (await rowsOf("behaviour.md")).filter(({ id, isBuilt }) => isBuilt && !named.has(id));
  assert.deepEqual(unproven.map(({ id }) => id), []);
});

Deno.test("tests cite rows one way", STRICT, async () => {
  const wrong: string[] = [];
  for await (const path of sourcesIn("tests")) {
    if (!path.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(`${ROOT}${path}`);
    for (const [, name] of text.matchAll(/\bDeno\.test\(\s*["`]([^"`\n]+)/g)) {
      if (CITES.test(name!) && !CITATION.test(name!)) wrong.push(`${path}: ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});
