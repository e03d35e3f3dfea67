// One HTTP server for clients of either era (docs/behaviour.md S2). What server and client have in common passes through;
// where they have nothing in common, a bridge of our own stands between them (`upstream/era_bridge.ts`).
// Which eras a server speaks is learnt: an initialize that it refuses, and the first stateless request, are asked after
// with `server/discover`, which runs nothing. No verdict outlives a contradiction, so that a server may change.
import type { OwnedSince } from "../bridge/request.ts";
import type { BridgeServer, BridgeSizes } from "../bridge/server.ts";
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import { SignetError } from "../errors.ts";
import { callOf, oneAfterTheOther } from "../http1/call_of.ts";
import { type ClientResponse, HttpError } from "../http1/types.ts";
import { fieldValue } from "../http1/wire/fields/fields.ts";
import { isEventStream } from "../http1/wire/fields/media_type.ts";
import { inspectBytes } from "../http1/wire/streams/borrowed.ts";
import { classify } from "../mcp/eras/era.ts";
import { textWithoutMark } from "../mcp/json/byte_order_mark.ts";
import { parseMessage } from "../mcp/messages/read_message.ts";
import { OTHER_ERA_CODES } from "../mcp/messages/rpc_codes.ts";
import { tellIfOwn } from "../platform/faults/uncaught.ts";
import { parseJson } from "../platform/json.ts";
import { isWithin } from "../platform/time/time_of_day.ts";
import { SYSTEM_TIMERS, type Timers } from "../platform/time/timers.ts";
import { LostSession, type SessionAnswer, type SessionCall } from "../session/lost_session.ts";
import { probeEra } from "./era_probe.ts";
import { hear, type Heard } from "./http/hear.ts";
import { OTHER_ERA_STATUSES } from "./peers/http_peer_fault.ts";
import { STATELESS_MARK } from "./stateless/stateless_mark.ts";
import { otherwise, type Upstream, type UpstreamRequest } from "./upstream.ts";

/** What an operator says of a server: to find out, or that it has one face only, or that only one is to be used. */
export type EraChoice = "auto" | "sessions" | "stateless";

export interface BothErasOptions {
  /** The server: its answers pass as they come. */
  readonly inner: Upstream;
  readonly era: EraChoice;
  /** Makes the bridge; asked for once, when there is a client that needs it. */
  readonly openBridge: (onEnded: (upstreamSessionId: UpstreamSessionId) => void) => Promise<BridgeServer>;
  readonly timers?: Timers;
}

/** What the server said of itself when it was asked last: undefined until it was, or if it was not to be learnt. */
interface Found {
  sessions: boolean | undefined;
  stateless: boolean | undefined;
}

/** The same for operators. */
export type EraFound = "unknown" | "sessions" | "stateless" | "both";

const LIMITS = { maxDepth: 128 };
/** A verdict is believed for so long at least, in ms, whatever contradicts it. */
const DOUBT_MS = 10_000;

export class BothErasUpstream implements Upstream {
  readonly idLength: number;
  readonly #options: BothErasOptions;
  readonly #inner: Upstream;
  #bridge: BridgeServer | undefined;
  #opening: Promise<BridgeServer> | undefined;
  readonly #found: Found = { sessions: undefined, stateless: undefined };
  #probing: Promise<boolean | undefined> | undefined;
  #probedAtMs = -Infinity;
  #onEnded: ((upstreamSessionId: UpstreamSessionId) => void) | undefined;
  #isClosed = false;

  readonly #timers: Timers;

  constructor(options: BothErasOptions) {
    this.#options = options;
    this.#timers = options.timers ?? SYSTEM_TIMERS;
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
    if (this.#options.era !== "auto") return this.#options.era;
    const { sessions, stateless } = this.#found;
    if (sessions === true) return stateless === true ? "both" : "sessions";
    return stateless === true ? "stateless" : "unknown";
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
    return kind === "stateless" ? this.#stateless(request) : this.#inner.send(request);
  }

  /** A stateless client's request, or notification. */
  #stateless(request: UpstreamRequest): SessionCall {
    const { era } = this.#options;
    if (era === "stateless") return this.#inner.send(request);
    if (era === "sessions") return this.#bridged(request);
    const { stateless } = this.#found;
    if (stateless === true) return this.#watched(request);
    return oneAfterTheOther(async (under) => {
      const isSpoken = stateless ?? await this.#probe(request);
      if (isSpoken !== false) return await under(this.#inner.send(request));
      try {
        return await under(this.#bridged(request));
      } catch (error) {
        // It may have become one of the other era, or be another server by now.
        if (error instanceof SignetError && error.code.startsWith("upstream_")) this.#doubt();
        // Greeted as what it seemed to be it refused, so that nothing has run: let it say so to its client itself.
        if (!(error instanceof SignetError) || error.code !== "upstream_invalid") throw error;
        return await under(this.#inner.send(request));
      }
    });
  }

  /** One that is refused by what should know it is a reason to ask again, the next time. */
  #watched(request: UpstreamRequest): SessionCall {
    const call = this.#inner.send(request);
    call.response.then((answer) => {
      if (!(answer instanceof LostSession) && OTHER_ERA_STATUSES.has(answer.head.status)) this.#doubt();
    }, () => {});
    return call;
  }

  /** What was learnt a moment ago is not asked for again: refusals can be had without end. */
  #doubt(): void {
    if (!isWithin(this.#timers.now(), this.#probedAtMs, DOUBT_MS)) this.#found.stateless = undefined;
  }

  /** One at a time, for all that wait for it; who asks first lends its credential. */
  async #probe({ caller, query, fields }: UpstreamRequest): Promise<boolean | undefined> {
    this.#probing ??= probeEra(this.#inner, { caller, query, fields }, this.#timers).then((found) => {
      this.#probing = undefined;
      this.#probedAtMs = this.#timers.now();
      this.#found.stateless = found;
      return found;
    });
    return await this.#probing;
  }

  #sendIn(id: UpstreamSessionId, request: UpstreamRequest): SessionCall {
    if (!id.startsWith(STATELESS_MARK)) return this.#inner.send(request);
    // The server has become one that has sessions: it is to be greeted as that.
    const isGreeted = this.#found.sessions !== true && this.#options.era !== "sessions";
    if (isGreeted || request.method === "DELETE") return this.#bridged(request);
    return callOf(Promise.resolve(new LostSession()));
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
    const again = () => otherwise(request, { fields: [...request.fields] });
    // Asked each time, whatever it said to others: a refusal may be about who asks, and decides for nobody else.
    const answer = await under(this.#inner.send(again()));
    if (answer instanceof LostSession) return answer;
    let heard: Heard | undefined;
    try {
      heard = await heardIfRefused(answer, this.#timers);
    } catch (fault) {
      if (answer.head.status !== 200) throw fault;
      tellIfOwn(fault);
      // The head says whether there is a session to be ended; whoever reads on is told.
      return answer;
    }
    if (heard === undefined || !mayBeStateless(heard)) {
      const isRefused = answer.head.status >= 300 || heard?.refusal.text?.includes('"error"') === true;
      if (!isRefused) this.#found.sessions = true;
      return heard?.response ?? answer;
    }
    try {
      const bridged = await under(this.#bridged(again()));
      heard.response.release();
      this.#found.sessions = false;
      this.#found.stateless = true;
      return bridged;
    } catch (error) {
      // What it has said itself tells its client more than that it could not be asked.
      if (error instanceof HttpError && error.code === "aborted") {
        heard.response.release();
        throw error;
      }
      tellIfOwn(error);
      return heard.response;
    }
  }

  probe(): Promise<void> {
    return this.#inner.probe();
  }

  endStateless(which: OwnedSince): void {
    this.#bridge?.endStateless(which);
    this.#inner.endStateless(which);
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
  } catch (fault) {
    tellIfOwn(fault);
    return "other";
  }
}

/** A refusal in full, or an answer in JSON, which may be one; undefined for what says nothing of it. */
async function heardIfRefused(answer: ClientResponse, timers: Timers): Promise<Heard | undefined> {
  const { status, fields } = answer.head;
  if (OTHER_ERA_STATUSES.has(status)) return await hear(answer, timers);
  return status === 200 && !isEventStream(fields) ? await hear(answer, timers) : undefined;
}

/** Whether it may be a server of the stateless era that said so: of any refusal in HTTP, and of errors that speak of it. */
function mayBeStateless({ refusal: { status, text } }: Heard): boolean {
  if (status !== 200) return true;
  if (text === undefined || !text.includes('"error"')) return false;
  try {
    return OTHER_ERA_CODES.has(parseJson(textWithoutMark(text)).error?.code);
  } catch {
    return false;
  }
}
