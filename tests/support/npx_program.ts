// Programs of packages that no import map names, fetched by npx as their users do, but run by node itself: one process
// that can be ended.
import assert from "node:assert/strict";
import { runBounded } from "../../scripts/bounded_child.ts";

/**
 * Where npx has put a package's program.
 * @param name with its version: `mcp-proxy@6.7.19`
 * @param bin the program's own name; default: the package's
 */
export async function npxProgram(name: string, bin: string = name.slice(0, name.lastIndexOf("@"))): Promise<string> {
  const { code, stdout, stderr } = await runBounded("npx", {
    what: `npx for ${name}`,
    deadlineMs: 240_000,
    args: ["-y", "-p", name, "sh", "-c", `command -v ${bin}`],
    env: { npm_config_update_notifier: "false" },
  });
  assert.equal(code, 0, `npx could not fetch ${name}: ${stderr}`);
  return await Deno.realPath(stdout.trim());
}
