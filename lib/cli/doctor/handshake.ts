// What a client would meet: a Signet of this configuration is started on a free port of loopback, for this once and for
// nobody else, a session is opened through it, what the server offers is listed, and the session is ended. Whatever is in
// the way is then told as it would be in the log, with its cure.
import type { AppOptions, RunningApp } from "../../app/running_app.ts";
import type { Settings } from "../../config/schema.ts";
import { ephemeralKeyRing } from "../../envelope/key_ring.ts";
import { ConfigError } from "../../errors.ts";
import { METHOD_NOT_FOUND } from "../../mcp/messages/rpc_codes.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";
import { createLogger } from "../../observe/log.ts";
import { parseJson } from "../../platform/json.ts";
import { VERSION } from "../../platform/version.ts";
import type { CommandContext } from "../command.ts";
import { faultOf, type Finding, type Findings, timeBoxed, TimeBoxError } from "./finding.ts";
import { probeSettings } from "./probe_settings.ts";

/** A server that npx has to fetch first takes this long; nothing that works takes longer. */
const TIMEOUT_MS = 60_000;
const REVISION = "2025-11-25";
const STATELESS_REVISION = "2026-07-28";

export interface HandshakeOptions {
  /** What a client would show the server; undefined: nothing. */
  readonly bearer: string | undefined;
}

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

/** As much of an MCP client as it takes. */
class ProbeClient {
  readonly #context: CommandContext;
  readonly #url: string;
  readonly #bearer: string | undefined;
  #session: string | undefined;
  #revision = REVISION;
  #id = 0;

  constructor(context: CommandContext, url: string, { bearer }: HandshakeOptions) {
    this.#context = context;
    this.#url = url;
    this.#bearer = bearer;
  }

  get isOpen(): boolean {
    return this.#session !== undefined || this.#revision === STATELESS_REVISION;
  }

  async open(): Promise<Finding> {
    const clientInfo = { name: "signet-doctor", version: VERSION };
    const params = { protocolVersion: REVISION, capabilities: {}, clientInfo };
    const { status, session, message } = await this.#post("initialize", params);
    const result = message?.result;
    if (result === undefined) return await this.#openStateless(status, message) ?? refused(status, message);
    this.#session = session;
    this.#revision = String(result["protocolVersion"]);
    const told = await this.#send({ jsonrpc: "2.0", method: "notifications/initialized" });
    await told.body?.cancel();
    const { name, version } = (result["serverInfo"] ?? {}) as Record<string, unknown>;
    const found = `initialize: ${name ?? "(unnamed)"} ${version ?? ""} speaks ${this.#revision}`;
    return { verdict: "ok", what: "handshake", found };
  }

  /** A server without sessions refuses initialize, and says what it is when asked. */
  async #openStateless(status: number, message: RpcAnswer | undefined): Promise<Finding | undefined> {
    if (status === 401 || status >= 500 || message?.error === undefined) return undefined;
    this.#revision = STATELESS_REVISION;
    const discovered = await this.#post("server/discover", {});
    if (discovered.message?.result === undefined) {
      this.#revision = REVISION;
      return undefined;
    }
    return { verdict: "ok", what: "handshake", found: `a server without sessions, of revision ${STATELESS_REVISION}` };
  }

  async list(): Promise<Finding> {
    const { status, message } = await this.#post("tools/list", {});
    const tools = message?.result?.["tools"];
    if (Array.isArray(tools)) {
      const more = message?.result?.["nextCursor"] === undefined ? "" : ", and there are more pages";
      return { verdict: "ok", what: "tools", found: `${tools.length} listed${more}` };
    }
    // JSON-RPC 2.0 §5.1: there is no such method: a server need not have tools.
    if (message?.error?.code === METHOD_NOT_FOUND) {
      return { verdict: "ok", what: "tools", found: "the server has none" };
    }
    if (message?.result !== undefined) {
      const found = "tools/list: found a result without a list of tools";
      return { verdict: "fail", what: "tools", found, cure: "See the server's own log." };
    }
    return { ...refused(status, message, "tools/list"), what: "tools" };
  }

  async end(): Promise<Finding> {
    if (this.#session === undefined) return { verdict: "ok", what: "end", found: "there is no session to end" };
    const response = await this.#context.fetch(this.#url, { method: "DELETE", headers: this.#headers("") });
    await response.body?.cancel();
    if (response.status < 300) return { verdict: "ok", what: "end", found: "the session was ended again" };
    const cure = "The server keeps it until it forgets it by itself.";
    return { verdict: "warn", what: "end", found: `ending the session: status ${response.status}`, cure };
  }

  async #post(method: string, params: Record<string, unknown>) {
    const id = ++this.#id;
    const stateless = this.#revision === STATELESS_REVISION;
    const sent = stateless ? { ...params, _meta: META } : params;
    const response = await this.#send({ jsonrpc: "2.0", id, method, params: sent }, method);
    const text = await response.text();
    const session = response.headers.get(SESSION_ID_FIELD) ?? undefined;
    return { status: response.status, session, message: answerIn(text, id) };
  }

  #send(message: unknown, method = ""): Promise<Response> {
    return this.#context.fetch(this.#url, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.#headers(method) },
      body: JSON.stringify(message),
    });
  }

  #headers(method: string): Record<string, string> {
    const stateless = this.#revision === STATELESS_REVISION;
    return {
      accept: "application/json, text/event-stream",
      ...(this.#session === undefined && !stateless ? {} : { "mcp-protocol-version": this.#revision }),
      ...(this.#session === undefined ? {} : { [SESSION_ID_FIELD]: this.#session }),
      ...(stateless ? { "mcp-method": method } : {}),
      ...(this.#bearer === undefined ? {} : { authorization: `Bearer ${this.#bearer}` }),
    };
  }
}

const META = {
  "io.modelcontextprotocol/protocolVersion": STATELESS_REVISION,
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "signet-doctor", version: VERSION },
};

interface RpcAnswer {
  readonly id?: unknown;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
}

/** In JSON, or in an event stream. */
function answerIn(text: string, id: number): RpcAnswer | undefined {
  const candidates = text.trimStart().startsWith("{")
    ? [text]
    : [...text.matchAll(/^data: ?(.*)$/gm)].map(([, data]) => data!);
  for (const candidate of candidates) {
    try {
      const value = parseJson(candidate) as RpcAnswer;
      if (value.id === id || value.error !== undefined) return value;
    } catch {
      // Not the answer.
    }
  }
  return undefined;
}

function refused(status: number, message: RpcAnswer | undefined, asked = "initialize"): Finding {
  if (status === 401 || status === 403) {
    const found = `the server wants a credential of its callers (status ${status})`;
    const cure = "Clients bring one; give one to try with in --bearer-file, or let Signet have its own (--credential).";
    return { verdict: "warn", what: "handshake", found, cure };
  }
  const said = typeof message?.error?.message === "string" ? message.error.message : "no JSON-RPC answer";
  return {
    verdict: "fail",
    what: "handshake",
    found: `${asked}: status ${status}, ${said}`,
    cure: "See the server's own log.",
  };
}
