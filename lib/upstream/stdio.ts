// A stdio MCP server behind the face of a Streamable HTTP one: one process a session, its id a place in a table here
// (BEHAVIOUR.md B1–B7). An id that is not in the table is answered as a server does that was restarted: the gateway then
// opens the session again from what it has sealed (L4).
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import { SignetError } from "../errors.ts";
import { fieldValue } from "../http1/fields.ts";
import { type BodyReader, type Call, type ClientResponse, type FieldList, HttpError } from "../http1/types.ts";
import { CredentialRejectedError, type CredentialSource } from "./credentials/credential.ts";
import { type CredentialHolder, Rotation } from "./credentials/rotation.ts";
import { classify } from "../mcp/era.ts";
import { type Parsed, parseMessage } from "../mcp/json_rpc.ts";
import { isModernEnvelope } from "../mcp/modern.ts";
import { isKnownRevision } from "../mcp/revisions.ts";
import type { Logger } from "../observe/log.ts";
import { shortHash } from "../observe/redact.ts";
import { bareAnswer, errorAnswer, eventAnswer, jsonAnswer, lostSession } from "./stdio/answers.ts";
import { type BackoffOptions, DEFAULT_BACKOFF } from "./stdio/backoff.ts";
import { type Bridge, type BridgeLimits, type ProcessCounts, randomName, resolvePrograms } from "./stdio/bridge.ts";
import { Conversation } from "./stdio/conversation.ts";
import { findMember, replaceSpan } from "./stdio/json_text.ts";
import { type Machine, type ServerCommand, type Spawn, spawnProcess } from "./stdio/launch.ts";
import { endOrphans } from "./stdio/orphans.ts";
import { ModernHost } from "./stdio/modern_host.ts";
import { Outbox } from "./stdio/outbox.ts";
import type { Message } from "./stdio/peer.ts";
import type { Acceptance } from "./stdio/post_answer.ts";
import { DEFAULT_PROCESS_LIMITS } from "./stdio/process.ts";
import { type ProcessTable, ProcFilesystem } from "./stdio/process_table.ts";
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

export interface StdioUpstreamOptions {
  readonly name: string;
  readonly server: ServerCommand;
  readonly machine: Machine;
  readonly log: Logger;
  readonly limits?: Partial<BridgeLimits>;
  readonly caps?: Partial<SlotCaps>;
  readonly backoff?: Partial<BackoffOptions>;
  /** Where a session's server gets its credential from; one source may serve many sessions. Default: nowhere. */
  readonly credentials?: (caller: Caller) => CredentialSource | undefined;
  readonly rotation?: { readonly sweepMs?: number; readonly leadMs?: number };
  readonly spawn?: Spawn;
  readonly table?: ProcessTable;
  readonly timers?: Timers;
  readonly random?: (n: number) => Uint8Array;
}

/** Who opens a session, for a credential of its own. */
export interface Caller {
  readonly principal: string;
  /** Fields of the request that opens it. */
  readonly fields: FieldList;
}

/** The gateway has checked bodies already, and caps them; these are for those who use the upstream by itself. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_DEPTH = 128;

/** A call whose answer is known, or being worked out. */
function callOf(response: Promise<ClientResponse>, abort = () => {}): Call {
  response.catch(() => {});
  return { response, abort };
}

/** No 401: the client's own credential is not what is missing (and it would try to get another). */
const NO_CREDENTIAL = { id: null, code: -32000, message: "Forbidden: there is no valid credential for the MCP server" };

/** An initialize that opens a session. */
interface Opening {
  readonly text: Uint8Array;
  readonly principal: string;
  readonly fields: FieldList;
  /** The answer has been taken. */
  readonly onRelease: () => void;
}

function acceptanceOf(fields: FieldList): Acceptance {
  const accept = fieldValue(fields, "accept")?.toLowerCase();
  if (accept === undefined || accept.includes("*/*")) return { json: true, events: true };
  return {
    json: accept.includes("application/json") || accept.includes("application/*"),
    events: accept.includes("text/event-stream") || accept.includes("text/*"),
  };
}

function notAcceptable(): ClientResponse {
  const message = "Not acceptable: the client must accept application/json and text/event-stream";
  return errorAnswer(406, { id: null, code: -32000, message });
}

export class StdioUpstream implements Upstream {
  readonly wantsNames = true;
  readonly name: string;
  /** Stands for the command in the envelope: a session sealed for another command is opened anew here. */
  readonly url: string;
  readonly slots: Slots;
  onEnded: ((sessionId: UpstreamSessionId) => void) | undefined;
  readonly #bridge: Bridge;
  readonly #credentials: (caller: Caller) => CredentialSource | undefined;
  readonly #rotation: Rotation;
  readonly #modern: ModernHost;
  readonly #conversations = new Map<string, Conversation>();
  /** Who renews what for a session that has a credential. */
  readonly #holders = new Map<Conversation, CredentialHolder>();
  /** Those that have been ended, until nothing of them is left. */
  readonly #ending = new Set<Promise<void>>();
  readonly #gate: StartGate;
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
    this.#gate = new StartGate(this.#bridge.backoff, this.#bridge.timers);
    this.#credentials = options.credentials ?? (() => undefined);
    this.#modern = new ModernHost({
      bridge: this.#bridge,
      gate: this.#gate,
      watch: (holder) => this.#rotation.add(holder),
      unwatch: (holder) => this.#rotation.remove(holder),
    });
    this.#rotation = new Rotation({ timers: this.#bridge.timers, log: options.log, ...options.rotation });
  }

  /** Sessions with a server of their own. */
  get size(): number {
    return this.#conversations.size;
  }

  /** Of processes, since the start. */
  get counts(): Readonly<ProcessCounts> {
    return this.#bridge.counts;
  }

  /** Sums over all sessions, for metrics. */
  sizes(): {
    sessions: number;
    processes: number;
    calls: number;
    questions: number;
    events: number;
    eventBytes: number;
  } {
    const sum = {
      sessions: this.size,
      processes: this.slots.total,
      calls: this.#modern.calls,
      questions: 0,
      events: 0,
      eventBytes: 0,
    };
    for (const conversation of this.#conversations.values()) {
      const sizes = conversation.sizes();
      sum.calls += sizes.calls;
      sum.questions += sizes.questions;
      sum.events += sizes.events;
      sum.eventBytes += sizes.eventBytes;
    }
    return sum;
  }

  /** Process ids of the servers that run. */
  get pids(): number[] {
    const ofSessions = [...this.#conversations.values()].flatMap((conversation) => conversation.life.pids);
    return [...ofSessions, ...this.#modern.pids];
  }

  send(request: UpstreamRequest): Call {
    if (this.#closed) return callOf(Promise.reject(new SignetError("draining")));
    const version = fieldValue(request.fields, "mcp-protocol-version");
    if (version !== undefined && !isKnownRevision(version)) {
      return callOf(Promise.reject(new SignetError("protocol_version_unsupported")));
    }
    if (request.sessionId === undefined) return this.#open(request);
    const conversation = this.#conversations.get(request.sessionId);
    if (conversation === undefined) return callOf(Promise.resolve(lostSession()));
    switch (request.method) {
      case "DELETE":
        this.release(request.sessionId);
        return callOf(Promise.resolve(bareAnswer(204)));
      case "GET":
        return this.#listen(request, conversation);
      case "POST":
        return this.#post(request, conversation);
    }
  }

  release(sessionId: UpstreamSessionId): void {
    const conversation = this.#conversations.get(sessionId);
    if (conversation === undefined) return;
    this.#conversations.delete(sessionId);
    this.#end(conversation);
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
    for (const conversation of this.#conversations.values()) this.#end(conversation);
    this.#conversations.clear();
    await this.#modern.end();
    while (this.#ending.size > 0) await Promise.all(this.#ending);
  }

  /** Renews the credentials that are due, as happens every minute. */
  rotate(): Promise<void> {
    return this.#rotation.sweep();
  }

  #end(conversation: Conversation): void {
    const holder = this.#holders.get(conversation);
    if (holder !== undefined) this.#rotation.remove(holder);
    this.#holders.delete(conversation);
    const ending = conversation.end().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #listen({ fields }: UpstreamRequest, conversation: Conversation): Call {
    if (!acceptanceOf(fields).events) return callOf(Promise.resolve(notAcceptable()));
    const response = conversation.listen(fieldValue(fields, "last-event-id"));
    return callOf(Promise.resolve(response), () => response.release());
  }

  #post(request: UpstreamRequest, conversation: Conversation): Call {
    const { body, fields } = request;
    const accepts = acceptanceOf(fields);
    if (!accepts.json && !accepts.events) return callOf(Promise.resolve(notAcceptable()));
    if (body instanceof Uint8Array) return this.#postText(conversation, body, accepts);
    let call: Call | undefined;
    let aborted = false;
    const response = readWhole(body).then((text) => {
      call = this.#postText(conversation, text, accepts);
      if (aborted) call.abort();
      return call.response;
    });
    return callOf(response, () => {
      aborted = true;
      call?.abort();
    });
  }

  #postText(conversation: Conversation, text: Uint8Array, accepts: Acceptance): Call {
    let parsed: Parsed;
    try {
      parsed = parseMessage(text, { maxDepth: MAX_DEPTH });
    } catch (error) {
      return callOf(Promise.reject(error));
    }
    return conversation.post({ text, parsed, accepts });
  }

  /** A message without a session: an initialize opens one, a stateless request needs none. */
  #open(request: UpstreamRequest): Call {
    if (request.method !== "POST") return callOf(Promise.reject(new SignetError("session_required")));
    if (request.body instanceof Uint8Array) return this.#openWith(request, request.body);
    let call: Call | undefined;
    let aborted = false;
    const response = readWhole(request.body).then((text) => {
      call = this.#openWith(request, text);
      if (aborted) call.abort();
      return call.response;
    });
    return callOf(response, () => {
      aborted = true;
      call?.abort();
    });
  }

  #openWith(request: UpstreamRequest, text: Uint8Array): Call {
    const { fields, principal = "" } = request;
    try {
      const classified = classify(
        parseMessage(text, { maxDepth: MAX_DEPTH }),
        fieldValue(fields, "mcp-protocol-version"),
      );
      if (classified.era === "legacy") {
        if (classified.kind === "initialize") {
          return this.#begin(this.#newConversation(request), { text, principal, fields });
        }
        throw new SignetError("session_required");
      }
      // Stateless notifications are about nothing a server could know: a request is cancelled by closing its stream.
      if (classified.message.kind === "notification") return callOf(Promise.resolve(bareAnswer(202)));
      // One without its envelope would make a server of both eras take its whole process for one of the other.
      if (!isModernEnvelope(classified.message.params)) throw new SignetError("invalid_params");
      if (request.principal === undefined) throw new SignetError("internal", { facts: NEEDS_PRINCIPAL });
      const post = { text, request: classified.message, accepts: acceptanceOf(fields) };
      if (!post.accepts.json && !post.accepts.events) return callOf(Promise.resolve(notAcceptable()));
      return this.#modern.post(principal, post, () => this.#credentials({ principal, fields }));
    } catch (error) {
      return callOf(Promise.reject(error));
    }
  }

  #begin(conversation: Conversation, opening: Omit<Opening, "onRelease">): Call {
    let aborted = false;
    let answered = false;
    // Until somebody has the answer, nobody else could ever end the session.
    const abandon = () => {
      if (!answered) this.#abandon(conversation);
    };
    const onRelease = () => answered = true;
    const response = this.#initialize(conversation, { ...opening, onRelease }).then((response) => {
      if (aborted) abandon();
      return response;
    });
    return callOf(response, () => {
      aborted = true;
      abandon();
    });
  }

  /** @throws SignetError `upstream_unreachable` while starts of this principal are held back */
  #newConversation(request: UpstreamRequest): Conversation {
    const { principal = "", revival = false, fields } = request;
    this.#gate.assertOpen(principal);
    const id = randomName(this.#bridge, 16) as UpstreamSessionId;
    const session = request.session ?? shortHash(id);
    const credentials = this.#credentials({ principal, fields });
    const onDoomed = () => this.#doom(conversation);
    const conversation: Conversation = new Conversation({
      bridge: this.#bridge,
      id,
      principal,
      session,
      revival,
      credentials,
      onDoomed,
    });
    if (credentials !== undefined) this.#watch(conversation, { source: credentials, session });
    return conversation;
  }

  #watch(conversation: Conversation, on: { source: CredentialSource; session: string }): void {
    const holder: CredentialHolder = {
      source: on.source,
      get credential() {
        return conversation.life.credential;
      },
      apply: () => conversation.life.replace(),
      end: () => this.#doom(conversation),
      facts: () => ({ session: on.session }),
    };
    this.#holders.set(conversation, holder);
    this.#rotation.add(holder);
  }

  /** Ends a session that cannot go on, and tells who holds its id. */
  #doom(conversation: Conversation): void {
    if (conversation.ended) return;
    this.#abandon(conversation);
    this.onEnded?.(conversation.id);
  }

  #abandon(conversation: Conversation): void {
    if (conversation.ended) return;
    this.#conversations.delete(conversation.id);
    this.#end(conversation);
  }

  async #initialize(
    conversation: Conversation,
    opening: Opening,
  ): Promise<ClientResponse> {
    let reply: Message;
    try {
      reply = await conversation.life.initialize(opening.text);
    } catch (error) {
      this.#gate.fail(opening.principal, error);
      this.#abandon(conversation);
      if (error instanceof CredentialRejectedError) return errorAnswer(403, NO_CREDENTIAL);
      throw error;
    }
    this.#gate.succeed(opening.principal);
    const span = findMember(opening.text, "id")!;
    const line = replaceSpan(reply.line, findMember(reply.line, "id")!, opening.text.subarray(span.start, span.end));
    const opened = reply.value.error === undefined && !conversation.ended && !this.#closed;
    if (opened) this.#conversations.set(conversation.id, conversation);
    else this.#abandon(conversation);
    const fields = opened ? ["mcp-session-id", conversation.id] : [];
    const { onRelease } = opening;
    if (acceptanceOf(opening.fields).json) return jsonAnswer(line, { fields, onRelease });
    return this.#asEvent(line, { fields, onRelease });
  }

  #asEvent(line: Uint8Array, options: { fields: FieldList; onRelease: () => void }): ClientResponse {
    const { limits: { highWaterBytes, stallMs }, timers } = this.#bridge;
    const outbox = new Outbox({ highWaterBytes, stallMs, timers });
    outbox.push(new TextEncoder().encode(`event: message\ndata: ${new TextDecoder().decode(line)}\n\n`));
    outbox.end();
    return eventAnswer(outbox, options);
  }
}

/** Whose process it is decides who shares it: that must never be left to a default. */
const NEEDS_PRINCIPAL = { attempted: "serve a stateless request over stdio", found: "no principal in the request" };
/** Starts of processes that take others' places, at once. */
const MAX_REPLACEMENTS = 4;

async function readWhole(body: BodyReader | Uint8Array | undefined): Promise<Uint8Array> {
  if (body === undefined) throw new HttpError("bad_request", "reading a POST: found no body");
  return body instanceof Uint8Array ? body : await body.readAll(MAX_BODY_BYTES);
}
