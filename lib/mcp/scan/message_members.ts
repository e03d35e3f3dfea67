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

/** A name between its quotes. `isPlain`: ASCII without escapes. */
export interface NameText {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly isPlain: boolean;
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

interface Candidate {
  readonly slot: number;
  readonly exact: Uint8Array;
  readonly folded: Uint8Array;
}

const NO_CANDIDATES: readonly Candidate[] = [];

/** By scope and length of the name. */
const CANDIDATES: readonly (readonly (readonly Candidate[])[])[] = candidates();

/** Made at every start: one walk over the slots, and room for all lengths in one step. */
function candidates(): (readonly Candidate[])[][] {
  const encoder = new TextEncoder();
  const found: (readonly Candidate[])[][] = [];
  for (let scope = 0; scope <= REF; scope++) found.push(new Array(LONGEST + 1).fill(NO_CANDIDATES));
  for (const [slot, { scope, name }] of SLOTS.entries()) {
    const byLength = found[scope]!;
    const candidate = { slot, exact: encoder.encode(name), folded: encoder.encode(name.toLowerCase()) };
    byLength[name.length] = [...byLength[name.length]!, candidate];
  }
  return found;
}

/** Scratch: the characters of a name that is spelt with escapes or beyond ASCII. Nothing here awaits. */
const letters = new Uint16Array(LONGEST);

/** As parsers fold that match names without case: the long s, the Kelvin sign and the dotless i have ASCII partners. */
function fold(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code | 0x20;
  return code === 0x17f ? 0x73 : code === 0x212a ? 0x6b : code === 0x131 ? 0x69 : code;
}

/** The characters of `text` into the scratch; −1 if they are more than any deciding name has. */
function decode({ bytes, start, end }: NameText): number {
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
    letters[length++] = code;
  }
  return length;
}

/** 0: another name; 1: this one but for its case; 2: this one. */
function likeness(from: Uint8Array | Uint16Array, offset: number, { exact, folded }: Candidate): number {
  let isExact = true;
  for (let i = 0; i < exact.length; i++) {
    const code = from[offset + i]!;
    if (code === exact[i]) continue;
    isExact = false;
    if (fold(code) !== folded[i]) return 0;
  }
  return isExact ? 2 : 1;
}

/** The slot of a name in a scope; −1 if it decides nothing there. Notes in `reading` what it has seen. */
export function findName(scope: number, text: NameText, reading: NameReading): number {
  const length = text.isPlain ? text.end - text.start : decode(text);
  if (length < 0 || length > LONGEST) return -1;
  const candidates = CANDIDATES[scope]![length]!;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i]!;
    const like = text.isPlain ? likeness(text.bytes, text.start, candidate) : likeness(letters, 0, candidate);
    if (like === 0) continue;
    const bit = 1 << candidate.slot;
    if (like === 2 ? (reading.folded & bit) !== 0 : (reading.exact & bit) !== 0) reading.twice = true;
    reading.folded |= bit;
    if (like === 1) return -1;
    reading.exact |= bit;
    return candidate.slot;
  }
  return -1;
}
