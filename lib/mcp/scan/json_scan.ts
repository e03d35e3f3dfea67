// One pass over the text of a message: whether it is JSON (RFC 8259) within the depth cap, and where the members stand
// that decide what it is and whom it concerns. Guarantees time linear in the bytes whatever they hold, no memory but its
// own tables, and that no accepted message reads differently in another parser (§4: names SHOULD be unique). It can stop
// at any byte and go on later, so that a long text holds nobody up.
import { endOfLiteral, endOfNumber, IN_STRING, IS_ESCAPED, isDigit, isHex, skipPlain, wordsOf } from "./json_tokens.ts";
import { findName, isAmbiguous, MESSAGE, type NameReading, NO_SCOPE, SCOPE_OF, SLOTS } from "./message_members.ts";

export interface ScanLimits {
  /** Deepest nesting of arrays and objects; the outermost is 1. */
  readonly maxDepth: number;
}

/** What is wrong with a text. `syntax`: no JSON. `depth`: nested beyond the cap. `name`: a deciding member stands twice. */
export type ScanFault = "syntax" | "depth" | "name" | "batch";

/** A batch of more messages than this would hold everybody up, and no client has ever sent one. */
export const MAX_BATCH = 1000;

const QUOTE = 0x22, COMMA = 0x2c, COLON = 0x3a, MINUS = 0x2d;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;

const NOTHING = new Uint8Array(0);

/** Bytes of a string before it pays to look at four at a time: that takes a view of the whole text, dear where it is short. */
const NEAR = 256;

/** What may come next. */
const VALUE = 0, FIRST_VALUE = 1, NAME = 2, FIRST_NAME = 3, AFTER_NAME = 4, AFTER_VALUE = 5, END = 6;

/** Reads one text after the other; `begin`, then `run` until it says that it is done. */
export class JsonScanner {
  /** Where the deciding members of the message at hand stand; `starts` is −1 where there is none. See `SLOTS`. */
  readonly starts: Int32Array = new Int32Array(SLOTS.length).fill(-1);
  readonly ends: Int32Array = new Int32Array(SLOTS.length);
  fault: ScanFault | undefined;
  /** Whether the text is an array; then `onMessage` hears of each of its elements. */
  isBatch = false;
  /** Whether the one value is an object: else there are no members. Of a batch, of the element at hand. */
  isObject = false;
  /** Whether a byte beyond ASCII was seen: then the text may not be UTF-8. */
  beyondAscii = false;
  onMessage: ((scanner: JsonScanner, start: number, end: number) => void) | undefined;
  #bytes: Uint8Array = NOTHING;
  /** The same memory, four bytes at a time; made for the first long string of a text. */
  #words: Int32Array | undefined;
  #maxDepth = 0;
  /** Where the text ends; what stands behind is none of it. */
  #end = 0;
  #at = 0;
  #depth = 0;
  #expects = VALUE;
  /** Where the string begins that a pause has cut; −1 outside of strings. */
  #stringStart = -1;
  #stringFlags = 0;
  /** The slot of the member whose value comes next; −1 if it decides nothing. */
  #slot = -1;
  #elements = 0;
  #elementStart = 0;
  /** By depth: whether an object, which scope its names are in, which slot its end closes. */
  #objects = new Uint8Array(0);
  #scopes = new Uint8Array(0);
  #slots = new Int8Array(0);
  readonly #name: NameReading = { exact: 0, folded: 0, twice: false };
  /** Scratch: one for all names. */
  readonly #text: { bytes: Uint8Array; start: number; end: number; isPlain: boolean } = {
    bytes: NOTHING,
    start: 0,
    end: 0,
    isPlain: true,
  };

  /**
   * @param from where in `bytes` the text begins; members are said to stand where they do in `bytes`
   * @param to where it ends: a number alone that goes on behind it, which is no message either, is a fault of syntax
   */
  begin(bytes: Uint8Array, { maxDepth }: ScanLimits, from = 0, to: number = bytes.length): this {
    this.#bytes = this.#text.bytes = bytes;
    this.#words = undefined;
    if (this.#objects.length <= maxDepth) {
      this.#objects = new Uint8Array(maxDepth + 1);
      this.#scopes = new Uint8Array(maxDepth + 1);
      this.#slots = new Int8Array(maxDepth + 1);
    }
    this.#maxDepth = maxDepth;
    this.#at = from;
    this.#end = to;
    this.#depth = this.#elements = 0;
    this.#expects = VALUE;
    this.#stringStart = this.#slot = -1;
    this.fault = undefined;
    this.isBatch = this.isObject = this.beyondAscii = false;
    this.#clear();
    return this;
  }

  /** Lets go of the text, so that nothing borrowed outlives its exchange. */
  release(): void {
    this.#bytes = this.#text.bytes = NOTHING;
    this.#words = undefined;
    this.onMessage = undefined;
  }

  /** Reads on for `budget` bytes or a little more. Answers whether it is done: then `fault` says how it went. */
  run(budget: number): boolean {
    const bytes = this.#bytes;
    const stop = Math.min(this.#end, this.#at + budget);
    let at = this.#at;
    if (this.#stringStart >= 0) at = this.#string(at, stop);
    while (at < stop && this.fault === undefined) {
      const byte = bytes[at]!;
      if (byte === QUOTE) at = this.#openString(at, stop);
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) at = this.#open(at, byte === OPEN_OBJECT);
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) at = this.#close(at, byte === CLOSE_OBJECT);
      else at = this.#rest(at, byte);
    }
    this.#at = at;
    if (this.fault !== undefined) return true;
    if (at < this.#end) return false;
    // One that the bytes behind it would go on with has not ended.
    if (at > this.#end || this.#expects !== END) this.fault = "syntax";
    return true;
  }

  #clear(): void {
    const { starts } = this;
    // So few that a call of the runtime's would take longer.
    for (let slot = 0; slot < starts.length; slot++) starts[slot] = -1;
    this.#name.exact = this.#name.folded = 0;
    this.#name.twice = false;
  }

  // Each of what follows reads from `at` on, and answers how far it has come.

  /** What stands between strings, objects and arrays. */
  #rest(at: number, byte: number): number {
    switch (byte) {
      case 0x20:
      case 0x0a:
      case 0x0d:
      case 0x09:
        return at + 1;
      case COMMA:
        if (this.#expects !== AFTER_VALUE) return this.#refuse("syntax", at);
        this.#expects = this.#objects[this.#depth] === 1 ? NAME : VALUE;
        return at + 1;
      case COLON:
        if (this.#expects !== AFTER_NAME) return this.#refuse("syntax", at);
        this.#expects = VALUE;
        return at + 1;
      default:
        return this.#scalar(at, byte);
    }
  }

  #scalar(at: number, byte: number): number {
    if (this.#expects > FIRST_VALUE) return this.#refuse("syntax", at);
    const end = byte === MINUS || isDigit(byte) ? endOfNumber(this.#bytes, at) : endOfLiteral(this.#bytes, at);
    if (end < 0) return this.#refuse("syntax", at);
    this.#openValue(at);
    return this.#closeValue(this.#slot, end);
  }

  #openValue(at: number): void {
    if (this.#slot >= 0) this.starts[this.#slot] = at;
    else if (this.isBatch && this.#depth === 1) this.#elementStart = at;
  }

  /** A value has ended before `at`: the one of slot `slot`. */
  #closeValue(slot: number, at: number): number {
    if (slot >= 0) this.ends[slot] = at;
    this.#slot = -1;
    this.#expects = this.#depth === 0 ? END : AFTER_VALUE;
    if (this.isBatch && this.#depth === 1) this.#closeElement(at);
    return at;
  }

  #closeElement(at: number): void {
    if (++this.#elements > MAX_BATCH) return void this.#refuse("batch", at);
    if (isAmbiguous(this.#name)) return void this.#refuse("name", at);
    this.onMessage?.(this, this.#elementStart, at);
    this.#clear();
    this.isObject = false;
  }

  #open(at: number, isObject: boolean): number {
    if (this.#expects > FIRST_VALUE) return this.#refuse("syntax", at);
    if (this.#depth === this.#maxDepth) return this.#refuse("depth", at);
    this.#openValue(at);
    const outer = this.#depth++;
    this.#objects[this.#depth] = isObject ? 1 : 0;
    this.#slots[this.#depth] = this.#slot;
    this.#scopes[this.#depth] = isObject ? this.#scopeUnder(outer) : NO_SCOPE;
    if (outer === 0) this.isBatch = !isObject;
    this.#slot = -1;
    this.#expects = isObject ? FIRST_NAME : FIRST_VALUE;
    return at + 1;
  }

  #scopeUnder(outer: number): number {
    if (this.#slot >= 0) return SCOPE_OF[this.#slot]!;
    if (outer !== (this.isBatch ? 1 : 0)) return NO_SCOPE;
    this.isObject = true;
    return MESSAGE;
  }

  #close(at: number, isObject: boolean): number {
    const expected = isObject ? FIRST_NAME : FIRST_VALUE;
    if (this.#depth === 0 || (this.#objects[this.#depth] === 1) !== isObject) return this.#refuse("syntax", at);
    if (this.#expects !== AFTER_VALUE && this.#expects !== expected) return this.#refuse("syntax", at);
    const slot = this.#slots[this.#depth]!;
    this.#depth--;
    this.#closeValue(slot, at + 1);
    if (this.#depth === 0 && isAmbiguous(this.#name)) this.#refuse("name", at);
    return at + 1;
  }

  #openString(at: number, stop: number): number {
    if (this.#expects > FIRST_NAME) return this.#refuse("syntax", at);
    if (this.#expects <= FIRST_VALUE) this.#openValue(at);
    this.#stringStart = at;
    this.#stringFlags = 0;
    return this.#string(at + 1, stop);
  }

  /** Goes on in a string, up to `stop`. */
  #string(from: number, stop: number): number {
    const bytes = this.#bytes;
    const near = Math.min(from + NEAR, stop);
    let at = from;
    while (at < near && IN_STRING[bytes[at]!] === 0) at++;
    if (at === near && near < stop) at = this.#skipPlain(at, stop);
    let flags = this.#stringFlags;
    for (;; at++) {
      while (at < stop && IN_STRING[bytes[at]!] === 0) at++;
      if (at >= stop) break;
      const kind = IN_STRING[bytes[at]!]!;
      if (kind === 2) return this.#closeString(at + 1, flags);
      if (kind === 1) flags |= 1;
      else if (kind === 4) return this.#refuse("syntax", at);
      else {
        flags |= 2;
        const escape = bytes[at + 1]!;
        if (IS_ESCAPED[escape] === 1) at++;
        else if (escape === 0x75 && isHex(bytes, at + 2)) at += 5;
        else return this.#refuse("syntax", at);
      }
    }
    this.#stringFlags = flags;
    return at;
  }

  #skipPlain(from: number, stop: number): number {
    return skipPlain(this.#bytes, { words: this.#words ??= wordsOf(this.#bytes), from, stop });
  }

  #closeString(at: number, flags: number): number {
    const start = this.#stringStart;
    this.#stringStart = -1;
    if ((flags & 1) !== 0) this.beyondAscii = true;
    if (this.#expects <= FIRST_VALUE) return this.#closeValue(this.#slot, at);
    const scope = this.#scopes[this.#depth]!;
    if (scope !== NO_SCOPE) {
      this.#text.start = start + 1;
      this.#text.end = at - 1;
      this.#text.isPlain = flags === 0;
      this.#slot = findName(scope, this.#text, this.#name);
    }
    // Most often what has to follow does, at once.
    const hasColon = this.#bytes[at] === COLON;
    this.#expects = hasColon ? VALUE : AFTER_NAME;
    return hasColon ? at + 1 : at;
  }

  #refuse(fault: ScanFault, at: number): number {
    this.fault = fault;
    return at;
  }
}
