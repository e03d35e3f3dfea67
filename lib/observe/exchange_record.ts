// What is told of one exchange, once, when it has ended, however it ended: the one place that the audit log, the access
// log, traces, metrics and live views have it from. Plain fields, filled in on the way; nothing here is a session id, a
// credential or a body, but a subject is a person and a URI may say something: whoever shows them answers for it.

/** `none`: refused before it took one, by the HTTP engine or at the door. */
export type Lane = "fast" | "full" | "none";

/** Who was proven to ask; a `Principal` fits. The same object again and again, so that what is made of it can be kept. */
export interface Actor {
  readonly source: string;
  readonly issuer: string;
  readonly subject: string;
  readonly clientId?: string;
  /** What is written down in place of the subject: of one that lets whoever reads it guess at a credential. */
  readonly keyedName?: string;
}

/** One message of a batch. */
export interface BatchItem {
  readonly method: string | undefined;
  readonly name: string | undefined;
  readonly uri: string | undefined;
  readonly rpcId: string | number | bigint | null;
}

/**
 * What few exchanges have. JavaScriptCore gives an object the next of a few sizes (docs/costs.md, "A call's garbage"): one
 * field too many takes up to half as much again. So such fields stand in an object of their own, made with the first of
 * them; those of sessions, of requests and of what is in flight do, too.
 */
class Seldom {
  args: string | undefined = undefined;
  batch: readonly BatchItem[] | undefined = undefined;
  uri: string | undefined = undefined;
  member: string | undefined = undefined;
  revived = false;
  rerun = false;
  rpcCode: number | undefined = undefined;
  refusal: string | undefined = undefined;
  rule: string | undefined = undefined;
  limit: string | undefined = undefined;
  errorId: string | undefined = undefined;
  isStream = false;
  cutBy: string | undefined = undefined;
  traceparent: string | undefined = undefined;
}

/** Each exchange that is observed has one, of 26 fields (224 bytes) at most: the next belongs into {@link Seldom}. */
export class ExchangeRecord {
  /** When its head had come, in ms since the epoch. */
  readonly startedAtMs: number;
  /** From there to its end, ms. */
  durationMs = 0;
  lane: Lane = "none";
  /** Address of the TCP peer. */
  from: string;
  userAgent: string | undefined = undefined;
  httpMethod: string | undefined = undefined;
  /** Of its target, without the query; of an exchange that the engine refused nothing is known. */
  path: string | undefined = undefined;
  actor: Actor | undefined = undefined;
  /** The hash that the log uses; undefined where it is about no session, or one that is not known here. */
  session: string | undefined = undefined;
  /** Of JSON-RPC. Undefined for a GET, a DELETE, a response of the client's, a batch, and a body that was not read. */
  method: string | undefined = undefined;
  /** Of the tool or prompt. */
  name: string | undefined = undefined;
  rpcId: string | number | bigint | null = null;
  /** Name of the upstream it was sent to; undefined if to none. */
  upstream: string | undefined = undefined;
  /** From sending it to the head of the answer, ms; undefined where there was none. */
  upstreamMs: number | undefined = undefined;
  /** Of HTTP; 0 where no answer was begun. */
  status = 0;
  /** Of a tool's result. Undefined where it cannot be told: `outcomeKnown` says which. */
  isError: boolean | undefined = undefined;
  /** Whether the answer was read as far as `rpcCode` and `isError` need: see `mcp/answer_outcome.ts`. */
  outcomeKnown = false;
  /** Of bodies, as the client sent and got them, transfer codings removed. */
  bytesIn = 0;
  bytesOut = 0;
  /** Whether observers are told of it: not of one that is there for a trace alone. */
  isObserved = false;
  #seldom: Seldom | undefined = undefined;

  constructor(startedAtMs: number, from: string) {
    this.startedAtMs = startedAtMs;
    this.from = from;
  }

  #ensureSeldom(): Seldom {
    return this.#seldom ??= new Seldom();
  }

  /** What of a tool's arguments a setting wants to be seen, as JSON text; see `Observers.readArguments`. */
  get args(): string | undefined {
    return this.#seldom?.args;
  }

  set args(args: string | undefined) {
    if (args !== undefined || this.#seldom !== undefined) this.#ensureSeldom().args = args;
  }

  get batch(): readonly BatchItem[] | undefined {
    return this.#seldom?.batch;
  }

  set batch(batch: readonly BatchItem[] | undefined) {
    if (batch !== undefined || this.#seldom !== undefined) this.#ensureSeldom().batch = batch;
  }

  /** Of the resource. */
  get uri(): string | undefined {
    return this.#seldom?.uri;
  }

  set uri(uri: string | undefined) {
    if (uri !== undefined || this.#seldom !== undefined) this.#ensureSeldom().uri = uri;
  }

  /** Of several servers behind it, the one that the message was for. */
  get member(): string | undefined {
    return this.#seldom?.member;
  }

  set member(member: string | undefined) {
    if (member !== undefined || this.#seldom !== undefined) this.#ensureSeldom().member = member;
  }

  /** Whether the upstream had lost the session, which was then opened again for it (L4). */
  get revived(): boolean {
    return this.#seldom?.revived === true;
  }

  set revived(revived: boolean) {
    if (revived || this.#seldom !== undefined) this.#ensureSeldom().revived = revived;
  }

  /** Whether it was a call that had been lost while it waited for its client, and was run again (S4). */
  get rerun(): boolean {
    return this.#seldom?.rerun === true;
  }

  set rerun(rerun: boolean) {
    if (rerun || this.#seldom !== undefined) this.#ensureSeldom().rerun = rerun;
  }

  /** Code of the JSON-RPC error that it was answered with, by Signet or the server. */
  get rpcCode(): number | undefined {
    return this.#seldom?.rpcCode;
  }

  set rpcCode(rpcCode: number | undefined) {
    if (rpcCode !== undefined || this.#seldom !== undefined) this.#ensureSeldom().rpcCode = rpcCode;
  }

  /** Why Signet refused it: a code of `errors.ts`. */
  get refusal(): string | undefined {
    return this.#seldom?.refusal;
  }

  set refusal(refusal: string | undefined) {
    if (refusal !== undefined || this.#seldom !== undefined) this.#ensureSeldom().refusal = refusal;
  }

  /** The rule that refused it. */
  get rule(): string | undefined {
    return this.#seldom?.rule;
  }

  set rule(rule: string | undefined) {
    if (rule !== undefined || this.#seldom !== undefined) this.#ensureSeldom().rule = rule;
  }

  /** The limit that refused it. */
  get limit(): string | undefined {
    return this.#seldom?.limit;
  }

  set limit(limit: string | undefined) {
    if (limit !== undefined || this.#seldom !== undefined) this.#ensureSeldom().limit = limit;
  }

  /** What the client was told to name in its report. */
  get errorId(): string | undefined {
    return this.#seldom?.errorId;
  }

  set errorId(errorId: string | undefined) {
    if (errorId !== undefined || this.#seldom !== undefined) this.#ensureSeldom().errorId = errorId;
  }

  /** Whether it listened: a GET, or `subscriptions/listen`. */
  get isStream(): boolean {
    return this.#seldom?.isStream === true;
  }

  set isStream(isStream: boolean) {
    if (isStream || this.#seldom !== undefined) this.#ensureSeldom().isStream = isStream;
  }

  /** What cut it before its answer was whole: the client by leaving, the upstream, or an end of the session's. */
  get cutBy(): string | undefined {
    return this.#seldom?.cutBy;
  }

  set cutBy(cutBy: string | undefined) {
    if (cutBy !== undefined || this.#seldom !== undefined) this.#ensureSeldom().cutBy = cutBy;
  }

  /** As the client sent it (W3C Trace Context); not looked at. */
  get traceparent(): string | undefined {
    return this.#seldom?.traceparent;
  }

  set traceparent(traceparent: string | undefined) {
    if (traceparent !== undefined || this.#seldom !== undefined) this.#ensureSeldom().traceparent = traceparent;
  }
}
