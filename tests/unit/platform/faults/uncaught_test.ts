import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../../../scripts/bounded_child.ts";
import { findBun } from "../../../../scripts/bun.ts";
import { needingBun } from "../../../support/on_bun.ts";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const MAIN = "tests/fixtures/faults_main.ts";
const bun = await findBun();

const RUNTIMES = [
  { name: "Deno", program: Deno.execPath(), args: ["run", "-A", MAIN], ignore: false },
  { name: "Bun", program: bun ?? "", args: ["--no-install", MAIN], ...needingBun("what becomes of faults") },
];

for (const { name, program, args, ignore } of RUNTIMES) {
  for (const kind of ["exception", "microtask", "rejection", "own"]) {
    Deno.test({
      name: `P2: a fault that nothing caught is told, on ${name}: ${kind}`,
      ignore,
      async fn() {
        const { code, stdout, stderr } = await runBounded(program, {
          what: `a fault on ${name}`,
          deadlineMs: 30_000,
          args: [...args, kind],
          cwd: ROOT,
        });
        const told = kind === "rejection" || kind === "own" ? "rejection" : "exception";
        assert.deepEqual([code, stdout, stderr], [1, `told of ${told}: boom\n`, ""]);
      },
    });
  }
}
