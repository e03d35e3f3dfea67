// What the HTTP/1.1 engine hands to its users. It knows nothing of MCP. RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
import type { Bytes } from "./wire/streams/borrowed.ts";

export { HTTP_ERROR_STATUS, HttpError, type HttpErrorCode } from "./http_error.ts";

/** Header fields as `[name, value, name, value, …]` in the order received; names lower-cased, values trimmed of OWS. */
export type FieldList = string[];
/** The same, others' too: not to be changed. */
export type Fields = readonly string[];

/** A body's length on the wire: ≥ 0 bytes, or one of these. */
export const CHUNKED = -1;
/** Responses only: the body ends when the connection does. */
export const UNTIL_CLOSE = -2;

/**
 * What the fields say that `HeadLimits.changing` names, in its order; undefined, or beyond the end, where one is not there.
 * Each is a text in memory of its own, no slice of its head. Not to be changed.
 */
export type ChangingValues = readonly (string | undefined)[];

/** Room for what a user finds out about a head, once for all that say the same: it lives as long as they are remembered. */
export interface HeadNotes {
  value: unknown;
}

// Heads have all their members, in this order: where some lack one, whatever reads them is compiled for two shapes, and
// again for each new connection until both have been seen often.

/** A strictly parsed request head. Strings are latin1: one character is one byte of the wire. */
export interface RequestHead {
  readonly method: string;
  /** Origin-form (`/path?query`), or `*` for OPTIONS. Absolute-form is normalised; authority-form is refused. */
  readonly target: string;
  /** `target` up to the first `?`. */
  readonly path: string;
  /** `?…` or the empty string. */
  readonly query: string;
  readonly minorVersion: 0 | 1;
  readonly fields: Fields;
  /** What the fields say that are others in each message: they are not among `fields`. */
  readonly changing: ChangingValues;
  /** The authority asked for: of an absolute-form target, else `Host`; empty only for HTTP/1.0 without one. */
  readonly host: string;
  /** ≥ 0 or {@link CHUNKED}. */
  readonly bodyLength: number;
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
  /**
   * Shared by all heads of a connection that say the same but for the length of the body and what is `changing`;
   * undefined of one that is not remembered. What is noted may depend on nothing else of the request.
   */
  readonly notes: HeadNotes | undefined;
}

/** A strictly parsed response head. */
export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly minorVersion: 0 | 1;
  readonly fields: Fields;
  /** As of a {@link RequestHead}; undefined of a head that came from no wire. */
  readonly changing: ChangingValues | undefined;
  /** ≥ 0, {@link CHUNKED} or {@link UNTIL_CLOSE}; 0 where the status or the request method allows no body. */
  readonly bodyLength: number;
  readonly keepAlive: boolean;
  /** How long the server says that it keeps the connection, s; undefined where it says nothing of it. */
  readonly keepAliveSeconds: number | undefined;
  /** As of a {@link RequestHead}: what is noted may depend on nothing else of the response. */
  readonly notes: HeadNotes | undefined;
}

/** A message body being read: transfer coding removed, bytes otherwise untouched. Pull only: not reading is backpressure. */
export interface BodyReader {
  /** ≥ 0, {@link CHUNKED} or {@link UNTIL_CLOSE}. */
  readonly length: number;
  /** Whether the last byte has been handed out. */
  readonly done: boolean;
  /**
   * The whole rest of the body, if all of it has arrived already; else undefined and nothing is consumed.
   * What is borrowed is valid until the exchange ends (server) or until `release` (client).
   */
  takeBuffered(): Bytes | undefined;
  /** The next bytes, or null at the end. What is borrowed is valid until the next `read`. @throws HttpError */
  read(): Promise<Bytes | null>;
  /** All remaining bytes in memory of their own. @throws HttpError 413 `body_too_large` beyond `maxBytes` */
  readAll(maxBytes: number): Promise<Uint8Array>;
  /**
   * Hands all remaining pieces to `sink`, each as soon as it is there and `sink` has taken the one before; what is
   * borrowed is valid until `sink` resolves. Cheaper than a loop over `read` where pieces are small and far apart, and no
   * promise waits for the end, which may be days away. Optional: see `pipeBody`.
   */
  pipe?(sink: BodySink, listener: PipeListener): void;
}

/** Who is told once how a body that is passed on has ended, perhaps before `pipe` returns. */
export interface PipeListener {
  /** Its last piece has been taken. */
  onPiped(): void;
  /** @param error what `sink` rejected with, or what `read` would reject with */
  onPipeFailed(error: unknown): void;
}

/** Where a body goes that is passed on; {@link BodyWriter} is one. */
export interface BodySink {
  /** Resolves when it took the bytes. */
  write(bytes: Bytes): Promise<void>;
  /** Whether what comes in chunks may come with their framing. */
  readonly takesChunks?: boolean;
  /**
   * Takes whole chunks of the chunked coding as they came: of four or more bytes each, without extensions, none the last.
   * @param payload how many of the bytes are not framing
   */
  passChunks?(chunks: Bytes, payload: number): Promise<void>;
}

/** Where a server connection comes from, and room for its user's own notes that live as long as the connection. */
export interface ServerConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Whether the listener speaks TLS. */
  readonly secure: boolean;
  /** Whether it came to a listener that is for other processes of this program alone: its user sees to that. */
  readonly inner?: boolean;
  /**
   * For the user to set, once somebody on this connection has proven who he is: when all connections are taken, one
   * without proof that lets the server wait gives way first.
   */
  trusted: boolean;
  memo: unknown;
}

/** A response as the engine's user writes it: framing and connection fields are the engine's own and must not be in `fields`. */
export interface ResponseStart {
  readonly status: number;
  readonly reason?: string | undefined;
  readonly fields: Fields;
  /** Where the head is kept once it is made, for all answers that have the same status, reason and list of fields. */
  readonly made?: MadeHead | undefined;
}

/** Whoever follows an exchange until its response has ended. */
export interface ExchangeWatcher {
  /** The client has gone away before that. Called once at most. */
  onClientGone(): void;
}

/** One request on a client connection, and its answer. */
export interface Exchange {
  readonly head: RequestHead;
  readonly body: BodyReader;
  readonly connection: ServerConnection;
  watcher: ExchangeWatcher | undefined;
  readonly aborted: boolean;
  /** Whether a response head has been written. */
  readonly started: boolean;
  /** Of that response; 0 before. */
  readonly status: number;
  /** Bytes of its body that were handed over so far, without their framing. */
  readonly bodySent: number;
  /**
   * A whole response in one write. Resolves when the socket took it; `DONE` (`streams/done.ts`) where that was at once.
   * Never rejects: a gone client is `aborted`.
   */
  respond(start: ResponseStart, body?: Bytes): Promise<void>;
  /**
   * A response in pieces: writes the head (and `first` with it) at once.
   * `length` ≥ 0, or {@link CHUNKED} (an HTTP/1.0 client gets close-delimited bytes instead).
   */
  begin(start: ResponseStart, length: number, first?: Bytes): Promise<BodyWriter>;
  /** Its handler has failed: a 500 if there is still room for an answer, else a cut one. */
  fail(cause: unknown): void;
}

/** The rest of a response begun with `begin`. */
export interface BodyWriter extends BodySink {
  /** Resolves when the socket took the bytes: awaiting it is backpressure. Resolves at once if the client is gone. */
  write(bytes: Bytes): Promise<void>;
  end(last?: Bytes): Promise<void>;
  /** Closes the connection with the body unfinished, so that the client sees a truncated answer, never a complete one. */
  abort(): void;
}

/** A request but for its body: one object may stand for many that differ in that alone. */
export interface ClientRequestHead {
  readonly method: string;
  readonly target: string;
  /** With `host`, without framing and connection fields. */
  readonly fields: Fields;
  /** Where the head is kept once it is made, for all requests that have the same method, target and list of fields. */
  readonly made?: MadeHead | undefined;
  /** Fields more, behind the others, that say something else in each request with that head. */
  readonly changing?: Fields | undefined;
  /** Fields more, behind all of those, of this request alone: what is made of the others is made for those without them. */
  readonly added?: Fields | undefined;
}

/** A request to send through a pool. */
export interface ClientRequest extends ClientRequestHead {
  readonly body?: Bytes | undefined;
}

/**
 * A head whose last field is its Content-Length, but for the digits of that: one for all messages that differ in length
 * only.
 */
export interface ReadyHead {
  /** Up to those digits; where there are further fields, up to where those go. */
  readonly bytes: Uint8Array;
  /** Further fields, which may be sent as they are (`requireSendable`); ahead of the length. */
  readonly fields: Fields;
}

/** See {@link ClientRequestHead.made} and {@link ResponseStart.made}. For the engine alone. */
export interface MadeHead {
  /** The head but for the digits of its Content-Length. */
  ready: ReadyHead | undefined;
  /** In its place of requests with changing fields: up to where those go. All have some, or none. */
  stem: Uint8Array | undefined;
  /** Whose it is, of a request: with another method, target or list of fields nothing is found or kept here. */
  of?: { readonly method: string; readonly target: string; readonly fields: Fields } | undefined;
  /**
   * What they said last; how many texts of it they had said the time before, too; and all up to there, or, where those
   * are all of them, the whole head but for the digits.
   */
  last?: LastChanging | undefined;
  /**
   * Whether it is sent, where that can be, over the connection that it was sent on last: whoever is there remembers the
   * rest of it.
   */
  readonly returns?: boolean;
  /** That connection. */
  carrier?: object | undefined;
}

/** See {@link MadeHead.last}. */
export interface LastChanging {
  changing: Fields;
  same: number;
  stem: Uint8Array | undefined;
  ready: ReadyHead | undefined;
}

/** All of one shape: whoever sends asks each for its members. @param returns see {@link MadeHead.returns} */
export function newMadeHead(returns: boolean): MadeHead {
  return { ready: undefined, stem: undefined, of: undefined, last: undefined, returns, carrier: undefined };
}

export interface ClientResponse {
  readonly head: ResponseHead;
  readonly body: BodyReader;
  /** Where it came from no wire, but refuses: which kind of refusal it is, and what was found, for the log. */
  readonly refusal?: { readonly code: string; readonly found: string } | undefined;
  /**
   * Ends this exchange: a connection whose body was read to the end goes back to the pool, any other is closed.
   * Bytes lent by `body` are called back. Calling it again does nothing.
   */
  release(): void;
  /** For one that lasts: its head has been read, and need not be kept any longer. */
  forgetHead?(): void;
}

/** Who is told once what has become of a call: of an answer in the event that brings it, of a failure in a later one. */
export interface CallListener<Answer> {
  /** Must not throw. */
  onAnswer(answer: Answer): void;
  /** Must not throw. @param error what `response` would reject with */
  onFailure(error: unknown): void;
}

/** A request under way. */
export interface Call<Answer = ClientResponse> {
  /** @throws HttpError `upstream_*` codes; `aborted` after {@link Call.abort} */
  readonly response: Promise<Answer>;
  /** In place of `response` or beside it, without a promise. To be called once, before anything can have happened. */
  tell?(listener: CallListener<Answer>): void;
  /** Closes the connection of this call, whatever it is doing; nothing once the response is released. */
  abort(): void;
}
