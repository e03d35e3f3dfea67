// One linear pass over the bytes of a JSON text before it is parsed: depth cap and ambiguous member names.
// Guarantees that no accepted message reads differently in another parser (RFC 8259 §4: names SHOULD be unique).
// It does not validate: what is not JSON is left to `JSON.parse`.
import { SignetError } from "../errors.ts";

export interface ScanLimits {
  /** Deepest nesting of arrays and objects; the outermost is 1. */
  readonly maxDepth: number;
}

const QUOTE = 0x22, COMMA = 0x2c, BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;

/** Names are compared this deep: the message, its `params` and what stands in them (`_meta`, `arguments`). */
const NAMED_DEPTH = 3;
/** Message and params names are compared without case: some servers' parsers match them so. */
const FOLDED_DEPTH = 2;

const decoder = new TextDecoder();

/** Folds like a parser that matches names without case: `ſ` with `s`, the Kelvin sign with `k`. */
function foldName(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/** The name between two quotes; undefined where it is no legal JSON string (the parser will say so). */
function readName(bytes: Uint8Array, start: number, end: number): string | undefined {
  const text = decoder.decode(bytes.subarray(start, end));
  if (!text.includes("\\")) return text;
  try {
    return JSON.parse(`"${text}"`);
  } catch {
    return undefined;
  }
}

/** Where the string that opens before `start` closes; the end of the text if it does not. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return Math.min(at, bytes.length);
}

/** Names seen in the open objects, by depth below the message. */
class OpenNames {
  readonly #seen: (Set<string> | undefined)[] = [];

  open(depth: number): void {
    if (depth <= NAMED_DEPTH) this.#seen[depth] = undefined;
  }

  /** @throws SignetError `invalid_request` if the open object at `depth` has the name already */
  add(depth: number, name: string): void {
    const key = depth <= FOLDED_DEPTH ? foldName(name) : name;
    const seen = this.#seen[depth] ??= new Set();
    if (seen.has(key)) {
      throw new SignetError("invalid_request", {
        publicMessage: "Invalid request: a member name stands twice in one object",
        remedy: "send each member of an object once",
        facts: { depth },
      });
    }
    seen.add(key);
  }
}

/**
 * Checks nesting and member names of a JSON text in one pass.
 * @throws SignetError `invalid_request` when it is nested deeper than `maxDepth` or a name is ambiguous
 */
export function scanJson(bytes: Uint8Array, limits: ScanLimits): void {
  const isObject = new Uint8Array(limits.maxDepth + 1);
  const names = new OpenNames();
  let depth = 0;
  let batchDepth = 0;
  let expectsName = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      const end = endOfString(bytes, at + 1);
      if (expectsName && depth - batchDepth <= NAMED_DEPTH) {
        const name = readName(bytes, at + 1, end);
        if (name !== undefined) names.add(depth - batchDepth, name);
      }
      expectsName = false;
      at = end;
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (depth === limits.maxDepth) throw tooDeep(limits.maxDepth);
      if (depth === 0 && byte === OPEN_ARRAY) batchDepth = 1;
      expectsName = byte === OPEN_OBJECT;
      isObject[++depth] = expectsName ? 1 : 0;
      names.open(depth - batchDepth);
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      if (depth > 0) depth--;
      expectsName = false;
    } else if (byte === COMMA) {
      expectsName = isObject[depth] === 1;
    }
  }
}

function tooDeep(maxDepth: number): SignetError {
  return new SignetError("invalid_request", {
    publicMessage: `Invalid request: JSON is nested deeper than ${maxDepth}`,
    facts: { maxDepth },
  });
}
