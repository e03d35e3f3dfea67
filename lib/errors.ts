// The one error class of Signet and the table of its codes.
// A code is stable: logs, metrics and tests name it. A client sees `publicMessage` and nothing else of an error;
// `facts`, `remedy` and `cause` are for the operator's log.

/** What a code means on the wire: HTTP status and JSON-RPC error code. */
export interface ErrorKind {
  readonly status: number;
  readonly rpcCode: number;
  readonly publicMessage: string;
}

/**
 * Every way a request can be refused. JSON-RPC codes: −32700…−32600 from JSON-RPC 2.0, −32001 for a lost session
 * (MCP 2025-11-25, "Session management"), −32020 and −32022 from MCP 2026-07-28; −32000 is the server-defined rest. New
 * ones of Signet's own lie outside of what JSON-RPC reserves, and are the HTTP status (MCP 2026-07-28, "Error Codes").
 */
export const ERROR_KINDS = {
  parse_error: { status: 400, rpcCode: -32700, publicMessage: "Parse error: the body is not JSON" },
  invalid_request: { status: 400, rpcCode: -32600, publicMessage: "Invalid request" },
  invalid_params: { status: 400, rpcCode: -32602, publicMessage: "Invalid params" },
  // At 200, where clients read the code.
  carried_refused: { status: 200, rpcCode: -32602, publicMessage: "Invalid params: unknown or expired" },
  batch_refused: {
    status: 400,
    rpcCode: -32600,
    publicMessage: "Invalid request: this protocol version has no JSON-RPC batches",
  },
  session_required: {
    status: 400,
    rpcCode: -32000,
    publicMessage: "Bad request: Mcp-Session-Id is missing; only initialize may come without it",
  },
  protocol_version_unsupported: {
    status: 400,
    rpcCode: -32000,
    publicMessage: "Bad request: unsupported MCP-Protocol-Version",
  },
  modern_version_unsupported: { status: 400, rpcCode: -32022, publicMessage: "Unsupported protocol version" },
  header_mismatch: { status: 400, rpcCode: -32020, publicMessage: "Headers and body do not agree" },
  malformed_http: { status: 400, rpcCode: -32600, publicMessage: "Bad request" },
  unauthenticated: { status: 401, rpcCode: -32000, publicMessage: "Unauthorized" },
  insufficient_scope: { status: 403, rpcCode: -32000, publicMessage: "Forbidden: the token's scope does not reach" },
  method_denied: { status: 200, rpcCode: -32601, publicMessage: "Method not found" },
  rule_denied: { status: 200, rpcCode: -32602, publicMessage: "Invalid params: unknown name" },
  owner_mismatch: { status: 403, rpcCode: -32000, publicMessage: "Forbidden: the session belongs to another caller" },
  caller_revoked: {
    status: 403,
    rpcCode: -32000,
    publicMessage: "Forbidden: what this caller had under way was revoked",
  },
  origin_refused: { status: 403, rpcCode: -32000, publicMessage: "Forbidden: Origin not allowed" },
  host_refused: { status: 403, rpcCode: -32000, publicMessage: "Forbidden: Host not allowed" },
  upstream_credential_missing: {
    status: 403,
    rpcCode: -32000,
    publicMessage: "Forbidden: there is no valid credential for the MCP server",
  },
  session_not_found: { status: 404, rpcCode: -32001, publicMessage: "Session not found" },
  path_not_found: { status: 404, rpcCode: -32000, publicMessage: "Not found" },
  hop_refused: { status: 403, rpcCode: -32000, publicMessage: "Forbidden: not passed on by a replica" },
  session_elsewhere: { status: 421, rpcCode: -32000, publicMessage: "Misdirected: the session is another replica's" },
  method_not_allowed: { status: 405, rpcCode: -32000, publicMessage: "Method not allowed" },
  method_not_found: { status: 404, rpcCode: -32601, publicMessage: "Method not found" },
  not_acceptable: {
    status: 406,
    rpcCode: -32000,
    publicMessage: "Not acceptable: the client must accept application/json and text/event-stream",
  },
  request_timeout: { status: 408, rpcCode: -32000, publicMessage: "Request timeout" },
  body_too_large: { status: 413, rpcCode: -32000, publicMessage: "Payload too large" },
  uri_too_long: { status: 414, rpcCode: -32000, publicMessage: "URI too long" },
  media_type_unsupported: {
    status: 415,
    rpcCode: -32000,
    publicMessage:
      "Unsupported media type: Content-Type must be application/json, in UTF-8 and without a Content-Encoding",
  },
  principal_limit: { status: 429, rpcCode: -32000, publicMessage: "Too many sessions for this caller" },
  rate_limited: { status: 429, rpcCode: 429, publicMessage: "Too many requests" },
  probe_limit: { status: 429, rpcCode: -32000, publicMessage: "Too many requests in flight" },
  head_too_large: { status: 431, rpcCode: -32000, publicMessage: "Request header fields too large" },
  internal: { status: 500, rpcCode: -32603, publicMessage: "Internal error" },
  coding_unsupported: { status: 501, rpcCode: -32000, publicMessage: "Not implemented" },
  upstream_unreachable: {
    status: 502,
    rpcCode: -32000,
    publicMessage: "Bad gateway: the MCP server cannot be reached",
  },
  upstream_invalid: {
    status: 502,
    rpcCode: -32000,
    publicMessage: "Bad gateway: the MCP server's answer is not valid",
  },
  upstream_not_mcp: {
    status: 502,
    rpcCode: -32000,
    publicMessage: "Bad gateway: no MCP server answers at the configured path",
  },
  session_limit: { status: 503, rpcCode: -32000, publicMessage: "Too many sessions" },
  request_limit: { status: 503, rpcCode: -32000, publicMessage: "Too many requests in flight" },
  draining: { status: 503, rpcCode: -32000, publicMessage: "Shutting down" },
  audit_unavailable: { status: 503, rpcCode: -32000, publicMessage: "What is done here cannot be recorded now" },
  identity_unavailable: { status: 503, rpcCode: -32000, publicMessage: "The identity provider cannot be reached" },
  upstream_timeout: { status: 504, rpcCode: -32000, publicMessage: "Gateway timeout: the MCP server did not answer" },
  http_version_unsupported: { status: 505, rpcCode: -32000, publicMessage: "HTTP version not supported" },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

/** What JSON-RPC leaves to servers, and clients with sessions have always been told. */
const OF_THE_SERVER = -32000;

/**
 * The JSON-RPC code of an error for a client. New codes have no place in what JSON-RPC has set aside (MCP 2026-07-28, basic,
 * "Error Codes"): a stateless client gets the status in place of the one that says nothing.
 */
export function rpcCodeFor({ rpcCode, status }: ErrorKind, isStateless: boolean): number {
  return isStateless && rpcCode === OF_THE_SERVER ? status : rpcCode;
}

/** Details of a {@link SignetError}; all but `facts`, `remedy` and `cause` is for the client. */
export interface ErrorDetail {
  /** Replaces the table's public message. Must hold no id, token or header value. */
  readonly publicMessage?: string;
  /** What the operator (or the caller) can do about it. */
  readonly remedy?: string;
  /** Facts for the log; never secrets. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
  /** `Retry-After`, in seconds. */
  readonly retryAfterS?: number;
  /** `WWW-Authenticate` (RFC 6750). */
  readonly challenge?: string;
  /** Of a server's refusal that its client may answer, behind a bridge: its status, and its own `WWW-Authenticate`. */
  readonly refusedCredential?: { readonly status: 401 | 403; readonly challenge: string };
  /** `Allow`, for 405. */
  readonly allow?: string;
  /** Members of `error.data` of the JSON-RPC error, besides its id in the log. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** In place of the code's own. */
  readonly status?: number;
  /** Further header fields, names and values in turn. */
  readonly fields?: readonly string[];
  /**
   * Answered at 200 as the result of a tool that says so (`isError`), where the request has an id: an agent reads the
   * public message, and clients show nothing else. The members are added to the result.
   */
  readonly asToolResult?: Readonly<Record<string, unknown>>;
  /** Of a batch: one error for each of its requests, in place of one for all. */
  readonly batch?: readonly BatchError[];
  readonly cause?: unknown;
}

/** Of one request of a batch. */
export interface BatchError {
  readonly id: string | number | bigint;
  readonly rpcCode: number;
  readonly message: string;
}

/** A refusal with a stable code. `lib/gateway/respond.ts` alone turns it into a response. */
export class SignetError extends Error {
  override readonly name = "SignetError";
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, detail: ErrorDetail = {}) {
    super(detail.publicMessage ?? ERROR_KINDS[code].publicMessage, { cause: detail.cause });
    this.code = code;
    this.detail = detail;
  }

  get kind(): ErrorKind {
    return ERROR_KINDS[this.code];
  }
}

/**
 * The same refusal, about something: `facts` are added. It takes no stack, which would cost more than the refusal itself:
 * for those that are made once because anybody can cause them without end.
 */
export function refusalAbout(refusal: SignetError, facts: NonNullable<ErrorDetail["facts"]>): SignetError {
  const detail = { ...refusal.detail, facts: { ...refusal.detail.facts, ...facts } };
  return Object.create(refusal, { detail: { value: detail, enumerable: true } });
}

/** A configuration that cannot be used: where it stands, what was found, what to do. `signet check` lists all. */
export interface ConfigProblem {
  /** `--listen`, `SIGNET_LISTEN` or `signet.yaml:12 (listen)`. */
  readonly place: string;
  /** What was attempted and found. */
  readonly problem: string;
  /** What is wanted. */
  readonly remedy: string;
}

/** Thrown when starting is refused; carries every problem found, not the first. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map((p) => `${p.place}: ${p.problem}. ${p.remedy}`).join("\n"));
    this.problems = problems;
  }
}
