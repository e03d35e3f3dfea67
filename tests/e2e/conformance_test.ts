// The official conformance suite, both requirement sets, directly and through Signet in both lanes: what passes
// directly passes through Signet, check by check. `deno task conformance` is the comparison; this runs it and reads its
// table.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../scripts/bounded_child.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Scenarios of a set that pass; fewer would mean that the suite, or this reading of it, has changed. */
const AT_LEAST = { "2025-11-25": 30, "2026-07-28": 40 } as const;

for (const [set, atLeast] of Object.entries(AT_LEAST)) {
  Deno.test(`the conformance suite of ${set} says the same directly and through both lanes`, async () => {
    const { code, stdout: table, stderr } = await runBounded(Deno.execPath(), {
      what: "scripts/conformance.ts",
      deadlineMs: 20 * 60_000, // three runs of the suite, each with a deadline of its own and one more try
      args: ["run", "-A", "scripts/conformance.ts", "--set", set],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    });
    assert.equal(code, 0, `${table}\n${stderr}`);
    const rows = table.split("\n").filter((line) => (line.match(/✓ \d+\/\d+/g) ?? []).length === 3);
    assert.ok(
      rows.length >= atLeast,
      `${rows.length} scenarios pass all three ways, want at least ${atLeast}\n${table}`,
    );
  });
}
