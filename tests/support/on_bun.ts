// Test files run on Bun, which the executable is made with: bundled by Deno (lock file and cache stay the one truth), run by
// Bun in a process of its own with bun_deno.ts in front, each test's result a step of the test that asked for it.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../scripts/bounded_child.ts";
import { BUN_VERSION, findBun } from "../../scripts/bun.ts";
import type { Result } from "./bun_deno.ts";
import { TempFolder } from "./temp_folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const bun = await findBun();

/** What the last line of a run says. */
const END = "END";

/** Options for `Deno.test`: ignored, loudly, where Bun is not installed. */
export function needingBun(what: string): { readonly ignore: boolean } {
  if (bun === undefined) {
    console.warn(`%cNOT PROVEN: ${what} on Bun, because bun@${BUN_VERSION} is not installed`, "color: red");
  }
  return { ignore: bun === undefined };
}

export interface OnBunOptions {
  /** For all of them together, in ms. */
  readonly deadlineMs: number;
  /** Names of tests that cannot run there, each with its reason. */
  readonly without?: ReadonlyMap<string, string>;
}

/** The test files in `folders` and below, as paths from the root of the repository. */
export async function testFilesIn(...folders: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders) {
    for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
      if (isDirectory) found.push(...await testFilesIn(`${folder}/${name}`));
      else if (name.endsWith("_test.ts")) found.push(`${folder}/${name}`);
    }
  }
  return found.sort();
}

/** Runs the tests of `files` (paths from the root of the repository), each a step of `t`. */
export async function runTestsOnBun(
  t: Deno.TestContext,
  files: readonly string[],
  { deadlineMs, without = new Map() }: OnBunOptions,
): Promise<void> {
  await using folder = await TempFolder.create();
  const bundle = await bundled(folder.path, files, [...without.keys()]);
  const what = `the tests of ${files.length} files on Bun`;
  const { code, stdout, stderr } = await runBounded(bun!, {
    what,
    deadlineMs,
    args: ["--no-install", bundle],
    cwd: ROOT,
  });
  const lines = stdout.split("\n").filter((line) => line.startsWith("{") || line === END);
  const results: Result[] = lines.filter((line) => line !== END).map((line) => JSON.parse(line));
  for (const { name, ignored, error } of results) {
    await t.step({ name, ignore: ignored === true, fn: () => assert.equal(error, undefined, error) });
  }
  for (const name of without.keys()) {
    assert.ok(results.some((result) => result.name === name), `${name} is no test any more: take it off the list`);
  }
  const said = `${stdout.slice(-4000)}\n${stderr.slice(-8000)}`;
  assert.ok(results.length > 0 && lines.at(-1) === END, `running ${what}: it broke off, exit code ${code}\n${said}`);
  // A fault thrown in a handler ends nothing on Bun: it is printed, and that is all there is of it.
  assert.equal(stderr.replaceAll(/^.*NOT PROVEN.*\n/gm, ""), "");
  assert.ok(code === 0, `running ${what}: exit code ${code}\n${said}`);
}

async function bundled(folder: string, files: readonly string[], without: readonly string[]): Promise<string> {
  const main = `${folder}/main.ts`;
  const output = `${folder}/bundle.mjs`;
  const imports = files.map((file) => `import "${ROOT}${file}";`);
  const shim = `${ROOT}tests/support/bun_deno.ts`;
  const run = [
    `import { runTests } from "${shim}";`,
    ...imports,
    `await runTests(${JSON.stringify(without)}, (result) => console.log(JSON.stringify(result)));`,
    `console.log("${END}");`,
  ];
  await Deno.writeTextFile(main, run.join("\n"));
  const { code, stderr } = await runBounded(Deno.execPath(), {
    what: "deno bundle",
    deadlineMs: 120_000,
    args: [
      "bundle",
      "--quiet",
      "--platform",
      "deno",
      "--config",
      `${ROOT}deno.json`,
      "--lock",
      `${ROOT}tests/deno.lock`,
      "--frozen",
      "--output",
      output,
      main,
    ],
    cwd: ROOT,
  });
  assert.equal(code, 0, stderr);
  return output;
}
