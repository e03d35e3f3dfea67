// One text per JSON value out of its bytes, to tell whether two requests ask for the same: no blanks, members sorted,
// strings spelt one way. Nothing is rounded and nothing merged: numbers that a double would make equal stay apart, and a
// member that stands twice is there twice, since a server may read the other one.
// The bytes given here are JSON that has been judged before, so that its nesting is bounded.
import { parseJson } from "../../platform/json.ts";

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
  return text.length > MAX_SORTED_BYTES ? text : encoder.encode(new Reading(decoder.decode(text)).value());
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
