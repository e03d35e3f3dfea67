// `npx signet-mcp` in an empty folder runs the executable of this platform, as if it had been started itself: its output,
// its exit codes, signals, and nothing left when the launcher is killed.
import assert from "node:assert/strict";
import { VERSION } from "../../lib/platform/version.ts";
import { runBounded } from "../../scripts/bounded_child.ts";
import { runTool } from "../../scripts/package/tool.ts";
import { FakeMcp } from "../support/fake_mcp.ts";
import { ChildRun, cleanEnvironment } from "../support/mcp_process.ts";
import { NpmRegistry } from "../support/npm_registry.ts";
import { assertSealedSession, machine, packageOptions, packagesFolder } from "../support/packages.ts";
import { census, CENSUS_VARIABLE, nobodyLeft } from "../support/process_census.ts";
import { TempFolder } from "../support/temp_folder.ts";

const options = { ...await packageOptions(["node", "npm", "npx", "tar"], "that the npm packages run") };

/** Everything npm keeps, in a folder of its own. */
function npmEnvironment(folder: TempFolder, registry: NpmRegistry): Record<string, string> {
  return {
    ...{ HOME: folder.path, npm_config_cache: `${folder.path}/cache`, npm_config_registry: registry.url },
    ...{ npm_config_update_notifier: "false", npm_config_audit: "false", npm_config_fund: "false" },
  };
}

async function registryOfPackages(): Promise<NpmRegistry> {
  const names = [...Deno.readDirSync(packagesFolder())].map(({ name }) => name);
  return await NpmRegistry.of(
    names.filter((name) => /^signet-mcp-.*\.tgz$/.test(name)).map((name) => `${packagesFolder()}/${name}`),
  );
}

Deno.test("npx signet-mcp in an empty folder is Signet: its words and its exit codes", options, async () => {
  await using folder = await TempFolder.create();
  await using registry = await registryOfPackages();
  const env = npmEnvironment(folder, registry);
  const npx = (...args: string[]) =>
    runBounded("npx", {
      ...{ what: `npx signet-mcp ${args[0]}`, args: ["-y", "signet-mcp", ...args], cwd: folder.path },
      ...{ deadlineMs: 120_000, clearEnv: true, env: { ...cleanEnvironment(), ...env } },
    });
  const version = await npx("--version");
  assert.deepEqual([version.code, version.stdout], [0, `signet ${VERSION}\n`], version.stderr);
  assert.equal((await npx("check")).code, 1);
  assert.equal((await npx("no-such-command")).code, 2);
});

Deno.test("npm installs of the platforms' packages this one alone, and runs no script", options, async () => {
  await using folder = await TempFolder.create();
  await using registry = await registryOfPackages();
  const args = ["install", "--ignore-scripts", "signet-mcp"];
  await runTool("npm", args, { what: "installing", cwd: folder.path, env: npmEnvironment(folder, registry) });
  const installed = [...Deno.readDirSync(`${folder.path}/node_modules`)].map(({ name }) => name);
  assert.deepEqual(installed.filter((name) => !name.startsWith(".")).sort(), ["signet-mcp", `signet-mcp-${machine}`]);
});

for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const) {
  Deno.test(
    `${signal} to signet-mcp ${signal === "SIGKILL" ? "leaves no orphan" : "drains Signet"}`,
    options,
    async () => {
      await using folder = await TempFolder.create();
      await using registry = await registryOfPackages();
      const env = npmEnvironment(folder, registry);
      await runTool("npm", ["install", "signet-mcp"], { what: "installing", cwd: folder.path, env });
      await using server = new FakeMcp();
      const token = crypto.randomUUID();
      const flags = ["--upstream", server.url, "--listen", "127.0.0.1:0", "--admin", "off", "--log-format", "json"];
      await using signet = new ChildRun({
        command: `${folder.path}/node_modules/.bin/signet-mcp`,
        args: ["serve", ...flags],
        env: { [CENSUS_VARIABLE]: token },
      });
      const url = await signet.waitForLine(
        (line) => line.includes('"listening"') ? String(JSON.parse(line).listen) : undefined,
        "Signet to listen",
      );
      await assertSealedSession(url);
      assert.ok(census(token).length > 0);
      const { code, signal: by } = await signet.kill(signal);
      if (signal === "SIGKILL") assert.equal(by, signal);
      else assert.equal(code, 0, signet.lines.join("\n"));
      await nobodyLeft(token);
    },
  );
}
