// One text per JSON value out of its bytes, to tell whether two requests ask for the same: no blanks, members sorted,
// strings spelt one way. Nothing is rounded and nothing merged: numbers that a double would make equal stay apart, and a
// member that stands twice is there twice, since a server may read the other one.
// The bytes given here are JSON that has been judged before, so that its nesting is bounded.
import { parseJson } from "../../platform/json.ts";
import { isDigit } from "../scan/json_tokens.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Longer texts are compared as they came: a client that asks again sends what it has sent before. */
const MAX_SORTED_BYTES = 256 * 1024;
/** So many digits come back out of a double as they went in (IEEE 754-2019 §5.12.2). */
const EXACT_DIGITS = 15;
const LEAST_NORMAL = 2 ** -1022;

/** @param text a JSON text by itself @returns may be `text` */
export function canonicalText(text: Uint8Array): Uint8Array {
  // A string without an escape has one spelling only.
  if (text[0] === QUOTE && text[text.length - 1] === QUOTE && text.indexOf(BACKSLASH) < 0) return text;
  if (endOfCanonical(text, 0) === text.length) return text;
  return text.length > MAX_SORTED_BYTES ? text : encoder.encode(new Reading(decoder.decode(text)).value());
}

/**
 * Where the value ends that begins at `start`, if it is seen at a glance that its text is the canonical one, as of most
 * arguments it is: ASCII, no blanks, no escapes, members in order, short integers. Otherwise −1, and nothing is said.
 */
function endOfCanonical(text: Uint8Array, start: number): number {
  switch (text[start]) {
    case QUOTE:
      return endOfPlainString(text, start);
    case OPEN_OBJECT:
      return endOfOrderedObject(text, start);
    case OPEN_ARRAY:
      return endOfArray(text, start);
    default:
      return endOfWord(text, start);
  }
}

function endOfOrderedObject(text: Uint8Array, start: number): number {
  let at = start + 1;
  if (text[at] === CLOSE_OBJECT) return at + 1;
  for (let before = -1, beforeEnd = -1;; at++) {
    const name = at;
    if (text[at] !== QUOTE) return -1;
    at = endOfPlainString(text, at);
    if (at < 0 || text[at] !== COLON) return -1;
    // In ASCII the order of bytes is that of UTF-16.
    if (before >= 0 && !isInOrder(text, before + 1, beforeEnd - 1, name + 1, at - 1)) return -1;
    [before, beforeEnd] = [name, at];
    at = endOfCanonical(text, at + 1);
    if (at < 0) return -1;
    if (text[at] !== COMMA) return text[at] === CLOSE_OBJECT ? at + 1 : -1;
  }
}

/** Whether what stands first does not come after what stands second: names that are the same stay in their order. */
function isInOrder(text: Uint8Array, from: number, end: number, otherFrom: number, otherEnd: number): boolean {
  let at = from, other = otherFrom;
  while (at < end && other < otherEnd && text[at] === text[other]) at++, other++;
  return at === end || (other < otherEnd && text[at]! < text[other]!);
}

function endOfArray(text: Uint8Array, start: number): number {
  let at = start + 1;
  if (text[at] === CLOSE_ARRAY) return at + 1;
  for (;; at++) {
    at = endOfCanonical(text, at);
    if (at < 0) return -1;
    if (text[at] !== COMMA) return text[at] === CLOSE_ARRAY ? at + 1 : -1;
  }
}

function endOfPlainString(text: Uint8Array, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const byte = text[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH || byte > 0x7e) return -1;
  }
  return -1;
}

/** Of an integer, or of `true`, `false`, `null`: whatever letters they are, no other text says the same. */
function endOfWord(text: Uint8Array, start: number): number {
  const first = text[start]!;
  const isNumber = first === 0x2d || isDigit(first);
  let at = start + 1;
  while (at < text.length && (isNumber ? isDigit(text[at]) : isSmallLetter(text[at]!))) at++;
  if (!isNumber) return isSmallLetter(first) ? at : -1;
  const digits = first === 0x2d ? start + 1 : start;
  if (at - digits > EXACT_DIGITS || (text[digits] === 0x30 && first === 0x2d)) return -1;
  return at === text.length || endsScalar(text[at]!) ? at : -1;
}

function isSmallLetter(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a;
}

class Reading {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): string {
    switch (this.#next()) {
      case OPEN_OBJECT:
        return `{${this.#members().join(",")}}`;
      case OPEN_ARRAY:
        return `[${this.#items(CLOSE_ARRAY, () => this.value()).join(",")}]`;
      case QUOTE:
        return this.#string();
      default:
        return this.#scalar();
    }
  }

  /** Sorted by name as UTF-16; those of one name in the order they came. */
  #members(): string[] {
    const members = this.#items(CLOSE_OBJECT, () => {
      this.#next();
      const name = this.#string();
      if (this.#next() === COLON) this.#at++;
      return { name: parseJson(name) as string, text: `${name}:${this.value()}` };
    });
    return members.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0).map(({ text }) => text);
  }

  #items<Item>(close: number, read: () => Item): Item[] {
    const items: Item[] = [];
    this.#at++;
    while (this.#at < this.#text.length && this.#next() !== close) {
      items.push(read());
      if (this.#next() === COMMA) this.#at++;
    }
    this.#at++;
    return items;
  }

  #string(): string {
    const start = this.#at++;
    let isPlain = true;
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === QUOTE) break;
      if (code !== BACKSLASH) continue;
      isPlain = false;
      this.#at++;
    }
    const written = this.#text.slice(start, ++this.#at);
    // Without an escape there is one spelling only.
    return isPlain ? written : JSON.stringify(parseJson(written));
  }

  #scalar(): string {
    const start = this.#at;
    while (this.#at < this.#text.length && !endsScalar(this.#text.charCodeAt(this.#at))) this.#at++;
    const written = this.#text.slice(start, this.#at);
    const digits = written.replace(/[eE].*$/, "").replace(/\D/g, "").replace(/^0+/, "");
    const value = parseJson(written);
    const isExact = digits.length <= EXACT_DIGITS && Number.isFinite(value) && Math.abs(value) >= LEAST_NORMAL;
    return isExact ? String(value) : written;
  }

  /** The next character that is no blank. */
  #next(): number {
    while (isBlank(this.#text.charCodeAt(this.#at))) this.#at++;
    return this.#text.charCodeAt(this.#at);
  }
}

function endsScalar(code: number): boolean {
  return code === COMMA || code === CLOSE_ARRAY || code === CLOSE_OBJECT || isBlank(code);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
