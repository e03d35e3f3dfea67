// One HTTP server for clients of either era (docs/behaviour.md S2). What server and client have in common passes through;
// a client with a session before a server that has none is served by a bridge of our own (`upstream/stateless/`).
// Which eras a server speaks is learnt from what it says to whoever comes: an initialize that it refuses is asked after
// with `server/discover`, which runs nothing. No verdict outlives a contradiction, so that a server may change.
import type { BridgeServer, BridgeSizes } from "../bridge/server.ts";
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import { inspectBytes } from "../http1/wire/borrowed.ts";
import { fieldValue } from "../http1/wire/fields.ts";
import { isEventStream } from "../http1/wire/media_type.ts";
import { SignetError } from "../errors.ts";
import { type ClientResponse, HttpError } from "../http1/types.ts";
import { classify } from "../mcp/era.ts";
import { parseMessage } from "../mcp/json_rpc.ts";
import { LEGACY_REVISIONS } from "../mcp/revisions.ts";
import { SYSTEM_TIMERS, type Timers } from "../platform/timers.ts";
import { LostSession, type SessionAnswer, type SessionCall } from "../session/lost_session.ts";
import { hear, type Heard } from "./http/hear.ts";
import { NotStatelessError, STATELESS_MARK } from "./stateless/stateless_mark.ts";
import type { Upstream, UpstreamRequest } from "./upstream.ts";

/** What an operator says of a server: to find out, or that it has one face only, or that only one is to be used. */
export type EraChoice = "auto" | "sessions" | "stateless";

export interface BothErasOptions {
  /** The server: its answers pass as they come. */
  readonly inner: Upstream;
  readonly era: EraChoice;
  /** Makes the bridge for clients with sessions; asked for once, when there is one that needs it. */
  readonly openBridge: (onEnded: (upstreamSessionId: UpstreamSessionId) => void) => Promise<BridgeServer>;
  readonly timers?: Timers;
}

/** What the server said of itself when it was asked last. */
export type EraFound = "unknown" | "sessions" | "stateless";

/** Of a refused initialize: what may mean that there is no such method, or no such revision, here. */
const MAY_BE_STATELESS: ReadonlySet<number> = new Set([400, 404, 405, 406, 415, 422, 426, 501]);
const CODES: ReadonlySet<unknown> = new Set([-32601, -32602, -32600, -32000, -32020, -32021, -32022]);
const LIMITS = { maxDepth: 128 };

export class BothErasUpstream implements Upstream {
  readonly idLength: number;
  readonly #options: BothErasOptions;
  readonly #inner: Upstream;
  #bridge: BridgeServer | undefined;
  #opening: Promise<BridgeServer> | undefined;
  #found: EraFound = "unknown";
  #onEnded: ((upstreamSessionId: UpstreamSessionId) => void) | undefined;
  #isClosed = false;

  constructor(options: BothErasOptions) {
    this.#options = options;
    this.#inner = options.inner;
    this.idLength = options.inner.idLength;
  }

  get name(): string {
    return this.#inner.name;
  }

  get url(): string {
    return this.#inner.url;
  }

  /** What the bridge remembers besides, any replica's has anew. */
  get isLocal(): boolean {
    return this.#inner.isLocal;
  }

  get initializeTimeoutMs(): number {
    return this.#inner.initializeTimeoutMs;
  }

  /** For operators. */
  get found(): EraFound {
    return this.#options.era === "auto" ? this.#found : this.#options.era;
  }

  get onEnded(): ((upstreamSessionId: UpstreamSessionId) => void) | undefined {
    return this.#onEnded;
  }

  set onEnded(hear: ((upstreamSessionId: UpstreamSessionId) => void) | undefined) {
    this.#onEnded = hear;
    this.#inner.onEnded = hear;
  }

  /** Everything of the bridge that grows, for metrics; undefined while there is none. */
  sizes(): BridgeSizes | undefined {
    return this.#bridge?.sizes();
  }

  send(request: UpstreamRequest): SessionCall {
    const { upstreamSessionId, method } = request;
    if (upstreamSessionId !== undefined) return this.#sendIn(upstreamSessionId, request);
    if (method !== "POST") return this.#inner.send(request);
    const kind = kindOf(request);
    if (kind === "initialize") return this.#initialize(request);
    // Whoever says that the server has sessions only will not have it asked for anything else.
    return kind === "stateless" && this.#options.era === "sessions" ? refusedStateless() : this.#inner.send(request);
  }

  #sendIn(id: UpstreamSessionId, request: UpstreamRequest): SessionCall {
    if (!id.startsWith(STATELESS_MARK)) return this.#inner.send(request);
    // The server has become one that has sessions: it is to be greeted as that.
    if (this.found !== "sessions" || request.method === "DELETE") return this.#bridged(request);
    return { response: Promise.resolve(new LostSession()), abort() {} };
  }

  #initialize(request: UpstreamRequest): SessionCall {
    const { era } = this.#options;
    if (era === "sessions") return this.#inner.send(request);
    if (era === "stateless") return this.#bridged(request);
    return oneAfterTheOther((under) => this.#negotiate(request, under));
  }

  /** By way of the bridge. */
  #bridged(request: UpstreamRequest): SessionCall {
    if (this.#bridge !== undefined) return this.#bridge.send(request);
    return oneAfterTheOther(async (under) => await under((await this.#openBridge()).send(request)));
  }

  /** @throws SignetError `draining` */
  async #openBridge(): Promise<BridgeServer> {
    this.#opening ??= this.#options.openBridge((id) => this.#onEnded?.(id));
    this.#bridge = await this.#opening;
    if (this.#isClosed) throw new SignetError("draining");
    return this.#bridge;
  }

  /** An initialize that is refused has opened nothing: the server may be asked by another way. */
  async #negotiate(
    request: UpstreamRequest,
    under: (call: SessionCall) => Promise<SessionAnswer>,
  ): Promise<SessionAnswer> {
    const again = () => ({ ...request, fields: [...request.fields] });
    if (this.#found === "stateless") {
      try {
        return await under(this.#bridged(again()));
      } catch (error) {
        if (!(error instanceof NotStatelessError)) throw error;
        this.#found = "unknown";
      }
    }
    const answer = await under(this.#inner.send(again()));
    if (answer instanceof LostSession) return answer;
    const heard = await heardIfRefused(answer, this.#options.timers ?? SYSTEM_TIMERS);
    if (heard === undefined || !mayBeStateless(heard)) {
      const { status } = answer.head;
      if (status >= 200 && status < 300 && heard?.refusal.text === undefined) this.#found = "sessions";
      return heard?.response ?? answer;
    }
    try {
      const bridged = await under(this.#bridged(again()));
      heard.response.release();
      this.#found = "stateless";
      return bridged;
    } catch (error) {
      // What it has said itself tells its client more than that it could not be asked.
      if (error instanceof HttpError && error.code === "aborted") {
        heard.response.release();
        throw error;
      }
      return heard.response;
    }
  }

  probe(): Promise<void> {
    return this.#inner.probe();
  }

  release(upstreamSessionId: UpstreamSessionId): void {
    if (upstreamSessionId.startsWith(STATELESS_MARK)) this.#bridge?.release(upstreamSessionId);
    else this.#inner.release(upstreamSessionId);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await (await this.#opening)?.close();
    await this.#inner.close();
  }
}

function kindOf({ body, parsed, fields }: UpstreamRequest): "initialize" | "stateless" | "other" {
  if (body === undefined) return "other";
  try {
    const message = parsed ??
      inspectBytes(body, (bytes) => ({ parsed: parseMessage(bytes, LIMITS) }), undefined).parsed;
    const classified = classify(message, fieldValue(fields, "mcp-protocol-version"));
    if (classified.era === "modern") return "stateless";
    return classified.kind === "initialize" ? "initialize" : "other";
  } catch {
    return "other";
  }
}

/** A refusal in full, or an answer in JSON, which may be one; undefined for what says nothing of it. */
async function heardIfRefused(answer: ClientResponse, timers: Timers): Promise<Heard | undefined> {
  const { status, fields } = answer.head;
  if (MAY_BE_STATELESS.has(status)) return await hear(answer, timers);
  return status === 200 && !isEventStream(fields) ? await hear(answer, timers) : undefined;
}

/** Whether it may be a server of the stateless era that said so: of any refusal in HTTP, and of errors that speak of it. */
function mayBeStateless({ refusal: { status, text } }: Heard): boolean {
  if (status !== 200) return true;
  if (text === undefined || !text.includes('"error"')) return false;
  try {
    return CODES.has(JSON.parse(text.replace(/^\ufeff/, "")).error?.code);
  } catch {
    return false;
  }
}

/** Where only sessions are to be had: as a server says it that knows no stateless revision. */
function refusedStateless(): SessionCall {
  const refusal = new SignetError("modern_version_unsupported", {
    data: { supported: [...LEGACY_REVISIONS], requested: "2026-07-28" },
  });
  const response = Promise.reject(refusal);
  response.catch(() => {});
  return { response, abort() {} };
}

/** Several calls as one: whichever is under way is the one that is cut. */
function oneAfterTheOther(
  run: (under: (call: SessionCall) => Promise<SessionAnswer>) => Promise<SessionAnswer>,
): SessionCall {
  let current: SessionCall | undefined;
  let isAborted = false;
  const response = run((call) => {
    current = call;
    if (isAborted) call.abort();
    return call.response;
  });
  response.catch(() => {});
  return {
    response,
    abort() {
      isAborted = true;
      current?.abort();
    },
  };
}
