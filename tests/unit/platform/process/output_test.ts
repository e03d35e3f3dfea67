import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { findBun } from "../../../../scripts/bun.ts";
import { needingBun } from "../../../support/on_bun.ts";
import { endOverdue } from "../../../support/overdue.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { until } from "../../../support/until.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const MAIN = "tests/fixtures/full_pipes_main.ts";
const MUCH = 1024 * 1024;
const bun = await findBun();

const RUNTIMES = [
  { name: "Deno", program: Deno.execPath(), args: ["run", "-A", MAIN], ignore: false },
  { name: "Bun", program: bun ?? "", args: ["--no-install", MAIN], ...needingBun("outputs that nobody reads") },
];

async function lengthOf(stream: ReadableStream<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const piece of stream) length += piece.length;
  return length;
}

for (const { name, program, args, ignore } of RUNTIMES) {
  Deno.test({
    name: `V1: outputs that nobody reads keep no file from being read, and lose nothing, on ${name}`,
    ignore,
    async fn() {
      await using folder = await TempFolder.create();
      const mark = `${folder.path}/mark`;
      const child = new Deno.Command(program, {
        args: [...args, mark],
        cwd: ROOT,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      endOverdue(child, `full pipes on ${name}`, 60_000);
      try {
        await until(() => Deno.readTextFile(mark).then((text) => text === "read", () => false), "a file to be read");
      } finally {
        const lengths = await Promise.all([lengthOf(child.stdout), lengthOf(child.stderr)]);
        const { code } = await child.status;
        assert.deepEqual([code, ...lengths], [0, MUCH, MUCH]);
      }
    },
  });
}
