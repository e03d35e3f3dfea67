// ARCHITECTURE.md is the map, and docs/costs.md says what costs there: what they name is there, and what comments name; every
// folder is on it, and a unit test stands where its file does.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { STRICT } from "../../support/strict.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const MAP = await Deno.readTextFile(`${ROOT}ARCHITECTURE.md`);
const COSTS = await Deno.readTextFile(`${ROOT}docs/costs.md`);

async function* filesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    if (isDirectory) yield* filesIn(`${folder}/${name}`);
    else yield `${folder}/${name}`;
  }
}

Deno.test("every path that the map names is there", STRICT, () => {
  const named = [...(MAP + COSTS).matchAll(/`([\w./-]+)`/g)].map(([, path]) => path!);
  const paths = named.filter((path) =>
    /^[\w-]+(?:\/[\w-]+)*\/(?:\w+\.(?:ts|md))?$|^[\w-]+\.ts$|\/\w+\.(?:ts|md|json)$/.test(path)
  );
  assert.ok(paths.length > 80, `found ${paths.length} paths: is this still how they are written?`);
  const places = (
    path: string,
  ) => [`lib/${path}`, path, `lib/gateway/${path}`, `lib/upstream/${path}`, `lib/http1/${path}`, `lib/config/${path}`];
  // A folder in its own row of the table goes by its last name.
  const missing = paths.filter((path) => {
    const isFolder = path.endsWith("/");
    return !(isFolder ? places(path) : places(path).slice(0, 2)).some((place) => existsSync(`${ROOT}${place}`));
  });
  assert.deepEqual(missing.filter((path) => !TABLE_NAMES.has(path)), []);
});

/** Named within a row of the table of folders, by what they are called there, or as an example. */
const TABLE_NAMES: ReadonlySet<string> = new Set(["path.ts", "pool.ts", "pool_ends_test.ts", "docs/"]);

Deno.test("every file that a comment in lib names is there", STRICT, async () => {
  const files = await Array.fromAsync(async function* () {
    for (const folder of ["lib", "scripts", "tests"]) yield* filesIn(folder);
    yield "main.ts";
  }());
  let count = 0;
  const missing: string[] = [];
  for (const file of files.filter((path) => /^lib\/.*\.ts$/.test(path))) {
    const comments = (await Deno.readTextFile(`${ROOT}${file}`)).match(/^\s*(?:\/\/|\/?\*).*$/gm) ?? [];
    for (const [, named] of comments.join("\n").matchAll(/(?<![\w/.-])((?:[\w-]+\/)*\w+\.ts)\b/g)) {
      count++;
      // By its name, or from whichever folder on its way.
      if (!files.some((path) => path === named || path.endsWith(`/${named}`))) missing.push(`${file}: ${named}`);
    }
  }
  assert.ok(count > 40, `found ${count} files named: is this still how they are written?`);
  assert.deepEqual(missing, []);
});

Deno.test("every folder of lib is on the map, and every room in it", STRICT, async () => {
  const folders = new Set<string>();
  for await (const path of filesIn("lib")) {
    const way = path.split("/").slice(0, -1);
    for (let depth = 2; depth <= way.length; depth++) folders.add(way.slice(0, depth).join("/"));
  }
  assert.ok(folders.size > 40, `found ${folders.size} folders`);
  assert.deepEqual([...folders].filter((folder) => !MAP.includes(`| \`${folder}\``)), []);
});

/** The file that a unit test is about: named like it, or like the first words of its name. */
function subjectOf(test: string): string | undefined {
  const words = test.replace(/^tests\/unit\//, "").replace(/_test\.ts$/, "").split("_");
  for (let count = words.length; count > 0; count--) {
    const path = `${words.slice(0, count).join("_")}.ts`;
    const found = [`lib/${path}`, path].find((place) => existsSync(`${ROOT}${place}`));
    if (found !== undefined) return found;
  }
  return undefined;
}

Deno.test("every unit test stands where its file does, in lib or scripts, and is named after it", STRICT, async () => {
  const astray: string[] = [];
  for await (const path of filesIn("tests/unit")) {
    if (!path.endsWith("_test.ts") || path.startsWith("tests/unit/docs/")) continue;
    if (subjectOf(path) === undefined) astray.push(path);
  }
  assert.deepEqual(astray, []);
});
