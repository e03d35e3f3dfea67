// What the last head on a connection meant. The heads of one peer are mostly the same to the byte but for the digits of
// Content-Length and what a few known fields say (`HeadLimits.changing`); what a head means depends on its bytes alone. So
// they are compared where they lie, without a text; what stands in the holes between is held to what the parser would
// take for the whole value of the field and nothing else, and anything odd is left to the parser.
import type { ByteAccount, Charge } from "../../byte_account.ts";
import type { ChangingValues, Fields, HeadNotes } from "../../types.ts";
import { CR, isVisible, parseContentLength } from "../grammar.ts";
import { decodeLatin1, equalBytes, keepLatin1 } from "../latin1.ts";
import type { Variation } from "./head.ts";

interface Framed {
  readonly fields: Fields;
  readonly bodyLength: number;
  readonly changing?: ChangingValues | undefined;
  readonly notes?: HeadNotes | undefined;
}

/** Where the bytes of a head may be others, and it means the same but for that. */
interface Hole {
  readonly start: number;
  readonly end: number;
  /** Which of the changing fields it is the value of; {@link LENGTH} for the digits that tell the body's length. */
  readonly at: number;
}
const LENGTH = -1;

export interface MemoOptions<Head> {
  /** As of `HeadLimits`. */
  readonly changing: readonly string[];
  /** `varyRequest` or `varyResponse`. */
  readonly vary: (head: Head, variation: Variation) => Head;
}

/** Bytes that a head which is found may have more than the one there was room for: it is kept as well. */
const MOST_MORE = 1024;
/** More digits than a length can have that is no refusal. */
const MOST_DIGITS = 15;
const ZERO = 0x30, NINE = 0x39;
const NONE: ChangingValues = [];
const NO_HOLES: readonly Hole[] = [];

export class HeadMemo<Head extends Framed> {
  /** Bytes of the head that {@link find} has found. */
  found = 0;
  #head: Head | undefined;
  /** The text until a comparison wants its bytes: many a head is followed by no other. */
  #text: string | undefined;
  #bytes: Uint8Array | undefined;
  /** All, in the order of the bytes; and that of the length. */
  #holes: readonly Hole[] = NO_HOLES;
  #length: Hole | undefined;
  /** The last one found that was not quite the one that is kept. */
  #other: Head | undefined;
  #asked = false;
  readonly #charge: Charge;
  readonly #options: MemoOptions<Head>;

  constructor(account: ByteAccount, options: MemoOptions<Head>) {
    this.#charge = account.open();
    this.#options = options;
  }

  /**
   * The head that `buffer` has from `start` on, if it is that of the last {@link keep} but for what may differ, and lies
   * there whole before `end`. All that say the same in a row are one object, and all that are found share their notes.
   */
  find(buffer: Uint8Array, start: number, end: number): Head | undefined {
    const head = this.#head;
    if (head === undefined) return undefined;
    this.#asked = true;
    if (this.#bytes === undefined) this.#split(head);
    return this.#findSame(head, buffer, start, end) ?? this.#findOther(head, buffer, start, end);
  }

  /** Word for word but for the length: what most connections bring, in two pieces at most. */
  #findSame(head: Head, buffer: Uint8Array, start: number, end: number): Head | undefined {
    const bytes = this.#bytes!;
    const length = this.#length;
    // To compare is a call of the runtime's, and one is enough where the length is the same as well.
    if (length === undefined || hasSameDigits(bytes, length, buffer, start + length.start)) {
      this.found = bytes.length;
      return start + bytes.length <= end && equalBytes(bytes, 0, bytes.length, buffer, start) ? head : undefined;
    }
    const digits = start + length.start;
    if (digits > end || !equalBytes(bytes, 0, length.start, buffer, start)) return undefined;
    const at = digitsEnd(buffer, digits, end);
    const stop = at + bytes.length - length.end;
    if (at < 0 || stop > end || !equalBytes(bytes, length.end, bytes.length, buffer, at)) return undefined;
    this.found = stop - start;
    return this.#varied(head, lengthIn(buffer, digits, at), head.changing ?? NONE);
  }

  /** With other values in the holes. */
  #findOther(head: Head, buffer: Uint8Array, start: number, end: number): Head | undefined {
    const holes = this.#holes;
    if (holes.length === (this.#length === undefined ? 0 : 1)) return undefined;
    const bytes = this.#bytes!;
    let from = 0;
    let at = start;
    let { bodyLength } = head;
    let changing = head.changing ?? NONE;
    for (let i = 0; i < holes.length; i++) {
      const hole = holes[i]!;
      const value = at + hole.start - from;
      if (value >= end || !equalBytes(bytes, from, hole.start, buffer, at)) return undefined;
      from = hole.end;
      at = hole.at === LENGTH ? digitsEnd(buffer, value, end) : valueEnd(hole, buffer, value, end);
      if (at < 0) return undefined;
      if (hole.at === LENGTH) bodyLength = lengthIn(buffer, value, at);
      else {
        const said = this.#textOf(hole, buffer, value, at);
        if (said === undefined) return undefined;
        changing = withValue(changing, hole.at, said);
      }
    }
    const size = at + bytes.length - from - start;
    if (size > bytes.length + MOST_MORE) return undefined;
    if (start + size > end || !equalBytes(bytes, from, bytes.length, buffer, at)) return undefined;
    this.found = size;
    return this.#varied(head, bodyLength, changing);
  }

  /** What a changing field says in these bytes: the same text as before, where it is equal. */
  #textOf({ start, end, at }: Hole, buffer: Uint8Array, from: number, to: number): string | undefined {
    const isKept = to - from === end - start && equalBytes(this.#bytes!, start, end, buffer, from);
    if (isKept) return this.#head!.changing![at];
    const text = decodeLatin1(buffer, from, to);
    const last = this.#other?.changing?.[at];
    if (last === text) return last;
    return isVisible(text) ? text : undefined;
  }

  #varied(head: Head, bodyLength: number, changing: ChangingValues): Head {
    if (bodyLength === head.bodyLength && isSame(changing, head.changing ?? NONE)) return head;
    const other = this.#other;
    const hasLength = other?.bodyLength === bodyLength;
    if (hasLength && isSame(changing, other.changing ?? NONE)) return other;
    const fields = hasLength ? other.fields : fieldsOf(head, bodyLength);
    return this.#other = this.#options.vary(head, { fields, bodyLength, changing, notes: head.notes! });
  }

  /** Turns the text into bytes, and finds the holes. */
  #split(head: Head): void {
    const text = this.#text!;
    this.#bytes = keepLatin1(text);
    this.#text = undefined;
    const lower = text.toLowerCase();
    const holes: Hole[] = [];
    const length = holeOf(text, lower, "content-length");
    if (length !== undefined && head.bodyLength >= 1) {
      // Of a head whose length is not its body's (an answer to HEAD, a 304) nothing is known of any other length.
      const said = parseContentLength(text.slice(length.start, length.end));
      if (said === head.bodyLength) holes.push({ ...length, at: LENGTH });
    }
    this.#length = holes[0];
    this.#options.changing.forEach((name, at) => {
      const hole = head.changing?.[at] === undefined ? undefined : holeOf(text, lower, name);
      if (hole !== undefined && isVisible(text.slice(hole.start, hole.end))) holes.push({ ...hole, at });
    });
    this.#holes = holes.sort((one, other) => one.start - other.start);
  }

  /** Remembers what `text`, a whole head, stands for, where there is plenty of room. */
  keep(text: string, head: Head): void {
    if (!this.#charge.resizeIfAmple(text.length)) return this.forget();
    const { fields, bodyLength, changing = NONE } = head;
    this.#head = this.#options.vary(head, { fields, bodyLength, changing, notes: { value: undefined } });
    this.#text = text;
    this.#bytes = this.#other = undefined;
    this.#holes = NO_HOLES;
    this.#length = undefined;
  }

  /**
   * Frees what has not been of use since the last call. @returns whether nothing is left: a connection at rest remembers
   * nothing, and needs no memo
   */
  fade(): boolean {
    if (!this.#asked) this.forget();
    this.#asked = false;
    return this.#head === undefined;
  }

  forget(): void {
    this.#head = this.#other = undefined;
    this.#text = this.#bytes = undefined;
    this.#charge.release();
  }
}

/** Where the value stands of the first line of that lower-case name; undefined if there is none, or it is empty. */
function holeOf(text: string, lower: string, name: string): { start: number; end: number } | undefined {
  const before = `\r\n${name}:`;
  const line = lower.indexOf(before);
  if (line < 0) return undefined;
  let start = line + before.length;
  let end = text.indexOf("\r", start);
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return start === end ? undefined : { start, end };
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** @returns -1 where a length has no digits, or such as the parser has to say something of: too many, a leading zero */
function digitsEnd(buffer: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && at - from <= MOST_DIGITS && isDigit(buffer[at]!)) at++;
  return at === from || at - from > MOST_DIGITS || buffer[from] === ZERO ? -1 : at;
}

/** Whether the very same digits stand at `at`, and what ends them. */
function hasSameDigits(bytes: Uint8Array, { start, end }: Hole, buffer: Uint8Array, at: number): boolean {
  for (let i = start; i <= end; i++) if (bytes[i] !== buffer[at + i - start]) return false;
  return true;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function lengthIn(buffer: Uint8Array, from: number, to: number): number {
  let length = 0;
  for (let at = from; at < to; at++) length = length * 10 + buffer[at]! - ZERO;
  return length;
}

/** Where the line may end: most values are as long as the one before. @returns -1 if it does not */
function valueEnd({ start, end: kept }: Hole, buffer: Uint8Array, from: number, end: number): number {
  const likely = from + kept - start;
  if (likely < end && buffer[likely] === CR) return likely;
  const found = buffer.indexOf(CR, from);
  return found < end ? found : -1;
}

function withValue(values: ChangingValues, at: number, value: string): ChangingValues {
  if (values[at] === value) return values;
  const others = values.slice();
  others[at] = value;
  return others;
}

function isSame(values: ChangingValues, others: ChangingValues): boolean {
  if (values === others) return true;
  if (values.length !== others.length) return false;
  for (let at = 0; at < values.length; at++) if (values[at] !== others[at]) return false;
  return true;
}

function fieldsOf({ fields, bodyLength }: Framed, length: number): Fields {
  if (length === bodyLength) return fields;
  const others = fields.slice();
  for (let i = 0; i < others.length; i += 2) if (others[i] === "content-length") others[i + 1] = String(length);
  return others;
}
