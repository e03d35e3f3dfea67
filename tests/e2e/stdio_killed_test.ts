// What the operating system lets Signet promise when it is killed outright: servers end at once, and whatever they left
// behind ends when the next Signet starts (docs/behaviour.md B2; lib/upstream/stdio/orphans.ts).
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { findProgram } from "../../scripts/programs.ts";
import { ChildRun } from "../support/mcp_process.ts";
import { census, CENSUS_VARIABLE, type Counted, HAS_CENSUS, nobodyLeft } from "../support/process_census.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const OPTIONS = { ...STRICT, ignore: !HAS_CENSUS };
const HOST = fileURLToPath(new URL("../fixtures/stdio_host.ts", import.meta.url));

function runHost(token: string, open: boolean): ChildRun {
  const server = { ...fixture("--ignore-close", "--ignore-term"), env: { [CENSUS_VARIABLE]: token } };
  return new ChildRun({ args: ["run", "-A", HOST, JSON.stringify({ server, open })] });
}

/**
 * The server and its grandchildren: not their hosts, nor the short sleeps the grandchildren start one after the other.
 */
function servers(token: string): Counted[] {
  const all = census(token).filter(({ command }) => !command.includes(HOST));
  const sleepers = new Set(all.filter(({ command }) => command.includes("trap")).map(({ pid }) => pid));
  return all.filter(({ parent }) => !sleepers.has(parent));
}

/** The text behind `prefix` on the first line that begins with it. */
function said(run: ChildRun, prefix: string): Promise<string> {
  const find = (line: string) => line.startsWith(prefix) ? line.slice(prefix.length).trim() : undefined;
  return run.waitForLine(find, `the host to say ${prefix}`);
}

Deno.test("B2: a killed Signet's servers end with it, their families when the next one starts", OPTIONS, async () => {
  const token = crypto.randomUUID();
  await using killed = runHost(token, true);
  await said(killed, "ready");
  const before = servers(token);
  const [server] = before.filter(({ parent }) => parent === killed.pid);
  assert.ok(server !== undefined, "the server is the host's own child");
  assert.equal(before.length, 3, "the server and two grandchildren");
  await killed.kill();
  const hasSetpriv = await findProgram("setpriv") !== undefined;
  if (hasSetpriv) await until(() => census(token).every(({ pid }) => pid !== server.pid), "the server is gone");
  else console.error("IGNORED: without setpriv a server that ignores its closed stdin outlives a killed Signet");
  // Any Signet that starts from now on ends the grandchildren, which ignore all but SIGKILL: a test beside this one,
  // too.
  await using next = runHost(token, false);
  await said(next, "orphans");
  await nobodyLeft(token);
});

Deno.test("B2: a Signet that starts leaves the servers of a living one alone", OPTIONS, async () => {
  const token = crypto.randomUUID();
  await using living = runHost(token, true);
  await said(living, "ready");
  const before = servers(token).map(({ pid }) => pid);
  await using other = runHost(token, false);
  await said(other, "orphans");
  assert.deepEqual(servers(token).map(({ pid }) => pid), before);
  await living.kill();
  await using last = runHost(token, false);
  await said(last, "orphans");
  await nobodyLeft(token);
});
