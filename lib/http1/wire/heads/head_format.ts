// Heads as they are sent. Guarantees that nothing but the fields given and the engine's own framing gets on the wire:
// names are tokens, no value holds CR, LF, NUL or a character beyond latin1. RFC 9112 §2–§4, §6; RFC 9110 §5.5.
import { CHUNKED, type Fields, type ResponseStart, UNTIL_CLOSE } from "../../types.ts";
import { isHopByHop } from "../fields/fields.ts";
import { isCommonName } from "../fields/fields_known.ts";
import { isFieldValue, isLowerCaseName, isTarget, isToken } from "../grammar.ts";

/** How a response travels on this connection. */
export interface ResponseFraming {
  /** ≥ 0, CHUNKED, UNTIL_CLOSE, or undefined for a response that has no body by its status. */
  readonly bodyLength: number | undefined;
  /** Whether the connection ends after it. */
  readonly close: boolean;
  /** The version of the request. */
  readonly minorVersion: 0 | 1;
}

/**
 * A request head, ready to be encoded as latin1.
 * @param bodyLength ≥ 0, CHUNKED, or undefined for a request without a body
 * @throws TypeError if a part cannot be sent as it is, or `fields` hold one of the engine's own
 */
export function formatRequestHead(
  method: string,
  target: string,
  fields: Fields,
  bodyLength: number | undefined,
): string {
  if (!isToken(method)) throw new TypeError("sending a request: found a method that is no token");
  if (!isTarget(target)) throw new TypeError("sending a request: found a forbidden character in its target");
  if (bodyLength === UNTIL_CLOSE) {
    throw new TypeError("sending a request: found a body of no length, want one of a length or chunked");
  }
  return `${method} ${target} HTTP/1.1\r\n${formatFields(fields)}${formatLength(bodyLength)}\r\n`;
}

/**
 * A response head, ready to be encoded as latin1.
 * @throws TypeError if a part cannot be sent as it is, if `fields` hold one of the engine's own, or if the framing
 *   does not go with the status or the version
 */
export function formatResponseHead(start: ResponseStart, framing: ResponseFraming): string {
  const { status } = start;
  const reason = start.reason ?? REASONS[status] ?? "";
  if (!Number.isInteger(status) || status < 100 || status > 599) {
    throw new TypeError(`sending a response: found status ${status}, want one from 100 to 599`);
  }
  if (!isFieldValue(reason)) throw new TypeError("sending a response: found a forbidden character in its reason");
  checkFraming(status, framing);
  const bodiless = status < 200 || status === 204 || status === 304;
  const length = bodiless ? "" : formatLength(framing.bodyLength);
  return `HTTP/1.1 ${status} ${reason}\r\n${formatFields(start.fields)}${length}${formatConnection(framing)}\r\n`;
}

function checkFraming(status: number, framing: ResponseFraming): void {
  const { bodyLength, close, minorVersion } = framing;
  if (bodyLength === CHUNKED && minorVersion === 0) {
    throw new TypeError("sending a response: found a chunked body for HTTP/1.0, which has none");
  }
  if (bodyLength === UNTIL_CLOSE && !close) {
    throw new TypeError(
      "sending a response: found a body without a length on a connection that stays, want one that closes",
    );
  }
  if (bodyLength !== undefined && bodyLength !== 0 && (status < 200 || status === 204 || status === 304)) {
    throw new TypeError(`sending a response: found a body for status ${status}, which has none`);
  }
}

/** Their lines. @throws TypeError if one cannot be sent as it is, or is the engine's own */
export function formatFields(fields: Fields): string {
  let lines = "";
  requireSendable(fields);
  for (let i = 0; i < fields.length; i += 2) lines += fields[i]! + ": " + fields[i + 1]! + "\r\n";
  return lines;
}

/** @throws TypeError if one cannot be sent as it is, or is the engine's own */
export function requireSendable(fields: Fields): void {
  let hosts = 0;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1];
    if (name === "host" && ++hosts > 1) throw new TypeError("sending fields: found host twice, want it once");
    if (!isCommonName(name) || isHopByHop(name)) checkName(name);
    if (value === undefined || !isFieldValue(value)) {
      throw new TypeError(`sending fields: found a forbidden character in the value of ${name}`);
    }
  }
}

function checkName(name: string): void {
  if (isHopByHop(name)) throw new TypeError(`sending fields: found ${name}, which the engine writes itself`);
  if (!isLowerCaseName(name)) throw new TypeError("sending fields: found a name that is no lower-case token");
}

function formatLength(bodyLength: number | undefined): string {
  if (bodyLength === undefined || bodyLength === UNTIL_CLOSE) return "";
  if (bodyLength === CHUNKED) return "transfer-encoding: chunked\r\n";
  if (!Number.isSafeInteger(bodyLength) || bodyLength < 0) {
    throw new TypeError(`sending a body: found a length of ${bodyLength} bytes`);
  }
  return `content-length: ${bodyLength}\r\n`;
}

/** RFC 9112 §9.3: HTTP/1.1 persists unless told otherwise, HTTP/1.0 only when told so. */
function formatConnection(framing: ResponseFraming): string {
  if (framing.close) return "connection: close\r\n";
  return framing.minorVersion === 0 ? "connection: keep-alive\r\n" : "";
}

/** Reason phrases of the statuses in use (RFC 9110 §15, RFC 6585); a reason may be empty, so the rest have none. */
const REASONS: Readonly<Record<number, string>> = {
  100: "Continue",
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  206: "Partial Content",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  417: "Expectation Failed",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};
