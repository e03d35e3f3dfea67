// The field section of a request or response: lines to a FieldList, and the facts that frame the message.
// Strict: RFC 9112 §5 without its concessions (no obs-fold, no bare CR or LF), §6 with one way to frame a body.
import { type ChangingValues, CHUNKED, type FieldList, type Fields, type HttpError } from "../../types.ts";
import { fault, FIELD_SECTION, parseContentLength, type Side, sliceTrimmed } from "../grammar.ts";
import { detachText, fieldValue, tokenList } from "./fields.ts";
import { lowerCaseName } from "./fields_known.ts";

/** What a head may hold. Its size in bytes is bounded by whoever looks for its end. */
export interface HeadLimits {
  /** Most field lines; beyond it 431. */
  readonly maxFields: number;
  /** Longest request target in bytes; beyond it 414. */
  readonly maxTargetLength: number;
  /**
   * Lower-case names of fields that may occur once only and that Connection may not name. Content-Length,
   * Transfer-Encoding, Host and Expect are held to this in any case.
   */
  readonly singletons: ReadonlySet<string>;
  /**
   * Lower-case names of fields that say something else in each message of a connection. They stand beside the others, so
   * that what these mean is found out once. In a request each may occur once only; of others in a response, unless they
   * are {@link singletons}, the first does.
   */
  readonly changing: readonly string[];
  /** See {@link Allowance}. Default: there is none. */
  readonly allowance?: Allowance | undefined;
}

/**
 * What a request may have beyond the bounds on it, since whoever passed it on gave it some that its client did not send:
 * only one that has `field`, which is for the handler to believe or refuse.
 */
export interface Allowance {
  /** Lower-case. */
  readonly field: string;
  /** Of the head, and of the body. */
  readonly headBytes: number;
  readonly bodyBytes: number;
  readonly fields: number;
}

/** What a message with these fields is allowed; undefined where nothing is. */
export function allowanceOf({ allowance }: HeadLimits, fields: Fields): Allowance | undefined {
  return allowance !== undefined && fieldValue(fields, allowance.field) !== undefined ? allowance : undefined;
}

const FRAMING: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"]);
const ALWAYS_SINGLE: ReadonlySet<string> = new Set(["content-length", "expect", "host", "transfer-encoding"]);

/** Nothing that frames, routes or authenticates a message may be said twice: two readers might pick different ones. */
export const DEFAULT_HEAD_LIMITS: HeadLimits = {
  maxFields: 100,
  changing: [],
  maxTargetLength: 8 * 1024,
  singletons: new Set([
    "authorization",
    "content-length",
    "content-type",
    "expect",
    "host",
    "origin",
    "proxy-authorization",
    "transfer-encoding",
  ]),
};

/** The parsed section; `undefined` where a field is absent. */
export interface FieldSection {
  readonly fields: FieldList;
  /** Of the fields that {@link HeadLimits.changing} names, which are not among them. */
  changing: ChangingValues;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  host: string | undefined;
  expect: string | undefined;
  /** All Connection lines as one list. */
  connection: string | undefined;
  /** Its elements, lower-cased. */
  options: readonly string[];
}

/**
 * Parses `text` from `start`, where the first field line begins, to its end, which must be the end of the section.
 * @throws HttpError 400 (`upstream_invalid` for a response), 431 for too many fields
 */
export function parseFieldSection(text: string, start: number, side: Side, limits: HeadLimits): FieldSection {
  FIELD_SECTION.lastIndex = start;
  if (!FIELD_SECTION.test(text) || FIELD_SECTION.lastIndex !== text.length) {
    throw fault(side, "bad_request", explainFieldSection(text, start));
  }
  const fields: FieldList = [];
  const section: FieldSection = {
    fields,
    changing: NONE_CHANGING,
    contentLength: undefined,
    transferEncoding: undefined,
    host: undefined,
    expect: undefined,
    connection: undefined,
    options: NO_OPTIONS,
  };
  const changing: (string | undefined)[] = [];
  let count = 0;
  const mostFields = limits.maxFields + (limits.allowance?.fields ?? 0);
  const end = text.length - 2;
  for (let pos = start; pos < end;) {
    const colon = text.indexOf(":", pos);
    const eol = text.indexOf("\r", colon);
    const name = lowerCaseName(text, pos, colon);
    const value = sliceTrimmed(text, colon + 1, eol);
    if (limits.singletons.has(name) && fieldValue(fields, name) !== undefined) throw repeated(side);
    note(section, name, value, side);
    if (FRAMING.has(name) && text.slice(colon, eol).includes("\t")) {
      // A tab is white space to RFC 9110 §5.6.3, but not to every reader, and then the body has two ends.
      throw fault(side, "bad_request", `found a tab in ${name}`);
    }
    const at = limits.changing.indexOf(name);
    const isFirst = at >= 0 && changing[at] === undefined;
    if (at >= 0 && !isFirst && (side === "request" || limits.singletons.has(name))) throw repeated(side);
    if (isFirst) section.changing = setAt(changing, at, detachText(value));
    else fields.push(name, value);
    if (++count > mostFields) throw tooMany(side, limits);
    pos = eol + 2;
  }
  if (count > limits.maxFields && allowanceOf(limits, fields) === undefined) throw tooMany(side, limits);
  if (section.connection !== undefined) section.options = connectionOptions(section.connection, side, limits);
  return section;
}

function tooMany(side: Side, { maxFields }: HeadLimits): HttpError {
  return fault(side, "head_too_large", `found more than ${maxFields} header fields`);
}

const NONE_CHANGING: ChangingValues = [];

/** Without holes before it. */
function setAt(values: (string | undefined)[], at: number, value: string): ChangingValues {
  while (values.length < at) values.push(undefined);
  values[at] = value;
  return values;
}

/** Keeps what decides about the message itself. */
function note(section: FieldSection, name: string, value: string, side: Side): void {
  switch (name) {
    case "content-length":
      if (section.contentLength !== undefined) throw repeated(side);
      section.contentLength = value;
      break;
    case "transfer-encoding":
      if (section.transferEncoding !== undefined) throw repeated(side);
      section.transferEncoding = value;
      break;
    case "host":
      if (section.host !== undefined) throw repeated(side);
      section.host = value;
      break;
    case "expect":
      if (section.expect !== undefined) throw repeated(side);
      section.expect = value;
      break;
    case "connection":
      section.connection = section.connection === undefined ? value : `${section.connection},${value}`;
  }
}

const NO_OPTIONS: readonly string[] = [];
const KEEP_ALIVE: readonly string[] = ["keep-alive"];
const CLOSE: readonly string[] = ["close"];

/** Connection must be a list of tokens and must not declare a field hop-by-hop that this or the next hop relies on. */
function connectionOptions(connection: string, side: Side, limits: HeadLimits): readonly string[] {
  if (connection === "keep-alive") return KEEP_ALIVE;
  if (connection === "close") return CLOSE;
  const options = tokenList(connection);
  if (options === undefined) throw fault(side, "bad_request", "Connection is not a list of tokens");
  for (const option of options) {
    if (limits.singletons.has(option) || ALWAYS_SINGLE.has(option)) {
      throw fault(side, "bad_request", "Connection names a field that is not for one hop only");
    }
  }
  return options;
}

/**
 * The length of the body that Content-Length and Transfer-Encoding announce, or undefined if neither is there.
 * One way to frame a body: both together, a coding but `chunked`, or a coding in HTTP/1.0 are refused (RFC 9112 §6.1,
 * §6.3). Unknown codings get 501 whatever their order, as a recipient that does not know them cannot tell more.
 * @throws HttpError 400, 413 for a length beyond exact arithmetic, 501
 */
export function announcedLength(section: FieldSection, minorVersion: 0 | 1, side: Side): number | undefined {
  const { contentLength, transferEncoding } = section;
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined) {
      throw fault(side, "bad_request", "found Content-Length and Transfer-Encoding, want one of them");
    }
    if (minorVersion === 0) throw fault(side, "bad_request", "found Transfer-Encoding in an HTTP/1.0 message");
    // Names of codings have no case (§7); nothing else may differ.
    if (transferEncoding === "chunked" || transferEncoding.toLowerCase() === "chunked") return CHUNKED;
    throw refusedCoding(transferEncoding, side);
  }
  if (contentLength === undefined) return undefined;
  const length = parseContentLength(contentLength);
  if (length === -1) throw fault(side, "bad_request", "Content-Length is not one decimal number");
  if (length === Infinity) throw fault(side, "body_too_large", "Content-Length is beyond any limit");
  return length;
}

/** 501 for a list that names a coding we do not have, 400 for what is no list or names `chunked` wrongly. */
function refusedCoding(value: string, side: Side): HttpError {
  const codings = tokenList(value);
  if (codings === undefined || codings.every((coding) => coding === "chunked")) {
    return fault(side, "bad_request", "Transfer-Encoding is not `chunked` and nothing else");
  }
  return fault(side, "coding_unsupported", "found a transfer coding other than chunked");
}

/** Whether the connection outlives the message as far as its head says: RFC 9112 §9.3. */
export function isPersistent(section: FieldSection, minorVersion: 0 | 1): boolean {
  const { options } = section;
  if (options === NO_OPTIONS) return minorVersion === 1;
  return !options.includes("close") && (minorVersion === 1 || options.includes("keep-alive"));
}

function repeated(side: Side): HttpError {
  return fault(side, "bad_request", "a header field that may occur once occurs again");
}

/** Says why the grammar refused a section, for the log; the refusal itself does not depend on it. */
function explainFieldSection(text: string, start: number): string {
  const section = text.slice(start);
  if (/(?:^|[^\r])\n/.test(section)) return "found a bare LF in the header, want CRLF";
  if (/\r(?!\n)/.test(section)) return "found a bare CR in the header, want CRLF";
  if (/(?:^|\n)[ \t]/.test(section)) return "found a folded header line";
  // deno-lint-ignore no-control-regex
  if (/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(section)) return "found a control character in the header";
  if (/\r\n\r\n[^]/.test(section)) return "found bytes after the end of the header";
  return "found a header line that is not `name: value` with a token as its name";
}
