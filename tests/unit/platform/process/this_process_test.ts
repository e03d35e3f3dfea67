import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../../../scripts/bounded_child.ts";
import { findBun } from "../../../../scripts/bun.ts";
import { needingBun } from "../../../support/on_bun.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const MAIN = "tests/fixtures/no_descriptors_main.ts";
const bun = await findBun();

const RUNTIMES = [
  { name: "Deno", program: Deno.execPath(), args: ["run", "-A", MAIN], ignore: false },
  { name: "Bun", program: bun ?? "", args: ["--no-install", MAIN], ...needingBun("a process without descriptors") },
];

for (const { name, program, args, ignore } of RUNTIMES) {
  Deno.test({
    name: `P1: resident memory is told where no file can be opened any more, on ${name}`,
    ignore,
    async fn() {
      const { code, stdout, stderr } = await runBounded("sh", {
        what: `a process without descriptors on ${name}`,
        deadlineMs: 60_000,
        args: ["-c", `ulimit -n 256 && exec "$@"`, "sh", program, ...args],
        cwd: ROOT,
      });
      assert.deepEqual([code, stdout, stderr], [0, "EMFILE true true\n", ""]);
    },
  });
}
