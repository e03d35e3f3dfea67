// What a client would meet: a Signet of this configuration is started on a free port of loopback, for this once and for
// nobody else, a session is opened through it, what the server offers is listed, and the session is ended. Whatever is in
// the way is then told as it would be in the log, with its cure.
import type { AppOptions, RunningApp } from "../../app/running_app.ts";
import type { Settings } from "../../config/schema.ts";
import { ephemeralKeyRing } from "../../envelope/key_ring.ts";
import { ConfigError } from "../../errors.ts";
import { createLogger } from "../../observe/log.ts";
import { parseJson } from "../../platform/json.ts";
import type { CommandContext } from "../command.ts";
import { faultOf, type Finding, type Findings, timeBoxed, TimeBoxError } from "./finding.ts";
import { type HandshakeOptions, ProbeClient, STATELESS_REVISION } from "./probe_client.ts";
import { probeSettings } from "./probe_settings.ts";

/** A server that npx has to fetch first takes this long; nothing that works takes longer. */
const TIMEOUT_MS = 60_000;

/** What was logged of the Signet that was started. */
type Line = Readonly<Record<string, unknown>>;

export async function* examineServer(context: CommandContext, settings: Settings, options: HandshakeOptions): Findings {
  if (settings.credential === "refresh-token" || settings.credential === "token-exchange") {
    const why = settings.credential === "refresh-token"
      ? "it would use up the refresh token"
      : "it takes a caller's token";
    return void (yield { verdict: "skip", what: "handshake", found: `not tried, as ${why}` });
  }
  const lines: Line[] = [];
  let app: RunningApp | undefined;
  try {
    app = await timeBoxed(TIMEOUT_MS, (signal) => start({ context, settings, lines, signal }));
    const client = new ProbeClient(context, app.listen, options);
    yield* timeBoxedEach(client, lines, app);
  } catch (error) {
    yield failed(error, lines);
  } finally {
    await app?.drain();
  }
}

async function* timeBoxedEach(client: ProbeClient, lines: readonly Line[], app: RunningApp): Findings {
  const opened = await timeBoxed(TIMEOUT_MS, () => client.open());
  yield judged(opened, lines);
  if (opened.verdict === "ok" && isStateless(app)) yield STATELESS;
  yield* missingMembers(lines);
  if (opened.verdict === "fail" || !client.isOpen) return;
  try {
    yield judged(await timeBoxed(TIMEOUT_MS, () => client.list()), lines);
  } finally {
    yield judged(await timeBoxed(TIMEOUT_MS, () => client.end()), lines);
  }
}

/** The client has a session, and not from the server. */
const STATELESS: Finding = {
  verdict: "ok",
  what: "era",
  found: `a server without sessions, of revision ${STATELESS_REVISION}: Signet keeps them for clients that have some`,
};

function isStateless({ metrics }: RunningApp): boolean {
  return metrics !== undefined && metrics.render().includes('signet_upstream_era{era="stateless"} 1\n');
}

interface Start {
  readonly context: CommandContext;
  readonly settings: Settings;
  readonly lines: Line[];
  /** Aborted when nobody waits for it any more. */
  readonly signal: AbortSignal;
}

async function start({ context, settings, lines, signal }: Start): Promise<RunningApp> {
  const { startApp } = await context.loadApp();
  const ring = ephemeralKeyRing((length) => context.random(length));
  const options: AppOptions = {
    settings: probeSettings(settings),
    loadKeys: () => Promise.resolve({ ring, source: "doctor", ephemeral: true, warnings: [] }),
    reloadSettings: () => Promise.resolve(settings),
    log: createLogger({ level: "info", format: "json", now: context.now, write: (line) => note(lines, line) }),
    now: context.now,
  };
  const app = await startApp(options);
  if (signal.aborted) await app.drain();
  return app;
}

const MOST_LINES = 1_000;

function note(lines: Line[], line: string): void {
  if (lines.length < MOST_LINES) lines.push(parseJson(line));
}

/** With what the log says of it, which knows more than a client is told. */
function judged(finding: Finding, lines: readonly Line[]): Finding {
  if (finding.verdict === "ok") return finding;
  const line = lines.findLast(({ event }) => event === "request failed" || event === "request refused");
  // A stdio server's own last words, blanked of all it was given.
  const said = lines.findLast(({ event }) => event === "MCP server says")?.["line"];
  const parts = [finding.found, line?.["found"] ?? line?.["cause"], said];
  const found = parts.filter((text) => typeof text === "string").join(": ");
  const cure = typeof line?.["remedy"] === "string" ? line["remedy"] : finding.cure;
  return { ...finding, found, ...(cure === undefined ? {} : { cure }) };
}

/** Of several servers those that the session was opened without. */
function* missingMembers(lines: readonly Line[]): Iterable<Finding> {
  for (const line of lines) {
    const { event, member, found, cause, reason } = line;
    if (typeof event !== "string" || typeof member !== "string" || !event.includes("MCP server")) continue;
    const why = [found, cause, reason].find((text) => typeof text === "string") ?? "";
    const cure = typeof line["remedy"] === "string"
      ? line["remedy"]
      : "See whether that server is up, and its own log.";
    yield { verdict: "warn", what: `server ${member}`, found: `${event}${why === "" ? "" : `: ${why}`}`, cure };
  }
}

function failed(error: unknown, lines: readonly Line[]): Finding {
  if (error instanceof ConfigError) {
    const [first] = error.problems;
    const found = `${first?.place}: ${first?.problem}`;
    return { verdict: "fail", what: "handshake", found, ...(first === undefined ? {} : { cure: first.remedy }) };
  }
  const cure = error instanceof TimeBoxError
    ? "See what the MCP server waits for: its own log, or `signet serve` with --log-level debug."
    : "Try `signet serve` with the same settings: its log says more.";
  return judged({ verdict: "fail", what: "handshake", found: faultOf(error), cure }, lines);
}
