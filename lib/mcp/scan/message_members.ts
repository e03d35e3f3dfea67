// The members of a message that decide what it is, whom it concerns and what Signet does with it: a closed list. All other
// members cross as they are, whatever they hold. Names are compared as they stand in the bytes, without making strings,
// so that a text of nothing but names costs no more than any other of its length.

import { hexDigit } from "./json_tokens.ts";

export const NO_SCOPE = 0, MESSAGE = 1, PARAMS = 2, META = 3, RESULT = 4, ERROR = 5, REF = 6;

/** Where a deciding member stands, and what of it is read. */
interface Slot {
  readonly scope: number;
  readonly name: string;
  /** The scope of its own members. */
  readonly opens: number;
  /** Longest text of its value, in bytes; 0 where the value itself is not read, so that it may be of any length. */
  readonly maxBytes: number;
  /** The one method to which it means something; undefined if to any. */
  readonly only?: string;
}

const KiB = 1024;

/** Every deciding member has a number: its place in this list. What is read of a message is bounded in bytes (M6). */
export const SLOTS: readonly Slot[] = [
  { scope: MESSAGE, name: "jsonrpc", opens: NO_SCOPE, maxBytes: 64 },
  { scope: MESSAGE, name: "id", opens: NO_SCOPE, maxBytes: 4 * KiB },
  { scope: MESSAGE, name: "method", opens: NO_SCOPE, maxBytes: KiB },
  { scope: MESSAGE, name: "params", opens: PARAMS, maxBytes: 0 },
  { scope: MESSAGE, name: "result", opens: RESULT, maxBytes: 0 },
  { scope: MESSAGE, name: "error", opens: ERROR, maxBytes: 0 },
  { scope: PARAMS, name: "_meta", opens: META, maxBytes: 0 },
  { scope: PARAMS, name: "name", opens: NO_SCOPE, maxBytes: 64 * KiB },
  { scope: PARAMS, name: "uri", opens: NO_SCOPE, maxBytes: 64 * KiB },
  { scope: PARAMS, name: "arguments", opens: NO_SCOPE, maxBytes: 0 },
  { scope: PARAMS, name: "ref", opens: REF, maxBytes: 0 },
  { scope: PARAMS, name: "taskId", opens: NO_SCOPE, maxBytes: 64 * KiB },
  { scope: PARAMS, name: "requestId", opens: NO_SCOPE, maxBytes: 4 * KiB, only: "notifications/cancelled" },
  { scope: PARAMS, name: "protocolVersion", opens: NO_SCOPE, maxBytes: KiB, only: "initialize" },
  { scope: PARAMS, name: "capabilities", opens: NO_SCOPE, maxBytes: 16 * KiB, only: "initialize" },
  { scope: PARAMS, name: "clientInfo", opens: NO_SCOPE, maxBytes: 64 * KiB, only: "initialize" },
  { scope: PARAMS, name: "notifications", opens: NO_SCOPE, maxBytes: 64 * KiB, only: "subscriptions/listen" },
  { scope: REF, name: "type", opens: NO_SCOPE, maxBytes: KiB, only: "completion/complete" },
  { scope: REF, name: "name", opens: NO_SCOPE, maxBytes: 64 * KiB, only: "completion/complete" },
  { scope: REF, name: "uri", opens: NO_SCOPE, maxBytes: 64 * KiB, only: "completion/complete" },
  { scope: META, name: "progressToken", opens: NO_SCOPE, maxBytes: 4 * KiB },
  // Read where requests are traced, and then only if it is as long as one is: of any length it is nobody's refusal.
  { scope: META, name: "traceparent", opens: NO_SCOPE, maxBytes: 0 },
  { scope: META, name: "io.modelcontextprotocol/protocolVersion", opens: NO_SCOPE, maxBytes: KiB },
  { scope: META, name: "io.modelcontextprotocol/clientCapabilities", opens: NO_SCOPE, maxBytes: 16 * KiB },
  { scope: META, name: "io.modelcontextprotocol/clientInfo", opens: NO_SCOPE, maxBytes: 64 * KiB },
  { scope: META, name: "io.modelcontextprotocol/logLevel", opens: NO_SCOPE, maxBytes: KiB },
  { scope: RESULT, name: "protocolVersion", opens: NO_SCOPE, maxBytes: KiB },
  { scope: RESULT, name: "capabilities", opens: NO_SCOPE, maxBytes: 64 * KiB },
  { scope: RESULT, name: "supportedVersions", opens: NO_SCOPE, maxBytes: 64 * KiB },
  { scope: ERROR, name: "code", opens: NO_SCOPE, maxBytes: 64 },
  { scope: ERROR, name: "message", opens: NO_SCOPE, maxBytes: 64 * KiB },
];

/** By slot: the scope of what its object holds. */
export const SCOPE_OF: Uint8Array = Uint8Array.from(SLOTS, ({ opens }) => opens);

/** By scope and name: dozens are asked for at every start. */
const NUMBERS: ReadonlyMap<string, number> = new Map(SLOTS.map(({ scope, name }, slot) => [`${scope} ${name}`, slot]));

/** −1 if there is none. */
export function slotOf(scope: number, name: string): number {
  return NUMBERS.get(`${scope} ${name}`) ?? -1;
}

/** The slots of a scope, with their names. */
export function slotsIn(scope: number): readonly (readonly [slot: number, name: string])[] {
  const found: (readonly [number, string])[] = [];
  for (let slot = 0; slot < SLOTS.length; slot++) {
    if (SLOTS[slot]!.scope === scope) found.push([slot, SLOTS[slot]!.name]);
  }
  return found;
}

/** Which deciding names an object has shown so far, as bits by slot: in their very letters, and in whatever case. */
export interface NameReading {
  exact: number;
  folded: number;
  /** Whether one of them stands twice, or beside another that differs in case only: parsers disagree on which counts. */
  twice: boolean;
}

/** Those of a message itself. */
const OF_MESSAGE: number = SLOTS.reduce((bits, { scope }, slot) => scope === MESSAGE ? bits | 1 << slot : bits, 0);

/**
 * Whether parsers can disagree on what the message is: a name that stands twice, or one of the message's own in another
 * case, with which an answer would be a request to a server that matches names without case.
 */
export function isAmbiguous({ exact, folded, twice }: NameReading): boolean {
  return twice || (folded & ~exact & OF_MESSAGE) !== 0;
}

const LONGEST = Math.max(...SLOTS.map(({ name }) => name.length));

/** Different first letters that a name may begin with, as far as their case is no matter. */
const LETTERS = 32;
/** By scope, length and first letter: the one deciding name that can stand there; −1 if there is none. */
const LIKELY = new Int8Array((REF + 1) * (LONGEST + 1) * LETTERS).fill(-1);
/** By slot, {@link LONGEST} bytes each: the names. */
const NAMES = new Uint8Array(SLOTS.length * LONGEST);

function placeOf(scope: number, length: number, first: number): number {
  return (scope * (LONGEST + 1) + length) * LETTERS + (first & LETTERS - 1);
}

SLOTS.forEach(({ scope, name }, slot) => {
  const place = placeOf(scope, name.length, name.charCodeAt(0));
  if (LIKELY[place] !== -1) {
    throw new Error(`telling names apart by length and first letter: found another like ${name}`);
  }
  LIKELY[place] = slot;
  for (let i = 0; i < name.length; i++) NAMES[slot * LONGEST + i] = name.charCodeAt(i);
});

/** Scratch: the characters of a name that is spelt with escapes or beyond ASCII. Nothing here awaits. */
const decoded = new Uint16Array(LONGEST);

/** As parsers fold that match names without case: the long s, the Kelvin sign and the dotless i have ASCII partners. */
function fold(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code | 0x20;
  return code === 0x17f ? 0x73 : code === 0x212a ? 0x6b : code === 0x131 ? 0x69 : code;
}

/** The characters of a name into the scratch; −1 if they are more than any deciding name has. */
function decode(bytes: Uint8Array, start: number, end: number): number {
  let length = 0;
  for (let at = start; at < end;) {
    if (length === LONGEST) return -1;
    const byte = bytes[at]!;
    let code = byte;
    if (byte === 0x5c && bytes[at + 1] === 0x75) {
      code = 0;
      for (let i = 2; i < 6; i++) code = code << 4 | hexDigit(bytes[at + i]!);
      at += 6;
    } else if (byte === 0x5c) {
      code = bytes[at + 1] === 0x2f ? 0x2f : 0; // no deciding name has any of the others
      at += 2;
    } else if (byte < 0x80) at++;
    else if (byte < 0xe0) {
      code = (byte & 0x1f) << 6 | (bytes[at + 1]! & 0x3f);
      at += 2;
    } else {
      code = (byte & 0x0f) << 12 | (bytes[at + 1]! & 0x3f) << 6 | (bytes[at + 2]! & 0x3f);
      at += byte < 0xf0 ? 3 : 4;
    }
    decoded[length++] = code;
  }
  return length;
}

/**
 * The slot of a name that is ASCII without escapes; −1 if it decides nothing in that scope. Notes in `reading` what it has
 * seen. @param start where its `length` letters begin in `letters`
 */
export function findName(
  scope: number,
  letters: Uint8Array | Uint16Array,
  start: number,
  length: number,
  reading: NameReading,
): number {
  if (length > LONGEST) return -1;
  const slot = LIKELY[placeOf(scope, length, fold(letters[start]!))]!;
  if (slot < 0) return -1;
  const name = slot * LONGEST;
  for (let i = 0; i < length; i++) {
    if (letters[start + i] !== NAMES[name + i]) return noteFolded(slot, letters, start, reading);
  }
  return note(slot, reading);
}

/** The same of one that is spelt with escapes, or beyond ASCII, in `bytes` from `start` to `end`. */
export function findSpeltName(
  scope: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  reading: NameReading,
): number {
  const length = decode(bytes, start, end);
  return length < 0 ? -1 : findName(scope, decoded, 0, length, reading);
}

/** A deciding name in its very letters. */
function note(slot: number, reading: NameReading): number {
  const bit = 1 << slot;
  if ((reading.folded & bit) !== 0) reading.twice = true;
  reading.folded |= bit;
  reading.exact |= bit;
  return slot;
}

/** Perhaps the same but for its case: then it decides nothing, and nobody may take it for the one that does. */
function noteFolded(slot: number, from: Uint8Array | Uint16Array, offset: number, reading: NameReading): number {
  const { name: { length } } = SLOTS[slot]!;
  for (let i = 0; i < length; i++) if (fold(from[offset + i]!) !== fold(NAMES[slot * LONGEST + i]!)) return -1;
  const bit = 1 << slot;
  if ((reading.exact & bit) !== 0) reading.twice = true;
  reading.folded |= bit;
  return -1;
}
