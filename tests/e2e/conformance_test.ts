// The official conformance suite, both requirement sets, directly and through Signet in both lanes: what passes
// directly passes through Signet, check by check. `deno task conformance` is the comparison; this runs it and reads its
// table.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../scripts/bounded_child.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Scenarios of a set that pass; fewer would mean that the suite, or this reading of it, has changed. */
const AT_LEAST = { "2025-11-25": 30, "2026-07-28": 40 } as const;

interface Way {
  readonly set: keyof typeof AT_LEAST;
  readonly how: string;
  readonly lanes: readonly string[];
  /** Where some are beyond what is in the middle: see `scripts/conformance.ts`. */
  readonly atLeast?: number;
}

const WAYS: readonly Way[] = [
  { set: "2025-11-25", how: "through both lanes", lanes: ["fast", "full"] },
  {
    set: "2025-11-25",
    how: "behind two members of which one is empty, and before the same server without its sessions",
    lanes: ["several", "stateless"],
  },
  { set: "2026-07-28", how: "through both lanes", lanes: ["fast", "full"] },
  {
    set: "2026-07-28",
    how: "behind two members of which one is empty, and before the same server with sessions only",
    lanes: ["several", "sessions"],
    atLeast: 37,
  },
];

for (const { set, how, lanes, atLeast = AT_LEAST[set] } of WAYS) {
  Deno.test(`the conformance suite of ${set} says the same directly and ${how}`, async () => {
    const { code, stdout: table, stderr } = await runBounded(Deno.execPath(), {
      what: "scripts/conformance.ts",
      deadlineMs: 20 * 60_000, // three runs of the suite, each with a deadline of its own and one more try
      args: ["run", "-A", "scripts/conformance.ts", "--set", set, ...lanes.flatMap((lane) => ["--lane", lane])],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    });
    assert.equal(code, 0, `${table}\n${stderr}`);
    const rows = table.split("\n").filter((line) => (line.match(/✓ \d+\/\d+/g) ?? []).length === lanes.length + 1);
    assert.ok(
      rows.length >= atLeast,
      `${rows.length} scenarios pass all ways, want at least ${atLeast}\n${table}`,
    );
  });
}
