// A soak: the real program before one kind of server, twenty callers with real tokens, one of them hostile. Answers with
// all that went wrong; nothing does where Signet keeps its word.
import { fileURLToPath } from "node:url";
import { type Signet, startSignet } from "../mcp_signet.ts";
import { TestIssuer } from "../tokens.ts";
import { HonestCaller, type Identity, type Scene } from "./caller.ts";
import { HostileCaller } from "./hostile.ts";
import { SoakServer } from "./http_server.ts";
import { Findings, newMark } from "./marks.ts";

export const SOAK_KINDS = ["http", "stdio"] as const;
export type SoakKind = typeof SOAK_KINDS[number];

export interface SoakOptions {
  readonly kind: SoakKind;
  readonly seconds: number;
  readonly callers?: number;
  readonly fullLane?: boolean;
  /** Told how it goes, now and then. */
  readonly report?: (line: string) => void;
}

export interface SoakResult {
  /** Empty if all is well. */
  readonly findings: readonly string[];
  readonly calls: number;
  /** Longest time an honest caller waited for an answer, in ms. */
  readonly slowestMs: number;
  /** Resident memory in MiB: at the end of the first third, and the most in the last one. */
  readonly memory: { readonly warm: number; readonly last: number };
  readonly acts: Readonly<Record<string, number>>;
  readonly log: readonly string[];
}

const STDIO_SERVER = fileURLToPath(new URL("../../fixtures/soak_stdio_server.ts", import.meta.url));

/** Short times, so that what is left behind is gone before anybody tires of waiting. */
const FLAGS = ["--session-idle", "3s", "--sweep-interval", "1s", "--head-timeout", "3s", "--body-timeout", "3s"];
const OF_KIND: Record<SoakKind, readonly string[]> = {
  http: ["--adopt", "--max-sessions-per-principal", "20"],
  stdio: ["--max-processes-per-principal", "4", "--max-processes", "60"],
};

/** What must be nothing in the end, by the beginning of its line. */
const GAUGES =
  /^(?:signet_sessions|signet_in_use(?:\{.*\})?|signet_event_streams|signet_listening_streams|signet_buffered_body_bytes|signet_connections|signet_stdio_(?:processes|calls|questions|event_bytes)) ([^ ]+)$/;

/** How long the last traces may take to go, in ms. */
const SETTLE_MS = 45_000;

/** Growth that a garbage collector may leave, in MiB. */
const MAY_GROW = 64;

function residentMib(pid: number): number {
  const pages = Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]);
  return pages * 4096 / 2 ** 20;
}

async function gauges(signet: Signet): Promise<string[]> {
  const page = await (await fetch(`${signet.adminUrl}/metrics`, { signal: AbortSignal.timeout(10_000) })).text();
  return page.split("\n").filter((line) => (GAUGES.exec(line)?.[1] ?? "0") !== "0");
}

/** Waits until every gauge is at zero; notes those that are not. */
async function settle(signet: Signet, findings: Findings): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  let left = await gauges(signet);
  while (left.length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    left = await gauges(signet);
  }
  if (left.length > 0) findings.add("gauges that are not at zero in the end", left.join("; "));
}

class MemoryWatch {
  readonly #samples: number[] = [];
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(pid: number) {
    this.#timer = setInterval(() => this.#samples.push(residentMib(pid)), 250);
  }

  /** Judges what was seen: it may grow while it warms up, and not afterwards. */
  end(findings: Findings): SoakResult["memory"] {
    clearInterval(this.#timer);
    const third = Math.floor(this.#samples.length / 3);
    const most = (from: number, to: number) => Math.round(Math.max(0, ...this.#samples.slice(from, to)));
    const memory = { warm: most(0, 2 * third), last: most(2 * third, this.#samples.length) };
    if (memory.last > memory.warm * 1.25 + MAY_GROW) {
      findings.add("memory that grows", `${memory.warm} MiB when warm, ${memory.last} MiB in the end`);
    }
    return memory;
  }
}

async function identities(issuer: TestIssuer, count: number, lifeS: number): Promise<Identity[]> {
  return await Promise.all(Array.from({ length: count }, async (_, n) => {
    const mark = newMark(n);
    return { mark, token: await issuer.token(mark, { expiresInS: lifeS }) };
  }));
}

interface Playing {
  readonly scene: Scene;
  readonly signet: Signet;
  readonly callers: readonly Identity[];
}

/** Everybody at once, until it is over. */
async function play({ scene, signet, callers }: Playing, options: SoakOptions) {
  const [first, ...others] = callers;
  const hostile = new HostileCaller(scene, first!);
  const honest = others.map((identity) => new HonestCaller(scene, identity));
  const calls = () => honest.reduce((sum, caller) => sum + caller.calls, 0);
  const watch = new MemoryWatch(signet.pid);
  const telling = setInterval(() => {
    options.report?.(`${options.kind}: ${calls()} calls, ${Math.round(residentMib(signet.pid))} MiB`);
  }, 10_000);
  try {
    await Promise.all([hostile.run(), ...honest.map((caller) => caller.run())]);
  } finally {
    clearInterval(telling);
  }
  const memory = watch.end(scene.findings);
  const slowestMs = Math.round(Math.max(...honest.map((caller) => caller.slowestMs)));
  return { calls: calls(), slowestMs, memory, acts: hostile.acts };
}

/** Runs one soak, from the start of the program to its end. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { kind, seconds, callers = 20 } = options;
  const findings = new Findings();
  const notes = await Deno.makeTempFile({ prefix: "signet-soak-" });
  await using issuer = await TestIssuer.create();
  await using server = new SoakServer(findings);
  const command = [Deno.execPath(), "run", "-A", "--no-lock", "--no-config", STDIO_SERVER, notes];
  await using signet = await startSignet({
    upstream: kind === "http" ? server.url : command,
    args: [...FLAGS, ...OF_KIND[kind], ...issuer.flags],
    fullLane: options.fullLane ?? false,
  });
  const client = Deno.createHttpClient({});
  const over = AbortSignal.timeout(seconds * 1000);
  const scene: Scene = { url: signet.url, client, findings, over, loot: new Set() };
  const played = await play({ scene, signet, callers: await identities(issuer, callers, seconds + 600) }, options);
  client.close();
  await settle(signet, findings);
  for (const line of (await Deno.readTextFile(notes)).split("\n")) {
    if (line !== "") findings.add("at a stdio server", line);
  }
  await Deno.remove(notes);
  if (kind === "http" && server.sessions > callers * 50) findings.add("sessions left upstream", `${server.sessions}`);
  return { ...played, findings: findings.lines, log: signet.logs };
}
