// `signet serve -- COMMAND` as people run it: the real program, its servers as real processes, unmodified clients
// (docs/behaviour.md B1–B3, B5, L3, L4, L7, M1). Who is left is counted independently of Signet.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { CLIENT_SANITIZERS, connectClient, type Connected, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { newKey, type Signet, startSignet } from "../support/mcp_signet.ts";
import { census, CENSUS_VARIABLE, HAS_CENSUS, nobodyLeft } from "../support/process_census.ts";
import { signetCli } from "../support/signet_cli.ts";
import { FIXTURE } from "../support/stdio.ts";
import { until } from "../support/until.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const OPTIONS = { ...CLIENT_SANITIZERS, ignore: !HAS_CENSUS };

function fixtureCommand(...flags: string[]): string[] {
  return [Deno.execPath(), "run", "-A", "--no-lock", "--no-config", FIXTURE, ...flags];
}

/** Signet with a stdio server; everything it starts carries `token`, which only a file tells it. */
class Served implements AsyncDisposable {
  readonly token: string;
  readonly signet: Signet;

  readonly #file: string;

  private constructor(started: { token: string; file: string; signet: Signet }) {
    this.token = started.token;
    this.signet = started.signet;
    this.#file = started.file;
  }

  static async start(args: readonly string[] = [], command = fixtureCommand()): Promise<Served> {
    const token = crypto.randomUUID();
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, token);
    const marked = ["--stdio-secret", `${CENSUS_VARIABLE}=${file}`, "--stdio-inherit", "DENO_DIR", ...args];
    try {
      const signet = await startSignet({ upstream: command, args: marked, env: { MCP_ENCRYPTION_KEY: newKey() } });
      return new Served({ token, file, signet });
    } catch (error) {
      await Deno.remove(file);
      throw error;
    }
  }

  /** The servers themselves: Signet's own children. */
  servers(): number[] {
    return census(this.token).filter(({ parent }) => parent === this.signet.pid).map(({ pid }) => pid);
  }

  async metric(name: string): Promise<number> {
    const page = await (await fetch(`${this.adminUrl}/metrics`)).text();
    const line = page.split("\n").find((line) => line.startsWith(`${name} `));
    if (line === undefined) throw new Error(`reading metric ${name}: there is none`);
    return Number(line.slice(name.length + 1));
  }

  get adminUrl(): string {
    const { adminUrl } = this.signet;
    return adminUrl.includes("://") ? adminUrl : `http://${adminUrl}`;
  }

  /** Whatever a test did to it, none of its servers outlives it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.signet.kill("SIGTERM");
    await Deno.remove(this.#file);
    await nobodyLeft(this.token);
  }
}

/** What the fixture's counter says, and which process says it. */
async function count({ client }: Connected): Promise<{ count: number; pid: number }> {
  return JSON.parse(await client.call("count"));
}

const EVERYTHING = [
  Deno.execPath(),
  "run",
  "-A",
  `--lock=${ROOT}tests/deno.lock`,
  "--frozen",
  "npm:@modelcontextprotocol/server-everything@2026.8.31",
  "stdio",
];

for (const kind of LEGACY_CLIENTS) {
  Deno.test(`B1: client ${kind} works with server-everything behind signet serve --`, OPTIONS, async () => {
    await using served = await Served.start(["--stdio-dir", ROOT], EVERYTHING);
    await using connected = await connectClient(kind, served.signet.url);
    assert.ok((await connected.client.listTools()).includes("get-sum"));
    assert.match(await connected.client.call("get-sum", { a: 2, b: 40 }), /42/);
    await connected.client.terminate();
    await nobodyLeft(served.token);
  });
}

Deno.test("B1: two sessions never share a process, and one always meets its own", OPTIONS, async () => {
  await using served = await Served.start();
  await using one = await connectClient("v1", served.signet.url);
  await using other = await connectClient("v2", served.signet.url);
  const seen = [await count(one), await count(other), await count(one), await count(one), await count(other)];
  assert.deepEqual(seen.map(({ count }) => count), [1, 1, 2, 3, 2]);
  const [first, second] = [seen[0]!.pid, seen[1]!.pid];
  assert.notEqual(first, second);
  assert.deepEqual(seen.map(({ pid }) => pid), [first, second, first, first, second]);
  assert.equal(await served.metric("signet_stdio_processes"), 2);
});

/** What ignores SIGTERM is waited for in vain. */
const SOON = ["--stdio-stop-grace", "500ms"];

Deno.test("B2: nothing is left after SIGTERM, not even what ignores it and has children", OPTIONS, async () => {
  await using served = await Served.start(SOON, fixtureCommand("--ignore-close", "--ignore-term", "--family"));
  await using connected = await connectClient("v1", served.signet.url);
  await connected.client.call("grandchild", { detached: true });
  assert.ok(census(served.token).length >= 3, "the server and two grandchildren");
  const { code } = await served.signet.kill("SIGTERM");
  assert.ok(code === 0 || code === 4, `exit code ${code}`);
  assert.deepEqual(census(served.token), [], "all had ended when Signet did");
});

for (const kind of LEGACY_CLIENTS) {
  Deno.test(`L3 B2: client ${kind} goes on after SIGKILL of Signet, and nothing old is left`, OPTIONS, async () => {
    await using served = await Served.start(SOON, fixtureCommand("--ignore-close", "--ignore-term", "--family"));
    await using connected = await connectClient(kind, served.signet.url);
    const id = connected.client.sessionId;
    await connected.client.call("grandchild", { detached: true });
    const before = await count(connected);
    const old = new Set(census(served.token).map(({ pid }) => pid));
    assert.ok(old.size >= 3, "the server and two grandchildren");

    await served.signet.restart();

    const left = census(served.token).filter(({ pid, command }) => old.has(pid) && !command.startsWith("sleep"));
    assert.deepEqual(left, [], "ended before it listened");
    const after = await count(connected);
    assert.equal(after.count, 1);
    assert.notEqual(after.pid, before.pid);
    assert.equal(connected.client.sessionId, id);
    assert.ok(served.signet.logs.some((line) => line.includes("ended processes of a Signet that was killed")));
  });
}

Deno.test("B5: a crash is an error for the call it met, and the next call works", OPTIONS, async () => {
  await using served = await Served.start();
  await using connected = await connectClient("v1", served.signet.url);
  const before = await count(connected);
  await assert.rejects(connected.client.call("crash"), /ended before it answered/);
  const after = await count(connected);
  assert.equal(after.count, 1);
  assert.notEqual(after.pid, before.pid);
  assert.equal(await served.metric('signet_stdio_process_events_total{event="restarted"}'), 1);
  assert.equal(await served.metric('signet_stdio_process_events_total{event="ended_unasked"}'), 1);
});

function initialize(url: string, token?: string): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "accept": "application/json, text/event-stream",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
    }),
  });
}

/** Without a listening stream, which the official clients keep open for as long as they live. */
async function countOnce(url: string, id: string): Promise<{ count: number; pid: number }> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "accept": "application/json, text/event-stream",
      "mcp-session-id": id,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "count", arguments: {} } }),
  });
  const { result } = await response.json();
  return JSON.parse(result.content[0].text);
}

Deno.test("L7: a session's process ends when it is idle, and its id stays valid", OPTIONS, async () => {
  await using served = await Served.start(["--session-idle", "1s", "--sweep-interval", "100ms"]);
  const { url } = served.signet;
  const opened = await initialize(url);
  await opened.body?.cancel();
  const id = opened.headers.get("mcp-session-id")!;
  const before = await countOnce(url, id);
  assert.equal(before.count, 1);
  await nobodyLeft(served.token);
  const after = await countOnce(url, id);
  assert.equal(after.count, 1);
  assert.notEqual(after.pid, before.pid);
});

/** Statuses by how often each came, and every `Retry-After` there was. */
async function tally(
  answers: readonly Response[],
): Promise<{ statuses: Record<string, number>; patience: Set<string> }> {
  const statuses: Record<string, number> = {};
  const patience = new Set<string>();
  for (const { status, headers, body } of answers) {
    await body?.cancel();
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (headers.has("retry-after")) patience.add(headers.get("retry-after")!);
  }
  return { statuses, patience };
}

Deno.test("M1: of parallel initializes as many start a process as there may be", OPTIONS, async () => {
  await using served = await Served.start(["--max-processes", "3"]);
  const answers = await Promise.all(Array.from({ length: 12 }, () => initialize(served.signet.url)));
  const { statuses, patience } = await tally(answers);
  assert.deepEqual(statuses, { 200: 3, 503: 9 });
  assert.equal(patience.size, 1);
  assert.equal(served.servers().length, 3);
  assert.equal(await served.metric("signet_stdio_processes_peak"), 3);
  assert.equal(await served.metric("signet_stdio_refusals_total"), 9);
});

Deno.test("M1: one caller's share of processes is bounded, and another's is not touched by it", OPTIONS, async () => {
  await using served = await Served.start(["--principal", "bearer", "--max-processes-per-principal", "1"]);
  const { statuses } = await tally([
    await initialize(served.signet.url, "first"),
    await initialize(served.signet.url, "first"),
    await initialize(served.signet.url, "second"),
  ]);
  assert.deepEqual(statuses, { 200: 2, 429: 1 });
});

Deno.test(
  "B7: a server gets what is configured of the environment, and nothing else of Signet's",
  OPTIONS,
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/secret`, "of-the-file\n", { mode: 0o600 });
      await using served = await Served.start([
        ...["--stdio-secret", `API_TOKEN=${folder}/secret`, "--stdio-env", "MODE=a,b", "--stdio-dir", folder],
      ]);
      await using connected = await connectClient("v1", served.signet.url);
      const ask = async (name: string) => JSON.parse(await connected.client.call("env", { name }));
      assert.equal((await ask("API_TOKEN")).value, "of-the-file");
      assert.equal((await ask("MODE")).value, "a,b");
      const { value, names } = await ask("MCP_ENCRYPTION_KEY");
      assert.equal(value, null);
      assert.deepEqual(names.filter((name: string) => name.startsWith("SIGNET_")), []);
      assert.equal(JSON.parse(await connected.client.call("where")).cwd, await Deno.realPath(folder));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test("P1: a stdio Signet is ready while its program can be run", OPTIONS, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const program = `${folder}/server`;
    await Deno.writeTextFile(program, "#!/bin/sh\nexit 0\n", { mode: 0o700 });
    await using served = await Served.start([], [program]);
    const ready = async () => {
      const response = await fetch(`${served.adminUrl}/readyz`);
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await ready(), 200);
    await Deno.remove(program);
    await until(async () => await ready() === 503, "the missing program is noticed");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("P3: a program that is not there is told at the start, and no argument of it", OPTIONS, async () => {
  const { code, err } = await signetCli([
    "serve",
    "--admin",
    "off",
    "--listen",
    "127.0.0.1:0",
    "--",
    "no-such-server",
    "hunter2",
  ]);
  assert.equal(code, 2);
  assert.match(err, /no-such-server: found no such program in PATH/);
  assert.doesNotMatch(err, /hunter2/);
});

Deno.test("P3: a command given as one word is told apart from a program that is not there", OPTIONS, async () => {
  const { code, err } = await signetCli(["serve", "--admin", "off", "--listen", "127.0.0.1:0", "--", "npx -y hunter2"]);
  assert.equal(code, 2);
  assert.match(err, /Starting npx …: found no such program in PATH.*write each word by itself, as in -- npx …/s);
  assert.doesNotMatch(err, /hunter2/, "a word may be a secret");
});

Deno.test("E8: what starting says names the program and counts its arguments", OPTIONS, async () => {
  await using served = await Served.start([], [...fixtureCommand(), "--token=hunter2"]);
  assert.doesNotMatch(served.signet.logs.join("\n"), /hunter2/);
  const listening = await served.signet.waitForEvent("listening");
  assert.match(String(listening.forward), /and 6 arguments, a process for each session/);
});
