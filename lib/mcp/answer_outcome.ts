// How a call came out, told from the bytes of its answer as they pass: the code of a JSON-RPC error, or whether a tool's
// result says that it is one. Reads names of the first two levels and skips the rest; makes no objects. Not told: answers
// longer than is looked at, those in a content coding, answers to batches, and names spelt with escapes.
import { byteAt, type Bytes, copyBytes, inspectBytes } from "../http1/wire/streams/borrowed.ts";
import { skipBlanks, skipString, skipValue } from "./json/json_text.ts";

/** As much of one message is looked at, in bytes. */
const LONGEST_LOOKED_AT = 64 * 1024;

/** What is told; `known` where the message was read as far as it takes. */
export interface Outcome {
  rpcCode: number | undefined;
  isError: boolean | undefined;
  outcomeKnown: boolean;
}

const QUOTE = 0x22, COMMA = 0x2c, MINUS = 0x2d, COLON = 0x3a, BACKSLASH = 0x5c, OPEN_OBJECT = 0x7b;
const LF = 0x0a, CR = 0x0d, SPACE = 0x20;
const SMALL_T = 0x74;

const ascii = (text: string) => new TextEncoder().encode(text);
const RESULT = ascii("result"), ERROR = ascii("error"), METHOD = ascii("method"), CODE = ascii("code");
const IS_ERROR = ascii("isError"), DATA = ascii("data");

/** Where in the object that opens at `open` the value of `name` starts; −1 if it is not there, or cannot be told. */
function findValue(text: Uint8Array, open: number, names: readonly Uint8Array[]): number {
  found = -1;
  let at = skipBlanks(text, open + 1);
  while (text[at] === QUOTE) {
    const end = skipString(text, at);
    const colon = skipBlanks(text, end);
    if (text[colon] !== COLON) return -1;
    const value = skipBlanks(text, colon + 1);
    const which = nameAt(text, at + 1, end - 1, names);
    if (which !== -1) {
      found = which;
      return which === ESCAPED ? -1 : value;
    }
    at = skipBlanks(text, skipValue(text, value));
    if (text[at] !== COMMA) {
      endedWhole = at < text.length;
      return -1;
    }
    at = skipBlanks(text, at + 1);
  }
  endedWhole = at < text.length;
  return -1;
}

/** Which name {@link findValue} has found; −1 for none. In the turn in which it was looked for. */
let found = -1;
/** Whether it looked through all of the object. */
let endedWhole = false;
const ESCAPED = -2;

/** Which of `names` stands there; −1 for none, `ESCAPED` where it cannot be told without decoding. */
function nameAt(text: Uint8Array, start: number, end: number, names: readonly Uint8Array[]): number {
  const length = end - start;
  next:
  for (let which = 0; which < names.length; which++) {
    const name = names[which]!;
    if (name.length !== length) continue;
    for (let i = 0; i < length; i++) if (text[start + i] !== name[i]) continue next;
    return which;
  }
  for (let at = start; at < end; at++) if (text[at] === BACKSLASH) return ESCAPED;
  return -1;
}

const OF_A_MESSAGE = [RESULT, ERROR, METHOD], OF_A_RESULT = [IS_ERROR], OF_AN_ERROR = [CODE];

/** Notes what a whole JSON text says, if it is a response. What `into` held of an earlier one gives way. */
export function readOutcome(text: Uint8Array, into: Outcome): void {
  const open = skipBlanks(text, 0);
  if (text[open] !== OPEN_OBJECT) return;
  const value = findValue(text, open, OF_A_MESSAGE);
  if (value < 0 || found === 2) return;
  if (found === 0) readResult(text, value, into);
  else readError(text, value, into);
}

function readResult(text: Uint8Array, start: number, into: Outcome): void {
  if (text[start] !== OPEN_OBJECT) return;
  endedWhole = false;
  const value = findValue(text, start, OF_A_RESULT);
  if (value < 0 && (found === ESCAPED || !endedWhole)) return;
  into.rpcCode = undefined;
  into.isError = value >= 0 && text[value] === SMALL_T;
  into.outcomeKnown = true;
}

function readError(text: Uint8Array, start: number, into: Outcome): void {
  const value = text[start] === OPEN_OBJECT ? findValue(text, start, OF_AN_ERROR) : -1;
  if (value < 0) return;
  let code = 0;
  let at = text[value] === MINUS ? value + 1 : value;
  for (; text[at]! >= 0x30 && text[at]! <= 0x39; at++) code = code * 10 + text[at]! - 0x30;
  if (!Number.isSafeInteger(code)) return;
  into.rpcCode = text[value] === MINUS ? -code : code;
  into.isError = undefined;
  into.outcomeKnown = true;
}

/** Notes what whole events of a stream say: the last response counts, which is the one that ends a call's. */
export function readEvents(bytes: Uint8Array, into: Outcome): void {
  let data: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    let end = start;
    while (end < bytes.length && bytes[end] !== LF && bytes[end] !== CR) end++;
    if (end === start) {
      if (data.length > 0) readOutcome(data.length === 1 ? data[0]! : joined(data), into);
      data = [];
    } else if (isData(bytes, start, end)) {
      const from = start + DATA.length + 1;
      data.push(bytes.subarray(bytes[from] === SPACE ? from + 1 : from, end));
    }
    start = bytes[end] === CR && bytes[end + 1] === LF ? end + 2 : end + 1;
  }
}

function isData(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start <= DATA.length || bytes[start + DATA.length] !== COLON) return false;
  for (let i = 0; i < DATA.length; i++) if (bytes[start + i] !== DATA[i]) return false;
  return true;
}

/** Lines of one event: between its tokens a JSON text may break wherever it likes. */
function joined(lines: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(lines.reduce((sum, { length }) => sum + length + 1, 0)).fill(LF);
  let at = 0;
  for (const line of lines) {
    whole.set(line, at);
    at += line.length + 1;
  }
  return whole;
}

/** What a whole body says. */
export function noteOutcome(body: Bytes, isEvents: boolean, into: Outcome): void {
  if (body.length === 0 || body.length > LONGEST_LOOKED_AT) return;
  inspectBytes(body, isEvents ? readEventsIn : readOutcomeIn, into);
}

function readOutcomeIn(view: Uint8Array, into: Outcome): undefined {
  readOutcome(view, into);
}

function readEventsIn(view: Uint8Array, into: Outcome): undefined {
  readEvents(view, into);
}

/** The same of a body that comes in pieces. Holds no more than one message, and none that is longer than is looked at. */
export class OutcomeReader {
  readonly #isEvents: boolean;
  readonly #into: Outcome;
  #held = new Uint8Array(0);
  #size = 0;
  #overflown = false;
  /** The last three bytes that came. */
  #tail = 0;

  constructor(isEvents: boolean, into: Outcome) {
    this.#isEvents = isEvents;
    this.#into = into;
  }

  /** Keeps nothing of what is only lent. */
  add(piece: Bytes): void {
    const { length } = piece;
    if (length === 0) return;
    const ends = this.#isEvents && this.#endsEvent(piece);
    if (ends && this.#size === 0 && !this.#overflown) return noteOutcome(piece, true, this.#into);
    this.#keep(piece);
    if (ends) this.#read();
  }

  /** The body has ended, whole. */
  end(): void {
    if (!this.#isEvents) this.#read();
  }

  /** Whether an event ends with these bytes: a blank line, in any spelling of line ends, in whatever pieces it came. */
  #endsEvent(piece: Bytes): boolean {
    const { length } = piece;
    for (let at = Math.max(0, length - 3); at < length; at++) {
      this.#tail = (this.#tail << 8 | byteAt(piece, at)) & 0xffffff;
    }
    const last = this.#tail & 0xff, before = this.#tail >> 8 & 0xff;
    if (last === LF) return before === LF || (before === CR && this.#tail >> 16 === LF);
    return last === CR && before === CR;
  }

  #keep(piece: Bytes): void {
    const size = this.#size + piece.length;
    if (this.#overflown || size > LONGEST_LOOKED_AT) {
      this.#overflown = true;
      this.#size = 0;
      this.#held = new Uint8Array(0);
      return;
    }
    if (size > this.#held.length) {
      const bigger = new Uint8Array(Math.max(size, 2 * this.#held.length));
      bigger.set(this.#held.subarray(0, this.#size));
      this.#held = bigger;
    }
    copyBytes(piece, this.#held, this.#size);
    this.#size = size;
  }

  #read(): void {
    if (this.#size > 0) noteOutcome(this.#held.subarray(0, this.#size), this.#isEvents, this.#into);
    // Of events a next one may be shorter; a body is one message.
    if (this.#isEvents) this.#overflown = false;
    this.#size = 0;
  }
}
