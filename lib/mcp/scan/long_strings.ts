// What stands in a long string of a JSON text (RFC 8259 §7), many bytes at a time: where it goes on with nothing but
// characters that stand for themselves. Guarantees time linear in the text, however many strings there are in it.
import { isAscii } from "node:buffer";
import { RUNTIME } from "../../platform/runtime/runtime.ts";
import { IN_STRING } from "./json_tokens.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c;

const NOTHING = new Uint8Array(0);
/** Bytes from which on it pays to call the runtime, which tells what is where in a hundredth of the time it takes here. */
const FAR = 2048;

/** One text after the other: `begin` each, `release` it in the end. */
export class LongStrings {
  readonly #isSearched: boolean;
  #bytes: Uint8Array = NOTHING;
  /** The same memory, four bytes at a time; made for the first long string of a text. */
  #words: Int32Array | undefined;
  /** The first of each from where it was last looked for: each byte is looked at once for it. */
  #quoteAt = -1;
  #backslashAt = -1;
  /** Before it there may be what is beyond ASCII: whether there is none is asked once of each byte. */
  #mixedUntil = -1;

  /** @param isSearched whether the runtime finds a byte faster than plain ones are passed over here: V8 does not */
  constructor(isSearched = RUNTIME === "bun") {
    this.#isSearched = isSearched;
  }

  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#words = undefined;
    this.#quoteAt = this.#backslashAt = this.#mixedUntil = -1;
  }

  release(): void {
    this.#bytes = NOTHING;
    this.#words = undefined;
  }

  /** The position up to which `from` is followed by plain characters only, as far as many at a time can tell. */
  skip(from: number, stop: number): number {
    const end = this.#isSearched && from >= this.#mixedUntil ? this.#farEnd(from, stop) : from;
    if (end > from) {
      if (isAscii(this.#bytes.subarray(from, end))) return this.#skipTo(end, from, skipAscii);
      this.#mixedUntil = end;
    }
    return this.#skipPlain(from, stop);
  }

  /** The same of characters of any kind that stand for themselves, behind one beyond ASCII; it may not be told at all. */
  skipText(from: number, stop: number): number {
    const end = this.#farEnd(from, stop);
    return end > from ? this.#skipTo(end, from, skipText) : from;
  }

  /** Before it there is neither a quote nor a backslash, if it is far from `from`; else `from`. */
  #farEnd(from: number, stop: number): number {
    if (stop - from < FAR) return from;
    const end = Math.min(stop, this.#nextQuote(from), this.#nextBackslash(from));
    return end - from < FAR ? from : end;
  }

  #nextQuote(from: number): number {
    if (this.#quoteAt < from) this.#quoteAt = this.#find(QUOTE, from);
    return this.#quoteAt;
  }

  #nextBackslash(from: number): number {
    if (this.#backslashAt < from) this.#backslashAt = this.#find(BACKSLASH, from);
    return this.#backslashAt;
  }

  #find(byte: number, from: number): number {
    const at = this.#bytes.indexOf(byte, from);
    return at < 0 ? this.#bytes.length : at;
  }

  #skipTo(end: number, from: number, skipWords: typeof skipText): number {
    const bytes = this.#bytes;
    const words = this.#words ??= wordsOf(bytes);
    const base = wordBase(bytes) - bytes.byteOffset;
    const first = from + 3 - base >> 2;
    for (let at = from; at < first * 4 + base; at++) if (bytes[at]! < 0x20) return at;
    return skipWords(words, first, end - base >> 2) * 4 + base;
  }

  #skipPlain(from: number, stop: number): number {
    const bytes = this.#bytes;
    const words = this.#words ??= wordsOf(bytes);
    const base = wordBase(bytes) - bytes.byteOffset;
    const first = from + 3 - base >> 2;
    for (let at = from; at < first * 4 + base; at++) if (IN_STRING[bytes[at]!] !== 0) return at;
    const end = stop - base >> 2;
    let index = first;
    // Two words a round; the last ones of an odd number are looked at byte by byte.
    for (; index + 1 < end; index += 2) {
      if (((notPlain(words[index]!) | notPlain(words[index + 1]!)) & 0x80808080) !== 0) break;
    }
    return index * 4 + base;
  }
}

/** Where the first whole word of `bytes` lies in their memory. */
function wordBase({ byteOffset }: Uint8Array): number {
  return byteOffset + 3 & ~3;
}

function wordsOf(bytes: Uint8Array): Int32Array {
  const base = wordBase(bytes);
  return new Int32Array(bytes.buffer, base, Math.max(0, bytes.byteOffset + bytes.length - base >> 2));
}

/**
 * Sets the highest bit of a byte that is not plain, if all below it are: of one beyond ASCII, which has it; of a control
 * character or a quote, which are what is below 0x21 once the second bit is turned around; of a backslash.
 */
function notPlain(word: number): number {
  return word | ((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101);
}

// Eight words a round; the last ones, and a round in which there is one, are looked at byte by byte. Of each word the lowest
// control character sets its highest bit, and what that borrows can but set more.

/** Of words of ASCII, the index up to which from `first` on there is no control character. */
function skipAscii(words: Int32Array, first: number, end: number): number {
  let at = first;
  for (; at + 7 < end; at += 8) {
    const found = (words[at]! - 0x20202020) | (words[at + 1]! - 0x20202020) | (words[at + 2]! - 0x20202020) |
      (words[at + 3]! - 0x20202020) | (words[at + 4]! - 0x20202020) | (words[at + 5]! - 0x20202020) |
      (words[at + 6]! - 0x20202020) | (words[at + 7]! - 0x20202020);
    if ((found & 0x80808080) !== 0) break;
  }
  return at;
}

/** The same of any: the highest bit of what is beyond ASCII says nothing. */
function skipText(words: Int32Array, first: number, end: number): number {
  let at = first;
  for (; at + 3 < end; at += 4) {
    const a = words[at]!, b = words[at + 1]!, c = words[at + 2]!, d = words[at + 3]!;
    const found = ((a - 0x20202020) & ~a) | ((b - 0x20202020) & ~b) | ((c - 0x20202020) & ~c) | ((d - 0x20202020) & ~d);
    if ((found & 0x80808080) !== 0) break;
  }
  return at;
}
