// What `JSON.parse` does not tell: how deep a text is nested, and whether a member name stands twice in one object.
// Guarantees that no accepted message reads differently in another parser (RFC 8259 §4: names SHOULD be unique), in
// time linear in the bytes. It does not validate: what is not JSON is left to `JSON.parse`.
import { SignetError } from "../errors.ts";

export interface ScanLimits {
  /** Deepest nesting of arrays and objects; the outermost is 1. */
  readonly maxDepth: number;
}

const QUOTE = 0x22, COMMA = 0x2c, BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;

/** Names matter this deep: the message, its `params` and what stands in them (`_meta`, `arguments`). */
const NAMED_DEPTH = 3;
/** Decisive names stand in the message and in its `params`. */
const FOLDED_DEPTH = 2;

/** Where the string that opens before `start` closes; the end of the text if it does not. */
function endOfString(bytes: Uint8Array, start: number): number {
  for (let quote = bytes.indexOf(QUOTE, start); quote >= 0; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let escapes = quote;
    while (escapes > start && bytes[escapes - 1] === BACKSLASH) escapes--;
    if ((quote - escapes) % 2 === 0) return quote;
  }
  return bytes.length;
}

/**
 * Checks the nesting of a JSON text and counts the member names down to the depth where they matter, a name as often as
 * it stands there; see {@link assertUnambiguous}.
 * @throws SignetError `invalid_request` when it is nested deeper than `maxDepth`
 */
export function scanJson(bytes: Uint8Array, limits: ScanLimits): number {
  const isObject = new Uint8Array(limits.maxDepth + 1);
  let depth = 0;
  let names = 0;
  let namedDepth = NAMED_DEPTH;
  let expectsName = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      if (expectsName && depth <= namedDepth) names++;
      expectsName = false;
      at = endOfString(bytes, at + 1);
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (depth === limits.maxDepth) throw tooDeep(limits.maxDepth);
      if (depth === 0 && byte === OPEN_ARRAY) namedDepth++; // a batch: its messages stand one deeper
      expectsName = byte === OPEN_OBJECT;
      isObject[++depth] = expectsName ? 1 : 0;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      if (depth > 0) depth--;
      expectsName = false;
    } else if (byte === COMMA) {
      expectsName = isObject[depth] === 1;
    }
  }
  return names;
}

/** Names that decide what a message is and whom it concerns, by their folded form. */
const DECISIVE = new Map(
  ["jsonrpc", "id", "method", "params", "result", "error", "name", "uri", "taskId", "requestId", "_meta"].map(
    (name) => [foldName(name), name],
  ),
);

/** Folds like a parser that matches names without case: `ſ` with `s`, the Kelvin sign with `k`. */
function foldName(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/** Whether `name` is a decisive one but for its case, beside that one: some servers' parsers take the later of the two. */
function hasTwin(object: object, name: string): boolean {
  const decisive = DECISIVE.get(foldName(name));
  return decisive !== undefined && decisive !== name && Object.hasOwn(object, decisive);
}

/** The names that are left after parsing, where the last of equal ones wins; NaN if two differ in case only. */
function countNames(value: unknown, depth: number): number {
  if (depth > NAMED_DEPTH || typeof value !== "object" || value === null) return 0;
  if (Array.isArray(value)) return value.reduce<number>((sum, member) => sum + countNames(member, depth + 1), 0);
  const names = Object.keys(value);
  let count = names.length;
  for (const name of names) {
    if (depth <= FOLDED_DEPTH && hasTwin(value, name)) return NaN;
    count += countNames((value as Record<string, unknown>)[name], depth + 1);
  }
  return count;
}

/**
 * Compares a parsed text with the number of names that stand in it: fewer are left where one stood twice.
 * @throws SignetError `invalid_request` if a name is ambiguous
 */
export function assertUnambiguous(value: unknown, names: number): void {
  const messages = Array.isArray(value) ? value : [value];
  if (messages.reduce<number>((sum, message) => sum + countNames(message, 1), 0) === names) return;
  throw new SignetError("invalid_request", {
    publicMessage: "Invalid request: a member name stands twice in one object",
    remedy: "send each member of an object once",
  });
}

function tooDeep(maxDepth: number): SignetError {
  return new SignetError("invalid_request", {
    publicMessage: `Invalid request: JSON is nested deeper than ${maxDepth}`,
    facts: { maxDepth },
  });
}
