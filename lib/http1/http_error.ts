// Every fault of the engine: its code, and the status that says so.

/** Why the engine refused or lost a message, and the status that says so. */
export const HTTP_ERROR_STATUS = {
  bad_request: 400,
  request_timeout: 408,
  body_too_large: 413,
  uri_too_long: 414,
  head_too_large: 431,
  /** Memory for what others send is full. */
  no_room: 503,
  /** The handler of a request failed. */
  internal: 500,
  coding_unsupported: 501,
  version_unsupported: 505,
  /** No answer is possible. */
  client_gone: 408,
  /** By our own side. */
  aborted: 500,
  /** Refused, unreachable, name not found: nothing was sent. */
  connect_failed: 502,
  /** Nothing was sent. */
  connect_timeout: 504,
  /** No connection came free in time: nothing was sent. */
  pool_exhausted: 503,
  /** Ended before its response was whole: the request may have been processed. */
  upstream_closed: 502,
  /** Not HTTP, or a body that broke its own framing. */
  upstream_invalid: 502,
  /** No response in time: the request may have been processed. */
  upstream_timeout: 504,
} as const satisfies Record<string, number>;

export type HttpErrorCode = keyof typeof HTTP_ERROR_STATUS;

/** An HTTP-level fault. `message` names what was found and what is wanted, and never quotes the input. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly code: HttpErrorCode;
  /** True only if no byte of the request can have reached the other side's application. */
  readonly unsent: boolean;

  constructor(code: HttpErrorCode, message: string, options: { cause?: unknown; unsent?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.unsent = options.unsent ?? false;
  }
}
