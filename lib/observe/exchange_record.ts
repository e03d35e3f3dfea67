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
  /** Of the resource. */
  uri: string | undefined = undefined;
  rpcId: string | number | bigint | null = null;
  batch: readonly BatchItem[] | undefined = undefined;
  /** What of a tool's arguments a setting wants to be seen, as JSON text; see `Observers.readArguments`. */
  args: string | undefined = undefined;
  /** Name of the upstream it was sent to; undefined if to none. */
  upstream: string | undefined = undefined;
  /** Of several servers behind it, the one that the message was for. */
  member: string | undefined = undefined;
  /** From sending it to the head of the answer, ms; undefined where there was none. */
  upstreamMs: number | undefined = undefined;
  /** Whether the upstream had lost the session, which was then opened again for it (L4). */
  revived = false;
  /** Whether it was a call that had been lost while it waited for its client, and was run again (S4). */
  rerun = false;
  /** Of HTTP; 0 where no answer was begun. */
  status = 0;
  /** Code of the JSON-RPC error that it was answered with, by Signet or the server. */
  rpcCode: number | undefined = undefined;
  /** Of a tool's result. Undefined where it cannot be told: `outcomeKnown` says which. */
  isError: boolean | undefined = undefined;
  /** Whether the answer was read as far as `rpcCode` and `isError` need: see `mcp/answer_outcome.ts`. */
  outcomeKnown = false;
  /** Why Signet refused it: a code of `errors.ts`. */
  refusal: string | undefined = undefined;
  /** The rule or the limit that refused it. */
  rule: string | undefined = undefined;
  limit: string | undefined = undefined;
  /** What the client was told to name in its report. */
  errorId: string | undefined = undefined;
  /** Of bodies, as the client sent and got them, transfer codings removed. */
  bytesIn = 0;
  bytesOut = 0;
  /** Whether it listened: a GET, or `subscriptions/listen`. */
  isStream = false;
  /** What cut it before its answer was whole: the client by leaving, the upstream, or an end of the session's. */
  cutBy: string | undefined = undefined;
  /** As the client sent it (W3C Trace Context); not looked at. */
  traceparent: string | undefined = undefined;

  constructor(startedAtMs: number, from: string) {
    this.startedAtMs = startedAtMs;
    this.from = from;
  }
}
