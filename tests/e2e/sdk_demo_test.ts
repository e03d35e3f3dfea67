// `deno task demo`: what it suggests to try works as printed, and Ctrl-C leaves nothing behind.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runBounded } from "../../scripts/bounded_child.ts";
import { walk } from "../../scripts/demo_walk.ts";
import { findProgram } from "../../scripts/programs.ts";
import { ChildRun } from "../support/mcp_process.ts";
import { STRICT } from "../support/strict.ts";

const DEMO = fileURLToPath(new URL("../../scripts/demo.ts", import.meta.url));

/** One shell for all steps, as a person would use one terminal; each step ends with a mark. */
async function runSteps(commands: readonly string[]): Promise<string[]> {
  const script = commands.map((command) => `${command}\necho '--- step'`).join("\n");
  const what = "what the demo suggests to try";
  const { stdout: text, stderr } = await runBounded("sh", { what, deadlineMs: 180_000, args: ["-c", script] });
  const outputs = text.split("--- step\n").map((output) => output.trim());
  assert.equal(outputs.length, commands.length + 1, `${text}\n${stderr}`);
  return outputs;
}

/** The address and process ids in what the demo prints. */
async function readGuide(demo: ChildRun) {
  const [url, signet] = await demo.waitForLine(
    (line) => /^Signet is listening on +(\S+) +\(pid (\d+)\)$/.exec(line)?.slice(1) as [string, string] | undefined,
    "the demo's guide",
  );
  const server = await demo.waitForLine((line) => /^in front of .* \(pid (\d+)\)$/.exec(line)?.[1], "the server's pid");
  return { url, pids: { signet: Number(signet), server: Number(server) } };
}

Deno.test({
  name: "the demo's walk-through works as printed, and Ctrl-C ends it",
  ignore: Deno.build.os === "windows" || await findProgram("curl") === undefined,
  ...STRICT,
  fn: async (t) => {
    await using demo = new ChildRun({ args: ["run", "-A", DEMO] });
    const { url, pids } = await readGuide(demo);
    const steps = walk(url, pids);
    const outputs = await runSteps(steps.map((step) => step.command));
    assert.doesNotMatch(demo.lines.join("\n"), /beware|anonymous|warn|request\.signal|^ *Download /im);
    for (const [n, { title, command, expect, statuses }] of steps.entries()) {
      await t.step(title, () => {
        assert.ok(demo.lines.join("\n").includes(command), "the guide prints the command");
        assert.match(outputs[n]!, expect);
        assert.deepEqual([...outputs[n]!.matchAll(/^HTTP (\d+)$/gm)].map(([, status]) => Number(status)), statuses);
        for (const [, promised] of title.matchAll(/→ (\d+)/g)) {
          assert.ok(statuses.every((status) => `${status}` === promised));
        }
      });
    }
    await t.step("Ctrl-C ends it with exit code 0 and nothing listens", async () => {
      const { code } = await demo.kill("SIGINT");
      assert.equal(code, 0);
      await assert.rejects(fetch(url), TypeError);
    });
  },
});
