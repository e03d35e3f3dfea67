// Request and response heads: latin1 text to a typed head. RFC 9112 §2–§4, §6, §9.3; RFC 9110 §7.2, §10.1.1.
// Strict: whatever two readers could understand differently is refused, so what is accepted has one meaning.
import {
  type ChangingValues,
  type Fields,
  type HeadNotes,
  HttpError,
  type RequestHead,
  type ResponseHead,
  UNTIL_CLOSE,
} from "../../types.ts";
import { fieldValue } from "../fields/fields.ts";
import {
  announcedLength,
  type FieldSection,
  type HeadLimits,
  isPersistent,
  parseFieldSection,
} from "../fields/fields_parse.ts";
import { fault, isAuthority, isTarget, TOKEN_CHAR } from "../grammar.ts";

/** Longest method taken; the longest one registered has 17 letters. */
const MAX_METHOD_LENGTH = 32;
/**
 * What a method is compared with is a constant: one that is the very same text is known by its address, which takes a
 * tenth of comparing letters.
 */
const USUAL_METHODS: ReadonlyMap<string, string> = new Map([["POST", "POST"], ["GET", "GET"], ["DELETE", "DELETE"]]);

interface RequestLine {
  readonly method: string;
  readonly target: string;
  readonly minorVersion: 0 | 1;
  /** Where the field section starts. */
  readonly end: number;
}

/**
 * Parses a request head.
 * @param text the head as latin1, from the first byte of the request line to the CRLF CRLF that ends it, inclusive
 * @throws HttpError `bad_request`, `uri_too_long`, `head_too_large`, `body_too_large`, `coding_unsupported` (also for
 *   CONNECT, which is not implemented) or `version_unsupported`
 */
export function parseRequestHead(text: string, limits: HeadLimits): RequestHead {
  const line = parseRequestLine(text, limits);
  const { method, minorVersion } = line;
  const section = parseFieldSection(text, line.end, "request", limits);
  if (minorVersion === 1 && section.host === undefined) throw bad("Host is missing");
  if (section.host !== undefined && !isAuthority(section.host)) throw bad("Host is not `name` or `name:port`");
  let target = line.target;
  let host = section.host ?? "";
  if (target.charCodeAt(0) !== SLASH) {
    const absolute = parseOtherForm(line, section);
    target = absolute.target;
    host = section.host ?? absolute.authority;
  }
  const mark = target.indexOf("?");
  const bodyLength = announcedLength(section, minorVersion, "request") ?? 0;
  return {
    method,
    target,
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? "" : target.slice(mark),
    minorVersion,
    fields: section.fields,
    changing: section.changing,
    host,
    bodyLength,
    keepAlive: isPersistent(section, minorVersion),
    expectsContinue: expectsContinue(section, minorVersion) && bodyLength !== 0,
    notes: undefined,
  };
}

/** What may be another in a head that means the same in all else. */
export interface Variation {
  readonly fields: Fields;
  readonly bodyLength: number;
  readonly changing: ChangingValues;
  readonly notes: HeadNotes;
}

// Written out, both: to copy an object whose members are not named takes five times as long.

/** `head` with another length, other changing fields and the notes of all such. */
export function varyRequest(head: RequestHead, { fields, bodyLength, changing, notes }: Variation): RequestHead {
  const { method, target, path, query, minorVersion, host, keepAlive, expectsContinue } = head;
  return {
    method,
    target,
    path,
    query,
    minorVersion,
    fields,
    changing,
    host,
    bodyLength,
    keepAlive,
    expectsContinue,
    notes,
  };
}

/** The same of a response. */
export function varyResponse(head: ResponseHead, { fields, bodyLength, changing, notes }: Variation): ResponseHead {
  const { status, reason, minorVersion, keepAlive, keepAliveSeconds } = head;
  return { status, reason, minorVersion, fields, changing, bodyLength, keepAlive, keepAliveSeconds, notes };
}

/** Of an answer that has come from no wire. @param bodyLength as of {@link ResponseHead} */
export function madeHead(status: number, fields: Fields, bodyLength: number): ResponseHead {
  return {
    status,
    reason: "",
    minorVersion: 1,
    fields,
    changing: undefined,
    bodyLength,
    keepAlive: true,
    keepAliveSeconds: undefined,
    notes: undefined,
  };
}

const SLASH = 0x2f;

/** RFC 9112 §3: exactly one space between the parts, a known version at the end. */
function parseRequestLine(text: string, limits: HeadLimits): RequestLine {
  const eol = text.indexOf("\r\n");
  const space = text.indexOf(" ");
  if (space < 1 || space > MAX_METHOD_LENGTH || space > eol) throw bad("the request line does not start with a method");
  for (let i = 0; i < space; i++) {
    const code = text.charCodeAt(i);
    // A lower-case method is another method than GET or POST (RFC 9110 §9.1), but not to every reader.
    if (TOKEN_CHAR[code] !== 1 || (code >= 0x61 && code <= 0x7a)) throw bad("the method is not an upper-case token");
  }
  const targetEnd = text.indexOf(" ", space + 1);
  if (targetEnd < 0 || targetEnd > eol) {
    if (eol - space > limits.maxTargetLength) throw tooLong(limits);
    throw bad("the request line has no HTTP version");
  }
  const minorVersion = parseVersion(text, targetEnd + 1, eol);
  if (targetEnd - space - 1 > limits.maxTargetLength) throw tooLong(limits);
  const target = text.slice(space + 1, targetEnd);
  if (!isTarget(target)) throw bad("the request target has a character that may not stand in it");
  const method = text.slice(0, space);
  return { method: USUAL_METHODS.get(method) ?? method, target, minorVersion, end: eol + 2 };
}

/** RFC 9112 §2.3. Versions that are well-formed but neither 1.0 nor 1.1 get 505, the HTTP/2 preface among them. */
function parseVersion(text: string, start: number, end: number): 0 | 1 {
  if (end - start === 8) {
    if (text.startsWith("HTTP/1.1", start)) return 1;
    if (text.startsWith("HTTP/1.0", start)) return 0;
    if (/^HTTP\/[0-9]\.[0-9]$/.test(text.slice(start, end))) {
      throw fault("request", "version_unsupported", "found an HTTP version other than 1.0 and 1.1");
    }
  }
  throw bad("the request line does not end with `HTTP/1.1`");
}

/**
 * Targets other than origin-form (RFC 9112 §3.2). Absolute-form becomes origin-form; its authority must be that of
 * Host, though §3.2.2 lets it win silently: a request that names two hosts is refused.
 */
function parseOtherForm(line: RequestLine, section: FieldSection): { target: string; authority: string } {
  const { method, target } = line;
  if (method === "CONNECT") throw fault("request", "coding_unsupported", "found CONNECT, which is not implemented");
  if (target === "*") {
    if (method !== "OPTIONS") throw bad("the target `*` is for OPTIONS only");
    return { target, authority: "" };
  }
  const parts = /^https?:\/\/([^/?]*)([^?]*)(\??.*)$/i.exec(target);
  if (parts === null) throw bad("the request target is neither a path nor an http URL");
  const [, authority = "", path = "", query = ""] = parts;
  if (!isAuthority(authority)) throw bad("the authority of the request target is not `name` or `name:port`");
  if (section.host !== undefined && section.host.toLowerCase() !== authority.toLowerCase()) {
    throw bad("the request target and Host name different authorities");
  }
  // §3.2.4: OPTIONS for a URL without a path is OPTIONS for the server itself.
  if (method === "OPTIONS" && path === "" && query === "") return { target: "*", authority };
  return { target: (path === "" ? "/" : path) + query, authority };
}

/** RFC 9110 §10.1.1. The one expectation there is; in HTTP/1.0 it must be ignored. */
function expectsContinue(section: FieldSection, minorVersion: 0 | 1): boolean {
  if (section.expect === undefined) return false;
  if (section.expect.toLowerCase() !== "100-continue") throw bad("Expect is not `100-continue`");
  return minorVersion === 1;
}

/**
 * Parses a response head. `bodyLength` follows RFC 9112 §6.3 for the method asked with.
 * @param text as for {@link parseRequestHead}, from the status line on
 * @throws HttpError `upstream_invalid`
 */
export function parseResponseHead(text: string, requestMethod: string, limits: HeadLimits): ResponseHead {
  // HTTP-version SP 3DIGIT SP reason; the second space is left out by some servers that have no reason to give.
  STATUS_LINE.lastIndex = 0;
  const parts = STATUS_LINE.exec(text);
  if (parts === null) throw invalid("the status line is not `HTTP/1.x`, a status from 100 to 599 and a reason");
  const minorVersion = parts[1] === "1" ? 1 : 0;
  const status = Number(parts[2]);
  if (status === 101) throw invalid("found 101, which was not asked for");
  const section = parseFieldSection(text, STATUS_LINE.lastIndex, "response", limits);
  const announced = announcedLength(section, minorVersion, "response");
  const bodiless = status < 200 || status === 204 || status === 304 || requestMethod === "HEAD";
  // Where no body may be announced at all, one that is announced may follow all the same: the next byte of this
  // connection cannot be trusted to start a response (RFC 9110 §8.6, RFC 9112 §6.1).
  const contradicts = (status < 200 || status === 204) && announced !== undefined && announced !== 0;
  if (contradicts && status < 200) throw invalid("an interim response announces a body");
  const bodyLength = bodiless ? 0 : announced ?? UNTIL_CLOSE;
  const keepAliveSeconds = keepAliveTime(section.fields);
  return {
    status,
    reason: parts[3] ?? "",
    minorVersion,
    fields: section.fields,
    changing: section.changing,
    bodyLength,
    keepAlive: bodyLength !== UNTIL_CLOSE && !contradicts && isPersistent(section, minorVersion),
    keepAliveSeconds,
    notes: undefined,
  };
}

/** The time-out of a Keep-Alive field, which is no standard's but many a server's. */
function keepAliveTime(fields: Fields): number | undefined {
  const timeout = /(?:^|[\s,;])timeout\s*=\s*"?([0-9]{1,9})/i.exec(fieldValue(fields, "keep-alive") ?? "");
  return timeout === null ? undefined : Number(timeout[1]);
}

const STATUS_LINE = /HTTP\/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?\r\n/y;

function bad(found: string): HttpError {
  return fault("request", "bad_request", found);
}

function invalid(found: string): HttpError {
  return fault("response", "bad_request", found);
}

function tooLong(limits: HeadLimits): HttpError {
  return fault("request", "uri_too_long", `found a target of more than ${limits.maxTargetLength} bytes`);
}
