// What all connections of a server share: its user, its bounds, its counters.
import type { ByteAccount } from "../byte_account.ts";
import type { Exchange, HttpError, HttpErrorCode, ResponseStart } from "../types.ts";
import type { BodyBounds } from "../wire/bodies/inbound_body.ts";
import type { Sweep, Timed } from "../wire/deadline.ts";
import type { HeadLimits } from "../wire/fields/fields_parse.ts";
import type { Traffic } from "../wire/streams/traffic.ts";
import type { SentAnswers } from "./sent_answers.ts";

/** Bounds of what one client can take up. */
export interface ServerLimits {
  /** Longest request head in bytes; beyond it 431, or 414 if not even the request line ends there. */
  readonly maxHeadBytes: number;
  /** Longest request body in bytes; beyond it 413. */
  readonly maxBodyBytes: number;
  /**
   * A request whose announced body is at most this long is handled when all of it is there, so that `takeBuffered` finds
   * it; many clients send head and body in two packets. Not where the client waits for 100 Continue. 0: never.
   */
  readonly gatherBytes: number;
  /** For a whole head, from its first byte on (from the connection on for the first), ms; then 408. */
  readonly headTimeoutMs: number;
  /** For the next bytes of a body that is being read, and for all that is slower than the least rate, ms; then 408. */
  readonly bodyTimeoutMs: number;
  /** Between two requests, ms; then the connection is closed. */
  readonly idleTimeoutMs: number;
  /** For the client to take the next bytes of a response, ms; then the connection is cut. */
  readonly writeTimeoutMs: number;
  /**
   * Connections at a time; a further one takes the place of the untrusted one that has let the server wait longest, else
   * of the one idle longest, else of the one whose request has not been whole for longest, or is answered 503.
   */
  readonly maxConnections: number;
  /** Bytes read ahead while a request is being handled: of its body, if nobody reads that, and of further requests. */
  readonly maxPipelinedBytes: number;
}

/** What a server sees of a connection. */
export interface OpenConnection extends Timed {
  /** Whether it has no request, not even the beginning of one. */
  readonly idle: boolean;
  /** Whether it is idle, and has never had any. */
  readonly fresh: boolean;
  /** See `ServerConnection.trusted`. */
  readonly trusted: boolean;
  /**
   * Since when nothing happens here but for its client's doing: it has sent no request, not all of one, or, a stranger,
   * does not take the answer; ms. Undefined while a request is being handled.
   */
  readonly waitingSinceMs: number | undefined;
  /** Memory that it holds as a stranger, bytes. */
  readonly strange: number;
  /** Whether a request is being handled, or its answer has not gone out. */
  readonly busy: boolean;
  /** Ends the connection, which is idle, once its last answer has gone out. */
  leave(): void;
  /** Ends the connection as it stands. The user of a running exchange is told. */
  close(): void;
}

/**
 * What is known of a request that the engine refuses itself, or whose handler failed. `origin` is what its Origin field says,
 * as far as one could be made out: of a head that was refused it is no more than text.
 */
export interface RefusedRequest {
  readonly remoteAddress: string;
  readonly origin: string | undefined;
}

/** The answer to it. */
export type RenderError = (
  error: HttpError,
  refused: RefusedRequest,
) => { readonly start: ResponseStart; readonly body: Uint8Array };

/** What all connections of a server share. */
export interface ServerContext {
  readonly handler: (exchange: Exchange) => void | Promise<void>;
  readonly renderError: RenderError;
  readonly limits: ServerLimits;
  readonly headLimits: HeadLimits;
  /** Of requests that have no allowance. */
  readonly bodies: BodyBounds;
  readonly traffic: Traffic;
  readonly account: ByteAccount;
  readonly sweep: Sweep;
  readonly sentAnswers: SentAnswers;
  readonly draining: boolean;
  onRequest(): void;
  onError(code: HttpErrorCode): void;
  onTlsFault(cause: unknown, remoteAddress: string): void;
  onHandlerFailure(cause: unknown): void;
  onClosed(connection: OpenConnection): void;
  /**
   * A stranger finds no room for `bytes` more: of the others, the one that has held some for longest while the server
   * waits for it gives way. @returns false if that is of no use
   */
  makeRoom(asking: OpenConnection, bytes: number): boolean;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  maxHeadBytes: 16 * 1024,
  maxBodyBytes: 4 * 1024 * 1024,
  gatherBytes: 0,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  idleTimeoutMs: 75_000,
  writeTimeoutMs: 30_000,
  maxConnections: 20_000,
  maxPipelinedBytes: 16 * 1024,
};

/** Where a connection comes from. */
export interface ClientAddress {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
  readonly inner: boolean;
}
