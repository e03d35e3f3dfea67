// As much of an MCP client as the doctor takes: opens a session, or finds out that the server has none (MCP 2026-07-28),
// lists its tools and ends it. What comes of each step is a finding; nothing is thrown but what `fetch` throws.
import { METHOD_NOT_FOUND } from "../../mcp/messages/rpc_codes.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";
import { parseJson } from "../../platform/json.ts";
import { VERSION } from "../../platform/version.ts";
import type { CommandContext } from "../command.ts";
import type { Finding } from "./finding.ts";

const REVISION = "2025-11-25";
export const STATELESS_REVISION = "2026-07-28";

export interface HandshakeOptions {
  /** What a client would show the server; undefined: nothing. */
  readonly bearer: string | undefined;
}

export class ProbeClient {
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
