// The project's own sources, for tests that read them.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/** The project's folder, with its last slash. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** Paths of TypeScript below a folder of the project, from its root. @throws AssertionError where there is none: nothing would be tested */
export async function* sourcesIn(folder: string): AsyncGenerator<string> {
  let count = 0;
  for await (const path of below(folder)) {
    count++;
    yield path;
  }
  assert.notEqual(count, 0, `no source is in ${folder}`);
}

async function* below(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    if (isDirectory) yield* below(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}
