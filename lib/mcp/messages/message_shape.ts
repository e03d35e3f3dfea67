// What one scanned message is, told from its bytes: a request, a notification, a response, or what is wrong with it. The one
// rule for bodies, in both lanes, warm or cold (P5); it makes nothing of what it accepts. What Signet reads of a message is
// bounded here, in bytes (M6).
import { Buffer } from "node:buffer";
import { SignetError } from "../../errors.ts";
import { parseJson } from "../../platform/json.ts";
import type { JsonScanner } from "../scan/json_scan.ts";
import { ERROR, MESSAGE, slotOf, SLOTS } from "../scan/message_members.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
// What stands in a few bytes as text, without a view of them: to make one takes longer than to read it.
const utf8Slice = (Buffer.prototype as unknown as {
  utf8Slice(this: Uint8Array, start: number, end: number): string;
}).utf8Slice;

const QUOTE = 0x22, MINUS = 0x2d, SMALL_N = 0x6e, OPEN_OBJECT = 0x7b;

const JSONRPC = slotOf(MESSAGE, "jsonrpc");
export const ID: number = slotOf(MESSAGE, "id"), METHOD: number = slotOf(MESSAGE, "method");
export const RESULT_MEMBER: number = slotOf(MESSAGE, "result"), PARAMS_MEMBER: number = slotOf(MESSAGE, "params");
const ERROR_MEMBER = slotOf(MESSAGE, "error");
const CODE = slotOf(ERROR, "code"), WORDS = slotOf(ERROR, "message");

const VERSION = encoder.encode('"2.0"');

export function invalid(found: string): SignetError {
  return new SignetError("invalid_request", { publicMessage: `Invalid request: ${found}` });
}

/** A text with its deciding members found. */
export interface Scanned {
  readonly bytes: Uint8Array;
  readonly scan: JsonScanner;
  /** Bytes of the text. */
  readonly length: number;
}

export function has({ scan }: Scanned, slot: number): boolean {
  return scan.starts[slot]! >= 0;
}

export function firstByte({ bytes, scan }: Scanned, slot: number): number | undefined {
  return bytes[scan.starts[slot]!];
}

/** Whether the value of `slot` is this string, however it is spelt. */
export function isText(scanned: Scanned, slot: number, wanted: Uint8Array): boolean {
  const { bytes, scan } = scanned;
  const start = scan.starts[slot]!, length = scan.ends[slot]! - start;
  if (length < wanted.length) return false;
  if (length === wanted.length) {
    for (let i = 0; i < length; i++) if (bytes[start + i] !== wanted[i]) return false;
    return true;
  }
  // Longer, so only with escapes; each takes six characters for one.
  if (length > wanted.length * 6 || bytes[start] !== QUOTE) return false;
  return valueOf(scanned, slot) === parseJson(decoder.decode(wanted));
}

/** The value of `slot`, which is there and bounded. */
export function valueOf({ bytes, scan }: Scanned, slot: number): unknown {
  return parseJson(utf8Slice.call(bytes, scan.starts[slot]!, scan.ends[slot]!));
}

/** Ids of 64 bits, signed or not: what the widest of servers can hold. */
const LEAST_ID = -(2n ** 63n), GREATEST_ID = 2n ** 64n - 1n;

/** An id out of its bytes; undefined if it is neither text nor an integer, or one of more than 64 bits. */
export function idOf(scanned: Scanned, slot = ID): string | number | bigint | undefined {
  const { bytes, scan } = scanned;
  const start = scan.starts[slot]!, end = scan.ends[slot]!;
  const first = bytes[start]!;
  if (first === QUOTE) return valueOf(scanned, slot) as string;
  if (first !== MINUS && (first < 0x30 || first > 0x39)) return undefined;
  let value = 0;
  for (let at = first === MINUS ? start + 1 : start; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return integerOf(valueOf(scanned, slot)); // 1.0 and 1e0 are integers too
    value = value * 10 + digit;
  }
  if (value <= Number.MAX_SAFE_INTEGER) return first === MINUS ? 0 - value : value;
  if (end - start > 20) return undefined;
  const exact = BigInt(decoder.decode(bytes.subarray(start, end)));
  return exact >= LEAST_ID && exact <= GREATEST_ID ? exact : undefined;
}

function integerOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? value as number : undefined;
}

/** What is bounded, by its bound: in a short text few can be beyond theirs. */
const BOUNDED: readonly number[] = [...SLOTS.keys()].filter((slot) => SLOTS[slot]!.maxBytes > 0)
  .sort((a, b) => SLOTS[a]!.maxBytes - SLOTS[b]!.maxBytes);

/** A member that is longer than what is read of it may be. */
function oversized(scanned: Scanned): SignetError | undefined {
  const { scan, length } = scanned;
  for (let i = 0; i < BOUNDED.length; i++) {
    const slot = BOUNDED[i]!;
    const { maxBytes, name, only } = SLOTS[slot]!;
    if (maxBytes >= length) return undefined;
    const start = scan.starts[slot]!;
    if (start < 0 || scan.ends[slot]! - start <= maxBytes) continue;
    if (only !== undefined && !(has(scanned, METHOD) && isText(scanned, METHOD, encoder.encode(`"${only}"`)))) continue;
    return new SignetError("invalid_request", {
      publicMessage: `Invalid request: ${name} is longer than ${maxBytes} bytes`,
      remedy: "Send a shorter one.",
      facts: { member: name, bytes: scan.ends[slot]! - start, maxBytes },
    });
  }
  return undefined;
}

export type Shape = "request" | "notification" | "response";

function shapeOfCall(scanned: Scanned): Shape | SignetError {
  if (firstByte(scanned, METHOD) !== QUOTE || scanned.scan.ends[METHOD]! - scanned.scan.starts[METHOD]! < 3) {
    return invalid("method must be a non-empty string");
  }
  if (has(scanned, RESULT_MEMBER) || has(scanned, ERROR_MEMBER)) {
    return invalid("a message with a method has neither result nor error");
  }
  // Nothing in a JSON text but `null` begins with an n, and `null` is as good as no params to most servers.
  const params = has(scanned, PARAMS_MEMBER) ? firstByte(scanned, PARAMS_MEMBER) : OPEN_OBJECT;
  if (params !== OPEN_OBJECT && params !== SMALL_N) return invalid("params must be an object");
  if (!has(scanned, ID)) return "notification";
  return idOf(scanned) === undefined ? invalid("id must be a string or an integer of 64 bits") : "request";
}

/** Whether `error` has what one needs; of another kind it has no members. */
function isError(scanned: Scanned): boolean {
  if (!has(scanned, CODE) || !has(scanned, WORDS) || firstByte(scanned, WORDS) !== QUOTE) return false;
  return typeof idOf(scanned, CODE) === "number";
}

function shapeOfResponse(scanned: Scanned): Shape | SignetError {
  const hasResult = has(scanned, RESULT_MEMBER);
  if (hasResult === has(scanned, ERROR_MEMBER)) {
    return invalid("a message has a method, or exactly one of result and error");
  }
  if (hasResult && firstByte(scanned, RESULT_MEMBER) !== OPEN_OBJECT) return invalid("result must be an object");
  if (!hasResult && !isError(scanned)) {
    return invalid("error must be an object with an integer code and a message");
  }
  const isNull = !has(scanned, ID) || firstByte(scanned, ID) === SMALL_N;
  if (isNull ? !hasResult : idOf(scanned) !== undefined) return "response";
  return invalid(
    hasResult ? "id must be a string or an integer of 64 bits" : "id must be a string, an integer of 64 bits or null",
  );
}

/** What one message is, or why it is none: the rule, in both lanes. Makes nothing of what is accepted. */
export function shapeOf(scanned: Scanned): Shape | SignetError {
  if (!scanned.scan.isObject) return invalid("a message must be an object");
  const tooLong = oversized(scanned);
  if (tooLong !== undefined) return tooLong;
  if (!has(scanned, JSONRPC) || !isText(scanned, JSONRPC, VERSION)) return invalid('jsonrpc must be "2.0"');
  return has(scanned, METHOD) ? shapeOfCall(scanned) : shapeOfResponse(scanned);
}
