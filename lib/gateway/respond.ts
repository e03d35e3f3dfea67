// The one place where an error becomes a response. A client sees the code's public message and an error id;
// the rest goes to the log under that id. JSON-RPC 2.0 §5.1 for the body, RFC 9110 §15 for the statuses.
import { type BatchError, ERROR_KINDS, type ErrorCode, rpcCodeFor, SignetError } from "../errors.ts";
import { type FieldList, HttpError, type HttpErrorCode, type ResponseStart } from "../http1/types.ts";
import { errorResponse, idText, type RpcId } from "../mcp/messages/json_rpc.ts";
import type { LogFacts, Logger } from "../observe/log.ts";
import { describeError } from "../platform/faults/error_name.ts";
import { DecodingError } from "../upstream/http/decoded.ts";
import { undecodable } from "./out/uncoded.ts";

const FROM_HTTP: Record<HttpErrorCode, ErrorCode> = {
  bad_request: "malformed_http",
  request_timeout: "request_timeout",
  body_too_large: "body_too_large",
  uri_too_long: "uri_too_long",
  head_too_large: "head_too_large",
  coding_unsupported: "coding_unsupported",
  version_unsupported: "http_version_unsupported",
  client_gone: "request_timeout",
  aborted: "internal",
  no_room: "request_limit",
  internal: "internal",
  connect_failed: "upstream_unreachable",
  connect_timeout: "upstream_timeout",
  pool_exhausted: "request_limit",
  upstream_closed: "upstream_unreachable",
  upstream_invalid: "upstream_invalid",
  upstream_timeout: "upstream_timeout",
};

/** What an operator can do about a fault of the upstream. */
const REMEDIES: Partial<Record<HttpErrorCode, string>> = {
  connect_failed: "Start the MCP server, or correct --upstream; a longer --connect-patience bridges its restarts.",
  connect_timeout: "See whether the MCP server's host is reachable, or raise --connect-timeout.",
  no_room: "Too much waits in memory for clients or servers that are slow: raise --max-buffered if there is more.",
  pool_exhausted: "The MCP server is too slow for its load: give it more of everything, or lower --max-in-flight.",
  upstream_closed:
    "The MCP server closed the connection before it had answered: its own log should say why. One that " +
    "speaks TLS alone may do so, too: then write https:// in --upstream.",
  upstream_invalid: "What answers at --upstream does not speak HTTP/1.1 correctly: see whether it is the MCP server.",
  body_too_large: "Raise --max-body, if requests are meant to be that large.",
  head_too_large: "Raise --max-head, if the client's fields are meant to be that large.",
  request_timeout: "The client was too slow: raise --head-timeout or --body-timeout, if it is meant to be.",
  upstream_timeout: "The MCP server did not begin to answer in time: raise --response-timeout, or set it to 0.",
};

/** What the words of a fault tell: above all that one side spoke TLS and the other did not, by its first bytes. */
const REMEDIES_BY_WORDS: readonly (readonly [RegExp, string])[] = [
  [
    /^bad_request .*TLS/,
    "A client speaks https to a port that speaks http: write http:// in the client, or add --tls-cert and --tls-key.",
  ],
  [
    /^connect_failed .*(corrupt message|InvalidContentType|wrong version number|WRONG_VERSION|packet length|unknown protocol)/i,
    "What answers there speaks no TLS: write http:// in --upstream, or name its https port.",
  ],
  [/^upstream_invalid .*TLS/, "What answers there speaks TLS: write https:// in --upstream, or name its http port."],
  [
    /^connect_failed .*its certificate is of no authority/,
    "If it is the MCP server's, name the certificate of its authority with --upstream-ca.",
  ],
  [
    /^connect_failed .*its certificate has expired/,
    "Renew the MCP server's certificate, or see whether the clocks of both machines are right.",
  ],
  [/^connect_failed .*its certificate is for another name/, "Write the name that it is for in --upstream."],
  [
    /^connect_failed .*(ENOTFOUND|EAI_AGAIN|lookup address|name resolution)/,
    "The name does not resolve here: correct it in --upstream, or see whether this machine's resolver answers.",
  ],
];

function saidBy(error: HttpError): string {
  const { cause } = error;
  return `${error.code} ${error.message} ${cause instanceof Error ? cause.message : ""}`;
}

/** A 5xx by its number, but nothing an operator could mend: no client may fill the log with it. */
const OF_THE_CLIENT: ReadonlySet<ErrorCode> = new Set(["coding_unsupported", "http_version_unsupported"]);

/** Any thrown thing as a SignetError; what is not ours becomes `internal` with the original as cause. */
export function toSignetError(error: unknown): SignetError {
  if (error instanceof SignetError) return error;
  if (error instanceof HttpError) {
    const remedy = REMEDIES_BY_WORDS.find(([fault]) => fault.test(saidBy(error)))?.[1] ?? REMEDIES[error.code];
    return new SignetError(FROM_HTTP[error.code], {
      facts: { http: error.code },
      ...(remedy === undefined ? {} : { remedy }),
      cause: error,
    });
  }
  return error instanceof DecodingError ? undecodable(error) : new SignetError("internal", { cause: error });
}

export interface ErrorResponse {
  readonly start: ResponseStart;
  readonly body: Uint8Array<ArrayBuffer>;
  /** What the client was given to name in a report, and the log has. */
  readonly errorId: string;
}

export interface ErrorContext {
  /** The JSON-RPC id being answered; null where it is not known. */
  readonly rpcId?: RpcId | null;
  /** Whether a stateless client is told: see `rpcCodeFor`. */
  readonly isStateless?: boolean;
  /** Fields to add: CORS. */
  readonly fields?: FieldList;
  /** For the log: what is known of the request. What the error says itself counts more. */
  readonly facts?: ErrorFacts;
}

/** See `refusal_facts.ts`. */
export type ErrorFacts = LogFacts & { readonly remedy?: string };

/** How errors are shown: injected so that ids are predictable in tests. */
export interface ErrorOptions {
  readonly log: Logger;
  /** A short random text that ties a client's report to a log line. */
  readonly errorId: () => string;
  /** L2's compatibility switch: the status for a session that does not open. */
  readonly lostSessionStatus: number;
}

/** Turns errors into responses and log lines. */
export class ErrorResponder {
  readonly #options: ErrorOptions;

  constructor(options: ErrorOptions) {
    this.#options = options;
  }

  /** The response for `error`, which is logged once, here. */
  respond(error: unknown, context: ErrorContext = {}): ErrorResponse {
    const signetError = toSignetError(error);
    const errorId = this.#options.errorId();
    const { detail, code } = signetError;
    const kind = ERROR_KINDS[code];
    const data = { ...detail.data, errorId };
    const isResult = isToolResult(signetError, context.rpcId);
    const body = isResult
      ? toolResult(context.rpcId!, signetError.message, { ...detail.asToolResult, _meta: { errorId } })
      : detail.batch === undefined
      ? errorResponse(context.rpcId ?? null, rpcCodeFor(kind, context.isStateless === true), signetError.message, data)
      : batchOfErrors(detail.batch, errorId);
    const fields: FieldList = ["content-type", "application/json", "cache-control", "no-store"];
    if (detail.retryAfterS !== undefined) fields.push("retry-after", String(detail.retryAfterS));
    if (detail.challenge !== undefined) fields.push("www-authenticate", detail.challenge);
    if (detail.allow !== undefined) fields.push("allow", detail.allow);
    if (detail.fields !== undefined) fields.push(...detail.fields);
    if (context.fields) fields.push(...context.fields);
    const status = isResult ? 200 : detail.status ?? this.#statusOf(signetError);
    this.#log(signetError, context.facts, { status, errorId });
    return { start: { status, fields }, body, errorId };
  }

  /** A line for a refusal that has been answered in words of its own. */
  tell(error: SignetError, facts: ErrorFacts): void {
    this.#log(error, facts);
  }

  /** A line for an error that no answer can carry any more. What the client did by leaving is no refusal. */
  note(error: unknown, facts: ErrorFacts): void {
    const signetError = toSignetError(error);
    if (isLeaving(signetError)) return;
    this.#log(signetError, { answered: "in part", ...facts });
  }

  #statusOf({ code, kind }: SignetError): number {
    return code === "session_not_found" ? this.#options.lostSessionStatus : kind.status;
  }

  /** Every refusal shows at the default level; how many of a kind is the budget's business (`log_budget.ts`). */
  #log(
    error: SignetError,
    known: ErrorFacts = {},
    answered: { readonly status: number; readonly errorId?: string } = { status: error.kind.status },
  ): void {
    const { cause } = error.detail;
    const facts = {
      code: error.code,
      ...answered,
      ...known,
      ...error.detail.facts,
      remedy: error.detail.remedy ?? known.remedy,
      cause: cause instanceof Error ? describeError(cause) : undefined,
    };
    if (error.code === "internal") {
      this.#options.log.error("request failed", { ...facts, stack: cause instanceof Error ? cause.stack : undefined });
    } else if (error.kind.status >= 500 && !OF_THE_CLIENT.has(error.code)) {
      this.#options.log.warn("request failed", facts);
    } else this.#options.log.info("request refused", facts);
  }
}

/** Whether it is told as the result of the tool that was called. */
export function isToolResult({ detail }: SignetError, rpcId: RpcId | null | undefined): boolean {
  return detail.asToolResult !== undefined && rpcId !== undefined && rpcId !== null;
}

function toolResult(id: RpcId, text: string, members: Readonly<Record<string, unknown>>): Uint8Array<ArrayBuffer> {
  const result = { ...members, content: [{ type: "text", text }], isError: true };
  return new TextEncoder().encode(`{"jsonrpc":"2.0","id":${idText(id)},"result":${JSON.stringify(result)}}`);
}

function batchOfErrors(errors: readonly BatchError[], errorId: string): Uint8Array<ArrayBuffer> {
  const texts = errors.map(({ id, rpcCode: code, message }) =>
    `{"jsonrpc":"2.0","id":${idText(id)},"error":${JSON.stringify({ code, message, data: { errorId } })}}`
  );
  return new TextEncoder().encode(`[${texts.join(",")}]`);
}

function isLeaving({ detail: { facts = {} } }: SignetError): boolean {
  return facts.outcome === "client_gone" || facts.http === "client_gone" || facts.http === "aborted";
}
