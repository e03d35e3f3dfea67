// An MCP server over Streamable HTTP, reached through a pool of connections (TCP, TLS or a unix socket).
// Adds what the wire needs: the upstream's own Host, path and session id; and knows what an HTTP server's answers mean:
// which are a lost session (L4), and which lead elsewhere (P6).
import { TYPICAL_ID_LENGTH, type UpstreamSessionId } from "../envelope/session_id.ts";
import type { ByteAccount } from "../http1/byte_account.ts";
import { Pool } from "../http1/client/pool.ts";
import { connectEndpoint } from "../http1/client/pool_connect.ts";
import { DEFAULT_POOL_LIMITS, type PoolLimits } from "../http1/client/pool_options.ts";
import { OtherAnswer } from "../http1/other_answer.ts";
import { type ClientRequest, type ClientResponse, type Fields, type MadeHead, newMadeHead } from "../http1/types.ts";
import { isLoopbackHost } from "../http1/wire/authority.ts";
import { BytesBody } from "../http1/wire/bodies/bytes_body.ts";
import { type EndpointUrl, parseEndpoint } from "../http1/wire/endpoint.ts";
import { inspectBytes } from "../http1/wire/streams/borrowed.ts";
import { askedIn, isAlike, isRefusal, mayMeanSession, meaningOf, type Refusal } from "../mcp/lost_session.ts";
import { SESSION_ID_FIELD } from "../mcp/session_id_field.ts";
import { SYSTEM_TIMERS, type Timers } from "../platform/time/timers.ts";
import { LostSession, type SessionAnswer, type SessionCall } from "../session/lost_session.ts";
import { hear, type Heard } from "./http/hear.ts";
import { HttpCall, type HttpCallOptions, type Sent, type SentHead } from "./http/http_call.ts";
import { isChallenge, Pings } from "./http/pings.ts";
import { withQuery } from "./http/query.ts";
import { isRedirect, redirectTarget, refuseRedirect } from "./http/redirect.ts";
import { isRepeatable } from "./http/repeatable.ts";
import type { Upstream, UpstreamRequest } from "./upstream.ts";

/** A request's head as this server gets it, in whichever session, beside what it was made of. */
class OutgoingHead {
  readonly #method: string;
  readonly #sentTo: string;
  readonly #fields: Fields;
  /** One for those in a session and one for those in none: whether there is a changing field is settled. */
  readonly #made: MadeHead = newMadeHead(false);
  #sent: SentHead | undefined = undefined;
  readonly #from: Fields;
  readonly #query: string;
  readonly #target: string | undefined;
  readonly #isInSession: boolean;
  readonly #address: EndpointUrl;

  constructor(
    { method, query, target, upstreamSessionId }: UpstreamRequest,
    fields: Fields,
    address: EndpointUrl,
  ) {
    this.#method = method;
    this.#sentTo = target ?? withQuery(address.target, query);
    this.#fields = [...fields, "host", address.authority];
    this.#from = fields;
    this.#query = query;
    this.#target = target;
    this.#isInSession = upstreamSessionId !== undefined;
    this.#address = address;
  }

  /** One for as long as it is the same session. */
  sentIn(upstreamSessionId: UpstreamSessionId | undefined): SentHead {
    if (this.#sent !== undefined && this.#sent.upstreamSessionId === upstreamSessionId) return this.#sent;
    const changing = upstreamSessionId === undefined ? undefined : [SESSION_ID_FIELD, upstreamSessionId];
    return this.#sent = {
      method: this.#method,
      target: this.#sentTo,
      fields: this.#fields,
      made: this.#made,
      changing,
      added: undefined,
      upstreamSessionId,
    };
  }

  isOf({ method, query, target, upstreamSessionId }: UpstreamRequest, fields: Fields, address: EndpointUrl): boolean {
    return this.#from === fields && this.#isInSession === (upstreamSessionId !== undefined) &&
      this.#address === address && this.#method === method && this.#query === query && this.#target === target;
  }
}

const INITIALIZE_TIMEOUT_MS = 30_000;
/** For how long an initialize is heard that nobody waits for any more, ms: it keeps its place in the limits meanwhile. */
const HEARD_MS = 10_000;

export interface HttpUpstreamOptions {
  readonly name: string;
  /** `http://`, `https://` or `http+unix://%2Fpath%2Fto.sock/mcp`. */
  readonly url: string;
  /** PEM certificates an https upstream is trusted by, besides the built-in roots. */
  readonly caCerts?: readonly string[];
  readonly limits?: Partial<PoolLimits>;
  /** Whoever may take a session over is on this machine, too, and reaches what it alone reaches. Default: no. */
  readonly sharedLocally?: boolean;
  /** What memory in use for answers is charged to. */
  readonly account?: ByteAccount;
  readonly timers?: Timers;
}

export class HttpUpstream implements Upstream {
  readonly name: string;
  readonly url: string;
  readonly isLocal: boolean;
  readonly idLength = TYPICAL_ID_LENGTH;
  readonly initializeTimeoutMs = INITIALIZE_TIMEOUT_MS;
  readonly pool: Pool;
  /** Never called: a server over HTTP says nothing unasked. */
  onEnded: ((upstreamSessionId: UpstreamSessionId) => void) | undefined;
  readonly #address: EndpointUrl;
  readonly #probeTimeoutMs: number;
  readonly #timers: Timers;
  /** Of calls that nobody hears once they are aborted, and of those that may open a session. */
  readonly #unheard: HttpCallOptions;
  readonly #heard: HttpCallOptions;
  /** What settles whether a session is lost; its numbers are for metrics. */
  readonly pings: Pings;

  /** @throws TypeError on a URL that names no endpoint */
  constructor(options: HttpUpstreamOptions) {
    this.name = options.name;
    this.url = options.url;
    this.#address = parseEndpoint(options.url);
    this.#probeTimeoutMs = options.limits?.connectTimeoutMs ?? DEFAULT_POOL_LIMITS.connectTimeoutMs;
    const { endpoint } = this.#address;
    this.isLocal = options.sharedLocally !== true &&
      (endpoint.transport === "unix" || isLoopbackHost(endpoint.hostname));
    const trusting = endpoint.transport === "tls" && options.caCerts !== undefined
      ? { ...endpoint, caCerts: options.caCerts }
      : endpoint;
    const { limits, account } = options;
    // Many servers say it in each answer; what else an answer's head says does not hang on it.
    const headLimits = { changing: [SESSION_ID_FIELD] };
    const optional = { ...(limits && { limits }), ...(account && { account }) };
    this.pool = new Pool(trusting, { headLimits, mayRepeat: isRepeatable, ...optional });
    const timers = this.#timers = options.timers ?? SYSTEM_TIMERS;
    this.#unheard = { examine: this.#examine };
    this.#heard = { examine: this.#examine, hearing: { ms: HEARD_MS, timers } };
    this.pings = new Pings((request) => this.pool.send(request), this.#timers);
  }

  send(request: UpstreamRequest): SessionCall {
    const { apart } = request;
    const known = this.#headOf(request, apart ?? request).sentIn(request.upstreamSessionId);
    const head = apart === undefined ? known : { ...known, added: apart.added };
    const options = request.isHeard === true ? this.#heard : this.#unheard;
    return new HttpCall(this.pool, head, request.body, options);
  }

  /** What is sent of it but for its body and what is added: the same as before for the same list of fields. */
  #headOf(request: UpstreamRequest, { fields, notes }: Pick<UpstreamRequest, "fields" | "notes">): OutgoingHead {
    if (notes === undefined) return new OutgoingHead(request, fields, this.#address);
    const known = notes.value;
    if (known instanceof OutgoingHead && known.isOf(request, fields, this.#address)) return known;
    const head = new OutgoingHead(request, fields, this.#address);
    notes.value = head;
    return head;
  }

  /** What an answer is that is no success. @throws SignetError, HttpError */
  readonly #examine = async (sent: Sent, response: ClientResponse, call: HttpCall): Promise<SessionAnswer> => {
    if (isRedirect(response.head.status)) return await this.#redirect(sent, response, call);
    if (sent.upstreamSessionId === undefined || sent.method === "DELETE" || !isRefusal(response.head.status)) {
      return response;
    }
    // About the credential: the client is to bring another, in the same session.
    if (isChallenge(response)) return response;
    return await this.#judge(sent, response, call);
  };

  /** Sends it once more where the server wants it, if that is the server itself still. */
  async #redirect(sent: Sent, response: ClientResponse, call: HttpCall): Promise<SessionAnswer> {
    const { head } = response;
    response.release();
    const target = redirectTarget(this.#origin, sent.target, head);
    if (target === undefined) throw refuseRedirect(head);
    const again = { ...sent, target };
    const answer = await call.instead(this.pool.send(again));
    if (answer.head.status < 300) return answer;
    if (!isRedirect(answer.head.status)) return await this.#examine(again, answer, call);
    answer.release();
    throw refuseRedirect(answer.head);
  }

  /**
   * Whether a refusal says that the session is lost, by its own words or by those of a `ping` in the same session (L4).
   */
  async #judge(sent: Sent, response: ClientResponse, call: HttpCall): Promise<SessionAnswer> {
    const { method, target, body, upstreamSessionId } = sent;
    const fields = sent.added === undefined ? sent.fields : [...sent.fields, ...sent.added];
    const heard = withoutId(await hear(response, this.#timers), upstreamSessionId!);
    try {
      // A GET that is refused says nothing: a server need not have streams.
      const meaning = method === "GET" ? "unclear" : meaningOf(heard.refusal, idsIn(body));
      if (meaning === "own") return heard.response;
      if (meaning === "lost") return new LostSession(heard.response);
      const ping = this.pings.refusal({ upstreamSessionId: upstreamSessionId!, target, fields });
      const refusal = await call.waitFor(ping);
      const isLost = refusal !== undefined && provesLoss(refusal, heard.refusal, method === "GET");
      return isLost ? new LostSession(heard.response) : heard.response;
    } catch (error) {
      heard.response.release();
      throw error;
    }
  }

  /** Scheme and authority that requests are made under. */
  get #origin(): string {
    return `${this.#address.endpoint.transport === "tls" ? "https" : "http"}://${this.#address.authority}`;
  }

  /** Connects and hangs up: nothing is asked of the server. */
  async probe(): Promise<void> {
    const socket = await connectEndpoint(this.pool.endpoint, this.#probeTimeoutMs, new AbortController().signal);
    socket.close();
  }

  endStateless(): void {}

  /** The server keeps its own count of time: the session's id may come back here. */
  release(): void {}

  close(): void {
    this.pool.close();
  }
}

function idsIn(body: ClientRequest["body"]): ReadonlySet<string> {
  return body === undefined ? new Set() : inspectBytes(body, askedIn, undefined);
}

/**
 * A refusal that is passed on must not name the session: a client might take the id for its own (docs/protocol.md 2).
 */
function withoutId(heard: Heard, id: UpstreamSessionId): Heard {
  const { text, cut } = heard.refusal;
  if (text === undefined || cut || !text.includes(id)) return heard;
  const bytes = new TextEncoder().encode(text.replaceAll(id, "…"));
  const onRelease = () => void heard.response.body.takeBuffered();
  const body = new BytesBody(bytes);
  return {
    refusal: heard.refusal,
    response: new OtherAnswer(heard.response, { body, bodyLength: bytes.length, onRelease }),
  };
}

/**
 * Whether the refusal of a `ping` proves that the request refused before it was not run either: both must speak of the
 * session, say nothing at all, or be one and the same. Else each has a reason of its own.
 * @param harmless whether it may be sent again in any case
 */
function provesLoss(ping: Refusal, refusal: Refusal, harmless: boolean): boolean {
  if (isAlike(ping, refusal)) return true;
  return mayMeanSession(ping) && (harmless || mayMeanSession(refusal));
}
