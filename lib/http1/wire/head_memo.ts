// What the last head on a connection meant. The heads of one peer are mostly the same to the byte but for the digits of
// Content-Length, and of one field where one is known to change with each message; and what a head means depends on its
// bytes alone: they are compared where they lie, without a text.
import type { ByteAccount, Charge } from "../byte_account.ts";
import { isToken, parseContentLength } from "./grammar.ts";
import { decodeLatin1, equalBytes, keepLatin1 } from "./latin1.ts";
import type { Fields, HeadNotes } from "../types.ts";

interface Framed {
  readonly fields: Fields;
  readonly bodyLength: number;
  readonly changing?: string | undefined;
  readonly notes?: HeadNotes | undefined;
}

/** More digits than a length can have that is no refusal. */
const MOST_DIGITS = 15;
const ZERO = 0x30, NINE = 0x39;

export class HeadMemo<Head extends Framed> {
  /** Bytes of the head that {@link find} has found. */
  found = 0;
  /** What the changing field of that head says; undefined where it has none. */
  changing: string | undefined = undefined;
  #head: Head | undefined;
  /** The text until a comparison wants its bytes: many a head is followed by no other. */
  #text: string | undefined;
  #bytes: Uint8Array | undefined;
  /** Where the digits of Content-Length stand in the bytes; both at the end if they do not tell the body's length. */
  #digits = 0;
  #after = 0;
  /** Where they stand in `fields`; -1 as above. */
  #index = -1;
  /** Where the value of the changing field stands in the bytes, behind the digits; both 0 if it does not. */
  #value = 0;
  /** What it said in the head that was kept. */
  #kept: string | undefined;
  #valueEnd = 0;
  /** The last one found that had another length. */
  #other: Head | undefined;
  #asked = false;
  readonly #charge: Charge;
  readonly #changing: string | undefined;

  /** @param changing name of the field that `HeadLimits.changing` names */
  constructor(account: ByteAccount, changing?: string) {
    this.#charge = account.open();
    this.#changing = changing;
  }

  /**
   * The head that `buffer` has from `start` on, if it is that of the last {@link keep} but for the digits of its length
   * and its {@link changing} field, and lies there whole before `end`. One object for all that say the same.
   */
  find(buffer: Uint8Array, start: number, end: number): Head | undefined {
    const head = this.#head;
    if (head === undefined) return undefined;
    this.#asked = true;
    const bytes = this.#bytes ?? this.#split(head);
    const digitsAt = start + this.#digits;
    if (digitsAt > end || !equalBytes(bytes, 0, this.#digits, buffer, start)) return undefined;
    this.changing = this.#kept;
    if (this.#index < 0) {
      this.found = this.#digits;
      return head;
    }
    let digitsEnd = digitsAt;
    while (digitsEnd < end && digitsEnd - digitsAt <= MOST_DIGITS && isDigit(buffer[digitsEnd]!)) digitsEnd++;
    const size = digitsEnd + bytes.length - this.#after;
    if (digitsEnd === digitsAt || size > end || !this.#isRest(bytes, buffer, digitsEnd)) return undefined;
    this.found = size - start;
    return this.#ofLength(head, buffer, digitsAt, digitsEnd);
  }

  /** What stands behind the digits. */
  #isRest(bytes: Uint8Array, buffer: Uint8Array, at: number): boolean {
    if (this.#value === 0) return equalBytes(bytes, this.#after, bytes.length, buffer, at);
    const value = at + this.#value - this.#after;
    const valueEnd = at + this.#valueEnd - this.#after;
    if (!equalBytes(bytes, this.#after, this.#value, buffer, at)) return false;
    if (!equalBytes(bytes, this.#valueEnd, bytes.length, buffer, valueEnd)) return false;
    const text = decodeLatin1(buffer, value, valueEnd);
    // Nothing in it may end the line, and nothing around it be trimmed.
    if (!isToken(text)) return false;
    this.changing = text;
    return true;
  }

  #ofLength(head: Head, buffer: Uint8Array, from: number, to: number): Head | undefined {
    // Without a body other rules hold, and so for lengths beyond measure and odd spellings: that is for the parser to say.
    if (to - from > MOST_DIGITS || buffer[from] === ZERO) return undefined;
    let bodyLength = 0;
    for (let at = from; at < to; at++) bodyLength = bodyLength * 10 + buffer[at]! - ZERO;
    if (bodyLength === head.bodyLength) return head;
    if (bodyLength === this.#other?.bodyLength) return this.#other;
    const fields = head.fields.slice();
    fields[this.#index] = String(bodyLength);
    return this.#other = { ...head, fields, bodyLength };
  }

  /** Turns the text into bytes, and finds the digits. */
  #split(head: Head): Uint8Array {
    const text = this.#text!;
    const bytes = this.#bytes = keepLatin1(text);
    this.#text = undefined;
    this.#digits = this.#after = bytes.length;
    const found = /\r\ncontent-length:[\t ]*([0-9]+)[\t ]*\r\n/i.exec(text);
    if (found === null) return bytes;
    const digits = found[1]!;
    const name = head.fields.indexOf("content-length");
    const isFraming = head.bodyLength >= 1 && head.bodyLength === parseContentLength(digits);
    if (!isFraming || name < 0 || name % 2 !== 0) return bytes;
    this.#digits = found.index + found[0].indexOf(digits, found[0].indexOf(":"));
    this.#after = this.#digits + digits.length;
    this.#index = name + 1;
    this.#findChanging(text);
    return bytes;
  }

  /** Where it is the last field, right behind the length, as this engine sends it. */
  #findChanging(text: string): void {
    const before = `\r\n${this.#changing}: `;
    if (this.#changing === undefined || !text.startsWith(before, this.#after)) return;
    const [value, valueEnd] = [this.#after + before.length, text.length - 4];
    if (!isToken(text.slice(value, valueEnd))) return;
    this.#value = value;
    this.#valueEnd = valueEnd;
  }

  /** Remembers what `text`, a whole head, stands for, where there is plenty of room. */
  keep(text: string, head: Head): void {
    if (!this.#charge.resizeIfAmple(text.length)) return this.forget();
    this.#head = { ...head, notes: { value: undefined } };
    // It is each message's own.
    if (head.changing !== undefined) this.#head = { ...this.#head, changing: undefined };
    this.#kept = head.changing;
    this.#value = this.#valueEnd = 0;
    this.#text = text;
    this.#bytes = undefined;
    this.#other = undefined;
    this.#index = -1;
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

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}
