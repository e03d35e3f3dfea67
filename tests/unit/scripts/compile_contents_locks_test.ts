// What the program consists of is locked apart from what its tests need: a newcomer waits for the first alone.
import assert from "node:assert/strict";
import { RUNTIME_PACKAGES } from "../../../scripts/compile_contents.ts";
import { STRICT } from "../../support/strict.ts";

interface Lock {
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<Record<string, { readonly integrity: string }>>;
}

const read = async (path: string): Promise<Lock> =>
  JSON.parse(await Deno.readTextFile(new URL(`../../../${path}`, import.meta.url)));
const nameOf = (key: string) => key.replace(/(?<=.)@.*$/, "");

/** Of the demo's MCP server. */
const OF_THE_DEMO = ["@modelcontextprotocol/core", "@modelcontextprotocol/server", "zod"];

Deno.test("deno.lock holds the program's packages and the demo's, and no test's", STRICT, async () => {
  const { npm } = await read("deno.lock");
  const foreign = Object.keys(npm).map(nameOf).filter((name) => ![...RUNTIME_PACKAGES, ...OF_THE_DEMO].includes(name));
  assert.deepEqual(foreign, [], "a test's package belongs into tests/deno.lock: see CONTRIBUTING.md");
});

Deno.test(
  "both lock files name the same bytes for what they share, and the import map's versions",
  STRICT,
  async () => {
    const [program, tests] = [await read("deno.lock"), await read("tests/deno.lock")];
    for (const [key, { integrity }] of Object.entries(program.npm)) {
      assert.equal(
        tests.npm[key]?.integrity,
        integrity,
        key,
      );
    }
    const { imports } = JSON.parse(await Deno.readTextFile(new URL("../../../import_map.json", import.meta.url)));
    for (const [name, specifier] of Object.entries(imports) as [string, string][]) {
      // A map of its own, unlike deno.json's imports, makes no `name/` of a `name` by itself.
      if (name.endsWith("/")) continue;
      assert.equal(imports[`${name}/`], `${specifier.replace("npm:", "npm:/")}/`);
      assert.ok(specifier in tests.specifiers, `${specifier} is not in tests/deno.lock`);
    }
  },
);
