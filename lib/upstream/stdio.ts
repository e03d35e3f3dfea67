// A stdio MCP server behind the face of a Streamable HTTP one: one process a session, its id a place in a table here
// (BEHAVIOUR.md B1–B7). An id that is not in the table is answered as a server does that was restarted: the gateway then
// opens the session again from what it has sealed (L4).
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import { SignetError } from "../errors.ts";
import { fieldValue } from "../http1/wire/fields.ts";
import type { Call } from "../http1/types.ts";
import { classify } from "../mcp/era.ts";
import { parseMessage, type RpcNotification, type RpcRequest } from "../mcp/json_rpc.ts";
import { isModernEnvelope } from "../mcp/modern.ts";
import { isKnownRevision } from "../mcp/revisions.ts";
import type { Logger } from "../observe/log.ts";
import type { CredentialSource } from "./credentials/credential.ts";
import { Rotation } from "./credentials/rotation.ts";
import { acceptanceOf, notAcceptable } from "./stdio/acceptance.ts";
import { bareAnswer, lostSession } from "./stdio/answers.ts";
import { type BackoffOptions, DEFAULT_BACKOFF } from "./stdio/backoff.ts";
import { type Bridge, type BridgeLimits, type ProcessCounts, resolvePrograms } from "./stdio/bridge.ts";
import { callOf, callWith } from "./stdio/call.ts";
import type { Conversation } from "./stdio/conversation.ts";
import { type Spawn, spawnProcess } from "../platform/child_process.ts";
import type { Machine, ServerCommand } from "./stdio/launch.ts";
import { ModernHost } from "./stdio/modern_host.ts";
import { endOrphans } from "./stdio/orphans.ts";
import { DEFAULT_PROCESS_LIMITS } from "./stdio/process.ts";
import { type ProcessTable, ProcFilesystem } from "./stdio/process_table.ts";
import { type CredentialAsker, Sessions } from "./stdio/sessions.ts";
import { type SlotCaps, Slots } from "./stdio/slots.ts";
import { StartGate } from "./stdio/start_gate.ts";
import { Turns } from "./stdio/turns.ts";
import { SYSTEM_TIMERS, type Timers } from "./timers.ts";
import type { Upstream, UpstreamRequest } from "./upstream.ts";

export const DEFAULT_BRIDGE_LIMITS: BridgeLimits = {
  ...DEFAULT_PROCESS_LIMITS,
  startTimeoutMs: 60_000,
  streamAfterMs: 1000,
  highWaterBytes: 1024 * 1024,
  stallMs: 30_000,
  maxLoggedEvents: 1000,
  maxLoggedBytes: 1024 * 1024,
  idleMs: 15 * 60_000,
  maxCalls: 1000,
};

export const DEFAULT_SLOT_CAPS: SlotCaps = { maxProcesses: 100, maxProcessesPerPrincipal: 10 };

/** How much there is of everything that grows. */
export interface StdioSizes {
  readonly sessions: number;
  readonly processes: number;
  readonly calls: number;
  readonly questions: number;
  readonly events: number;
  readonly eventBytes: number;
}

export interface StdioUpstreamOptions {
  readonly name: string;
  readonly server: ServerCommand;
  readonly machine: Machine;
  readonly log: Logger;
  readonly limits?: Partial<BridgeLimits>;
  readonly caps?: Partial<SlotCaps>;
  readonly backoff?: Partial<BackoffOptions>;
  /** Where a session's server gets its credential from; one source may serve many sessions. Default: nowhere. */
  readonly credentials?: (asker: CredentialAsker) => CredentialSource | undefined;
  readonly rotation?: { readonly sweepMs?: number; readonly leadMs?: number };
  readonly spawn?: Spawn;
  readonly table?: ProcessTable;
  readonly timers?: Timers;
  readonly random?: (n: number) => Uint8Array;
}

/** The gateway has looked at bodies already; this is for those who use the upstream by itself. */
const MAX_DEPTH = 128;

export class StdioUpstream implements Upstream {
  readonly name: string;
  /** Stands for the command in the envelope: a session sealed for another command is opened anew here. */
  readonly url: string;
  readonly slots: Slots;
  onEnded: ((sessionId: UpstreamSessionId) => void) | undefined;
  readonly #bridge: Bridge;
  readonly #credentials: (asker: CredentialAsker) => CredentialSource | undefined;
  readonly #rotation: Rotation;
  readonly #modern: ModernHost;
  readonly #sessions: Sessions;
  #closed = false;

  constructor(options: StdioUpstreamOptions) {
    this.name = options.name;
    this.url = `stdio:${options.name}`;
    this.slots = new Slots({ ...DEFAULT_SLOT_CAPS, ...options.caps });
    this.#bridge = {
      name: options.name,
      server: options.server,
      machine: options.machine,
      limits: { ...DEFAULT_BRIDGE_LIMITS, ...options.limits },
      backoff: { ...DEFAULT_BACKOFF, ...options.backoff },
      slots: this.slots,
      replacements: new Turns(MAX_REPLACEMENTS),
      table: options.table ?? new ProcFilesystem(),
      spawn: options.spawn ?? spawnProcess,
      timers: options.timers ?? SYSTEM_TIMERS,
      random: options.random ?? ((n) => crypto.getRandomValues(new Uint8Array(n))),
      log: options.log,
      counts: { started: 0, restarted: 0, ended_unasked: 0 },
    };
    this.#credentials = options.credentials ?? (() => undefined);
    const bridge = this.#bridge;
    const gate = new StartGate(bridge.backoff, bridge.timers);
    const rotation = new Rotation({ timers: bridge.timers, log: options.log, ...options.rotation });
    const onEnded = (sessionId: UpstreamSessionId) => this.onEnded?.(sessionId);
    this.#sessions = new Sessions({ bridge, gate, rotation, credentials: this.#credentials, onEnded });
    this.#modern = new ModernHost({ bridge, gate, rotation });
    this.#rotation = rotation;
  }

  /** Sessions with a server of their own. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Of processes, since the start. */
  get counts(): Readonly<ProcessCounts> {
    return this.#bridge.counts;
  }

  /** Everything here that grows, for metrics. */
  sizes(): StdioSizes {
    const sizes = this.#sessions.sizes();
    return { ...sizes, sessions: this.size, processes: this.slots.total, calls: sizes.calls + this.#modern.calls };
  }

  /** Process ids of the servers that run. */
  get pids(): number[] {
    return [...this.#sessions.pids, ...this.#modern.pids];
  }

  send(request: UpstreamRequest): Call {
    if (this.#closed) return callOf(Promise.reject(new SignetError("draining")));
    const version = fieldValue(request.fields, "mcp-protocol-version");
    if (version !== undefined && !isKnownRevision(version)) {
      return callOf(Promise.reject(new SignetError("protocol_version_unsupported")));
    }
    const { upstreamSessionId } = request;
    if (upstreamSessionId === undefined) return this.#open(request);
    const conversation = this.#sessions.find(upstreamSessionId);
    if (conversation === undefined) return callOf(Promise.resolve(lostSession()));
    switch (request.method) {
      case "DELETE":
        this.release(upstreamSessionId);
        return callOf(Promise.resolve(bareAnswer(204)));
      case "GET":
        return this.#listen(request, conversation);
      case "POST":
        return this.#post(request, conversation);
    }
  }

  release(sessionId: UpstreamSessionId): void {
    this.#sessions.release(sessionId);
  }

  /** Whether the program can be found; nothing is started. @throws HttpError `connect_failed` */
  async probe(): Promise<void> {
    await resolvePrograms(this.#bridge);
  }

  /** To be called once, before the first session: ends what a Signet that was killed has left. Answers how many. */
  endOrphans(): Promise<number> {
    return endOrphans(this.#bridge);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#sessions.close(), this.#modern.end()]);
  }

  /** Renews the credentials that are due, as happens every minute. */
  rotate(): Promise<void> {
    return this.#rotation.sweep();
  }

  #listen({ fields }: UpstreamRequest, conversation: Conversation): Call {
    if (!acceptanceOf(fields).events) return callOf(Promise.resolve(notAcceptable()));
    const response = conversation.listen(fieldValue(fields, "last-event-id"));
    return callOf(Promise.resolve(response), () => response.release());
  }

  #post({ body, fields }: UpstreamRequest, conversation: Conversation): Call {
    const accepts = acceptanceOf(fields);
    if (!accepts.json && !accepts.events) return callOf(Promise.resolve(notAcceptable()));
    return callWith(body, (text) => {
      try {
        return conversation.post({ text, parsed: parseMessage(text, { maxDepth: MAX_DEPTH }), accepts });
      } catch (error) {
        return callOf(Promise.reject(error));
      }
    });
  }

  /** A message without a session: an initialize opens one, a stateless request needs none. */
  #open(request: UpstreamRequest): Call {
    if (request.method !== "POST") return callOf(Promise.reject(new SignetError("session_required")));
    return callWith(request.body, (text) => {
      try {
        const parsed = parseMessage(text, { maxDepth: MAX_DEPTH });
        const classified = classify(parsed, fieldValue(request.fields, "mcp-protocol-version"));
        if (classified.era === "modern") return this.#pass(request, text, classified.message);
        if (classified.kind === "initialize") return this.#sessions.open(request, text);
        throw new SignetError("session_required");
      } catch (error) {
        return callOf(Promise.reject(error));
      }
    });
  }

  /** @throws SignetError `invalid_params`, `internal` */
  #pass({ caller, fields }: UpstreamRequest, text: Uint8Array, message: RpcRequest | RpcNotification): Call {
    // Stateless notifications are about nothing a server could know: a request is cancelled by closing its stream.
    if (message.kind === "notification") return callOf(Promise.resolve(bareAnswer(202)));
    // One without its envelope would make a server of both eras take its whole process for one of the other.
    if (!isModernEnvelope(message.params)) throw new SignetError("invalid_params");
    if (caller.owner.trim() === "") throw new SignetError("internal", { facts: NEEDS_OWNER });
    const accepts = acceptanceOf(fields);
    if (!accepts.json && !accepts.events) return callOf(Promise.resolve(notAcceptable()));
    const credentials = () => this.#credentials({ caller, fields });
    return this.#modern.post(caller, { text, request: message, accepts }, credentials);
  }
}

/** Whose process it is decides who shares it: a blank name would be everybody's. */
const NEEDS_OWNER = { attempted: "serve a stateless request over stdio", found: "a caller whose owner name is blank" };
/** Starts of processes that take others' places, at once. */
const MAX_REPLACEMENTS = 4;
