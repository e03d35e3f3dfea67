// `deno task conformance`: runs the official conformance suite against a fixture server directly and through Signet,
// in both lanes (`--lane several`: behind two members; `--lane stateless`, `--lane sessions`: before the same
// server without its sessions, and with nothing else),
// and compares scenario by scenario and check by check. Exit
// code 1 if anything that passes directly does not pass through Signet. The suite's own exit code is not trusted.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startFixture } from "../tests/support/mcp_servers.ts";
import { startSignet } from "../tests/support/mcp_signet.ts";
import { runBounded } from "./bounded_child.ts";
import { MEMBER, renameBefore } from "./conformance_names.ts";
import { readOptions } from "./options.ts";

const SUITE = "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12";
/** Six times what it takes on a busy machine. */
const SUITE_DEADLINE_MS = 180_000;
const SETS = ["2025-11-25", "2026-07-28"];
const LANES = ["fast", "full", "several", "stateless", "sessions"];
/** What is run of them unless something else is asked for. */
const DEFAULT_LANES = ["fast", "full"];
const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Whether each check of each scenario passed: scenario → check → status. */
type Results = Map<string, Map<string, string>>;

interface Choice {
  readonly sets: readonly string[];
  readonly lanes: readonly string[];
  readonly verbose: boolean;
}

const USAGE = `usage: deno task conformance [--set ${SETS.join("|")}] [--lane ${LANES.join("|")}] [--verbose]`;

function readChoice(): Choice {
  const values = readOptions(import.meta.url, {
    set: { type: "string", multiple: true, default: SETS },
    lane: { type: "string", multiple: true, default: DEFAULT_LANES },
    verbose: { type: "boolean", default: false },
  });
  if (values.set.some((set) => !SETS.includes(set)) || values.lane.some((lane) => !LANES.includes(lane))) {
    console.error(USAGE);
    Deno.exit(2);
  }
  return { sets: values.set, lanes: values.lane, verbose: values.verbose };
}

interface Check {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly errorMessage?: string;
}

/** A scenario's checks by id and name; those with equal ones are numbered in their order. */
function checksByKey(checks: readonly Check[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const check of checks) {
    let key = `${check.id} ${check.name}`;
    for (let n = 2; found.has(key); n++) key = `${check.id} ${check.name} #${n}`;
    found.set(key, check.status === "FAILURE" ? `FAILURE: ${check.errorMessage ?? ""}` : check.status);
  }
  return found;
}

/** What the suite wrote: one folder `server-<scenario>-<time>` a scenario. */
async function readResults(folder: string): Promise<Results> {
  const results: Results = new Map();
  for await (const entry of Deno.readDir(folder)) {
    const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(entry.name)?.[1];
    if (scenario === undefined) continue;
    const checks = JSON.parse(await Deno.readTextFile(join(folder, entry.name, "checks.json"))) as Check[];
    results.set(scenario, checksByKey(checks));
  }
  return results;
}

/** Runs one requirement set against `url`. */
async function runSuite(url: string, set: string): Promise<Results> {
  const folder = await Deno.makeTempDir({ prefix: "signet-conformance-" });
  try {
    const { stdout, stderr } = await runBounded(Deno.execPath(), {
      what: `the conformance suite of ${set}`,
      deadlineMs: SUITE_DEADLINE_MS,
      retries: 1,
      args: [
        "run",
        "-A",
        "--lock=tests/deno.lock",
        "--frozen",
        SUITE,
        "server",
        "--url",
        url,
        "--requirements",
        set,
        "--output-dir",
        folder,
      ],
      cwd: ROOT,
    });
    const results = await readResults(folder);
    if (results.size > 0) return results;
    throw new Error(`running the conformance suite gave no results:\n${stdout}\n${stderr}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function isPass(status: string | undefined): boolean {
  return status !== undefined && !status.startsWith("FAILURE");
}

/** `✓ 3/3` or `✗ 2/3`. */
function summarize(checks: Map<string, string> | undefined): string {
  if (checks === undefined) return "✗ not run";
  const passed = [...checks.values()].filter(isPass).length;
  return `${passed === checks.size ? "✓" : "✗"} ${passed}/${checks.size}`;
}

/** Where Signet's own server answers in its place: how it does is allowed to differ, failing is not. */
const OWN_WAY: Readonly<Record<string, string>> = {
  "server-sse-multiple-streams": "answers that come at once are JSON, not streams",
  "server-sse-polling": "a stream that a member ends early is taken up by Signet, and the client's stays open",
};

/** Lanes in which Signet's own server is the one that the suite talks to. */
const OF_SIGNET: ReadonlySet<string> = new Set(["several", "stateless", "sessions"]);

/** What a server with sessions cannot do for stateless clients, whoever stands before it. */
const BEYOND_A_BRIDGE: Readonly<Record<string, string>> = {
  "http-custom-header-server-validation": "it does not look at headers that repeat arguments: its tools lose the wish",
  "input-required-result-basic-elicitation": "its questions go by the ids that it gives them, not by names of a tool's",
  "input-required-result-capability-check": "what it does not ask for want of a capability it does not say",
  "server-stateless":
    "it does not refuse what it cannot ask for; changes are told to the kind of client that has made them",
};

function isOwnWay(lane: string, scenario: string, now: string | undefined): boolean {
  if (lane === "sessions" && scenario in BEYOND_A_BRIDGE) return true;
  return OF_SIGNET.has(lane) && scenario in OWN_WAY && isPass(now ?? "not made");
}

/** Checks that pass directly and do worse through Signet: failed, skipped, warned of or not made at all. */
function regressions(
  direct: Map<string, string>,
  proxied: Map<string, string> | undefined,
  isAllowed: (now: string | undefined) => boolean,
): string[] {
  const found: string[] = [];
  for (const [check, status] of direct) {
    const now = proxied?.get(check);
    if (isPass(status) && now !== status && !(proxied !== undefined && isAllowed(now))) {
      found.push(`${check}: ${status} directly, ${now ?? "not made"} through Signet`);
    }
  }
  return found;
}

function printTable(set: string, columns: ReadonlyMap<string, Results>): string[] {
  const [direct] = columns.values();
  const width = Math.max(...[...direct!.keys()].map((name) => name.length));
  console.log(`\n${set.padEnd(width)}  ${[...columns.keys()].map((name) => name.padEnd(10)).join("")}`);
  const found: string[] = [];
  for (const [scenario, checks] of [...direct!].sort(([a], [b]) => a < b ? -1 : 1)) {
    const cells = [...columns.values()].map((results) => summarize(results.get(scenario)).padEnd(10));
    console.log(`${scenario.padEnd(width)}  ${cells.join("")}`);
    for (const [name, results] of columns) {
      const isAllowed = (now: string | undefined) => isOwnWay(name, scenario, now);
      for (const one of regressions(checks, results.get(scenario), isAllowed)) {
        found.push(`${set} ${name} ${scenario}: ${one}`);
      }
    }
  }
  return found;
}

/** `several`: behind two members, of which one has nothing that is allowed; the suite's names are those of the other. */
async function startLane(lane: string, url: string, stack: AsyncDisposableStack): Promise<string> {
  if (lane === "stateless" || lane === "sessions") {
    const oneEra = stack.use(await startFixture("conformance", { [lane]: true }));
    return stack.use(await startSignet({ upstream: oneEra.url })).url;
  }
  if (lane !== "several") return stack.use(await startSignet({ upstream: url, fullLane: lane === "full" })).url;
  const empty = stack.use(await startFixture("conformance"));
  const nothing = ["--deny-tool", "empty/*", "--deny-prompt", "empty/*", "--deny-resource", "empty/*"];
  const args = ["--upstream", `empty=${empty.url}`, ...nothing];
  const signet = stack.use(await startSignet({ upstream: `${MEMBER}=${url}`, args }));
  return stack.use(renameBefore(signet.url)).url;
}

async function main(): Promise<number> {
  const choice = readChoice();
  await using fixture = await startFixture("conformance");
  await using stack = new AsyncDisposableStack();
  const endpoints = new Map([["direct", fixture.url]]);
  for (const lane of choice.lanes) {
    endpoints.set(lane, await startLane(lane, fixture.url, stack));
  }
  const found: string[] = [];
  for (const set of choice.sets) {
    const columns = new Map<string, Results>();
    for (const [name, url] of endpoints) columns.set(name, await runSuite(url, set));
    found.push(...printTable(set, columns));
  }
  if (choice.verbose) console.log(`\nfixture:\n${fixture.logs.join("\n")}`);
  if (choice.lanes.some((lane) => OF_SIGNET.has(lane))) {
    for (const [scenario, why] of Object.entries(OWN_WAY)) {
      console.log(`\n${scenario} may differ there: ${why}`);
    }
  }
  if (choice.lanes.includes("sessions")) {
    for (const [scenario, why] of Object.entries(BEYOND_A_BRIDGE)) {
      console.log(`\n${scenario} is beyond a bridge: ${why}`);
    }
  }
  if (found.length === 0) console.log("\nEvery check that passes directly passes through Signet.");
  else console.log(`\n${found.length} checks do worse through Signet:\n${found.join("\n")}`);
  return found.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
