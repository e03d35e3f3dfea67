// A request as the gateway sees it: the engine's exchange plus what its head says, and what becomes known on the way.
// The engine refuses heads in which one of these fields is repeated, so each has one value (see SINGLETON_FIELDS).
import type { ChangingValues, Exchange, RequestHead } from "../http1/types.ts";
import { countField, fieldValue } from "../http1/wire/fields/fields.ts";
import { settleHead } from "../http1/wire/heads/settled_head.ts";
import type { Bytes } from "../http1/wire/streams/borrowed.ts";
import type { ResolverView } from "../identity/asked/resolver.ts";
import type { Parsed, RpcId } from "../mcp/messages/json_rpc.ts";
import type { Subject } from "../mcp/messages/message_subject.ts";
import { transportNumber, UNREAD } from "../mcp/messages/methods.ts";
import { SESSION_ID_FIELD } from "../mcp/session_id_field.ts";
import type { ExchangeRecord } from "../observe/exchange_record.ts";
import { eventTime } from "../platform/time/event_time.ts";
import { HOP_FIELD, HOP_PROOF_FIELD, type HopClaim } from "../replica/hop_proof.ts";
import type { Caller } from "../session/caller.ts";
import type { RequestTrace } from "../telemetry/request_trace.ts";
import { factsOf, type HeadFacts } from "./head_facts.ts";

/** Fields a request may carry once only, besides those that frame it: two values of any would let two readers disagree. */
export const SINGLETON_FIELDS: readonly string[] = [
  "authorization",
  "content-type",
  "content-encoding",
  "last-event-id",
  "mcp-method",
  "mcp-name",
  "mcp-protocol-version",
  SESSION_ID_FIELD,
  "origin",
  HOP_FIELD,
  HOP_PROOF_FIELD,
];

/** What each message says of itself: the facts of a head hang on none of it, and are one for all sessions of a client. */
export const CHANGING_FIELDS: readonly string[] = [SESSION_ID_FIELD, HOP_PROOF_FIELD];
const SESSION_ID = CHANGING_FIELDS.indexOf(SESSION_ID_FIELD);
const HOP_PROOF = CHANGING_FIELDS.indexOf(HOP_PROOF_FIELD);

/** As the engine sets them apart, of a request of this session that comes over no hop. */
export function changingOf(sessionId: string | undefined): ChangingValues {
  const changing: (string | undefined)[] = [];
  if (sessionId !== undefined) changing[SESSION_ID] = sessionId;
  return changing;
}

/** What few requests have. */
class Seldom {
  hop: HopClaim | undefined = undefined;
  isLent = false;
  cachedCredential: string | undefined = undefined;
  notOpened: unknown = undefined;
  listsOf: string | undefined = undefined;
  whenEnded: (() => void) | undefined = undefined;
  parsed: Parsed | undefined = undefined;
  requestId: RpcId | undefined = undefined;
  subject: Subject | undefined = undefined;
  allowedBy: string | undefined = undefined;
}

/** Each request has one, of 12 fields (112 bytes) at most: the next belongs into {@link Seldom}. */
export class Inbound implements ResolverView {
  readonly exchange: Exchange;
  readonly facts: HeadFacts;
  readonly receivedAtMs: number;
  /** Whom the log names if the request is refused. For that alone: every step behind authentication is handed the caller. */
  provenAs: Caller | undefined = undefined;
  /** The body of a POST, if the fast lane has taken it already. */
  body: Bytes | undefined = undefined;
  /** The JSON-RPC id being answered, once the body has been read; null where it cannot be told. */
  rpcId: RpcId | null = null;
  /** The row of its message, of `METHODS`. */
  methodRow = UNREAD;
  /** When its head had come, by `eventTime`. */
  readonly receivedAt: number = eventTime();
  /** When something was sent to a server for it last, by the same clock; 0 if nothing was. */
  sentAt = 0;
  /** What whoever observes will be told of it (`observed.ts`); undefined where nobody does. */
  record: ExchangeRecord | undefined = undefined;
  /** Its trace; null where it has none, undefined as long as that is not decided (`traced.ts`). */
  trace: RequestTrace | null | undefined = undefined;
  #seldom: Seldom | undefined = undefined;

  constructor(exchange: Exchange, nowMs: number) {
    this.exchange = exchange;
    this.facts = factsOf(exchange.head);
    this.receivedAtMs = nowMs;
  }

  #ensureSeldom(): Seldom {
    return this.#seldom ??= new Seldom();
  }

  get head(): RequestHead {
    return this.exchange.head;
  }

  /** What the body says, once somebody has read it whole; it is read no second time. */
  get parsed(): Parsed | undefined {
    return this.#seldom?.parsed;
  }

  set parsed(parsed: Parsed) {
    this.#ensureSeldom().parsed = parsed;
  }

  /** The id of the first request in the body, of a batch too: it wants an answer. Null if nothing there does. */
  get requestId(): RpcId | null {
    return this.#seldom?.requestId ?? this.rpcId;
  }

  /** Of a batch, which is answered under no id. */
  set requestId(id: RpcId) {
    this.#ensureSeldom().requestId = id;
  }

  /** What its one message is about, where somebody has to know before it is read whole. Good for the turn it is read in. */
  get subject(): Subject | undefined {
    return this.record ?? this.#seldom?.subject;
  }

  /** Where nobody observes: it is the record's then. */
  set subject(subject: Subject) {
    this.#ensureSeldom().subject = subject;
  }

  /** The rule that has allowed it; undefined where none had to, or the default did. */
  get allowedBy(): string | undefined {
    return this.#seldom?.allowedBy;
  }

  set allowedBy(rule: string | undefined) {
    if (rule !== this.allowedBy) this.#ensureSeldom().allowedBy = rule;
  }

  /** What another replica has proven that has passed it on. Such a request goes no further than here. */
  get hop(): HopClaim | undefined {
    return this.#seldom?.hop;
  }

  set hop(claim: HopClaim) {
    this.#ensureSeldom().hop = claim;
  }

  /** Whether its caller was found by the session alone, without a credential (I2). */
  get isLent(): boolean {
    return this.#seldom?.isLent === true;
  }

  /** A credential kept from the session's beginning, for a request that carries none (I2). */
  get cachedCredential(): string | undefined {
    return this.#seldom?.cachedCredential;
  }

  /** From here on its caller is the session's, found without a credential; `cached` is sent in place of one. */
  lend(cached: string | undefined): void {
    const seldom = this.#ensureSeldom();
    seldom.isLent = true;
    seldom.cachedCredential = cached;
  }

  /** What its session's id was refused with at the door of the fast lane. */
  get notOpened(): unknown {
    return this.#seldom?.notOpened;
  }

  set notOpened(refusal: unknown) {
    this.#ensureSeldom().notOpened = refusal;
  }

  /** Whose lists it is answered with: see `HintBook`. Undefined where nobody looks. */
  get listsOf(): string | undefined {
    return this.#seldom?.listsOf;
  }

  set listsOf(key: string) {
    this.#ensureSeldom().listsOf = key;
  }

  /** Called behind the last step of its path. */
  get whenEnded(): (() => void) | undefined {
    return this.#seldom?.whenEnded;
  }

  set whenEnded(told: () => void) {
    this.#ensureSeldom().whenEnded = told;
  }

  /** For one that lasts: of its head it keeps no more than what the head says. @param kept see {@link settleHead} */
  settle(kept: readonly (string | undefined)[]): void {
    settleHead(this.head, kept);
    this.facts.settle(this.head.fields);
  }

  /** The row that it is counted in, of `METHODS`. */
  get row(): number {
    return this.head.method === "POST" ? this.methodRow : transportNumber(this.head.method);
  }

  /** The text that stands for a session: a sealed id of ours, unless somebody made it up. An empty one is none. */
  get sessionId(): string | undefined {
    return this.head.changing[SESSION_ID] || undefined;
  }

  /** What another replica proves that has passed it on. */
  get hopProof(): string | undefined {
    return this.head.changing[HOP_PROOF];
  }

  get authorization(): string | undefined {
    return this.facts.authorization;
  }

  get protocolVersion(): string | undefined {
    return this.facts.protocolVersion;
  }

  get origin(): string | undefined {
    return this.facts.origin;
  }

  get method(): string {
    return this.head.method;
  }

  get path(): string {
    return this.head.path;
  }

  /** Of the client, wherever it came in. */
  get remoteAddress(): string {
    return this.hop?.client ?? this.exchange.connection.remoteAddress;
  }

  get(name: string): string | undefined {
    const changing = CHANGING_FIELDS.indexOf(name);
    if (changing >= 0) return this.head.changing[changing];
    return countField(this.head.fields, name) === 1 ? fieldValue(this.head.fields, name) : undefined;
  }

  count(name: string): number {
    const changing = CHANGING_FIELDS.indexOf(name);
    if (changing >= 0) return this.head.changing[changing] === undefined ? 0 : 1;
    return countField(this.head.fields, name);
  }
}
