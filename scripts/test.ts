// `deno task test [FILES…]`: runs the whole suite, and says loudly which programs are absent before and after it.
// Tests that need an absent program are ignored by the tests themselves; an ignored test proves nothing, so it is named.
import { resolve } from "node:path";
import { findBun } from "./bun.ts";
import { findProgram, type Program, TEST_PROGRAMS } from "./programs.ts";

const root = resolve(import.meta.dirname ?? ".", "..");

/** Shared buffers are poisoned when they are given back: see there. */
const POISON = "tests/support/poison.ts";

async function missingPrograms(): Promise<Program[]> {
  const found = await Promise.all(TEST_PROGRAMS.map(({ name }) => name === "bun" ? findBun() : findProgram(name)));
  return TEST_PROGRAMS.filter((_, index) => found[index] === undefined);
}

function warn(missing: readonly Program[]): void {
  for (const { name, install, usedFor } of missing) {
    console.error(`!! ${name} is not installed: tests of ${usedFor} are IGNORED. Get it: ${install}`);
  }
}

const missing = await missingPrograms();
warn(missing);
const files = Deno.args.length > 0 ? Deno.args : ["tests"];
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", "--lock=tests/deno.lock", "--frozen", "--preload", POISON, ...files],
  cwd: root,
}).spawn().status;
warn(missing);
Deno.exit(code);
