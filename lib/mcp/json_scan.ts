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

/** From here on it pays to look at four bytes at a time. */
const LONG_STRING = 256;

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

  begin(bytes: Uint8Array, { maxDepth }: ScanLimits): this {
    this.#bytes = bytes;
    this.#words = undefined;
    if (this.#objects.length <= maxDepth) {
      this.#objects = new Uint8Array(maxDepth + 1);
      this.#scopes = new Uint8Array(maxDepth + 1);
      this.#slots = new Int8Array(maxDepth + 1);
    }
    this.#maxDepth = maxDepth;
    this.#at = this.#depth = this.#elements = 0;
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
    const stop = Math.min(bytes.length, this.#at + budget);
    while (this.#at < stop && this.fault === undefined) {
      if (this.#stringStart >= 0) this.#string(stop);
      else this.#token(bytes[this.#at]!, stop);
    }
    if (this.fault !== undefined) return true;
    if (this.#at < bytes.length) return false;
    if (this.#expects !== END) this.fault = "syntax";
    return true;
  }

  #clear(): void {
    this.starts.fill(-1);
    this.#name.exact = this.#name.folded = 0;
    this.#name.twice = false;
  }

  #token(byte: number, stop: number): void {
    switch (byte) {
      case 0x20:
      case 0x0a:
      case 0x0d:
      case 0x09:
        this.#at++;
        return;
      case QUOTE:
        if (this.#expects > FIRST_NAME) return this.#refuse("syntax");
        if (this.#expects <= FIRST_VALUE) this.#openValue();
        this.#stringStart = this.#at++;
        this.#stringFlags = 0;
        return this.#string(stop);
      case COLON:
        if (this.#expects !== AFTER_NAME) return this.#refuse("syntax");
        this.#expects = VALUE;
        this.#at++;
        return;
      case COMMA:
        if (this.#expects !== AFTER_VALUE) return this.#refuse("syntax");
        this.#expects = this.#objects[this.#depth] === 1 ? NAME : VALUE;
        this.#at++;
        return;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        return this.#open(byte === OPEN_OBJECT);
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        return this.#close(byte === CLOSE_OBJECT);
      default:
        return this.#scalar(byte);
    }
  }

  #scalar(byte: number): void {
    if (this.#expects > FIRST_VALUE) return this.#refuse("syntax");
    const end = byte === MINUS || isDigit(byte)
      ? endOfNumber(this.#bytes, this.#at)
      : endOfLiteral(this.#bytes, this.#at);
    if (end < 0) return this.#refuse("syntax");
    this.#openValue();
    this.#at = end;
    this.#closeValue(this.#slot);
  }

  #openValue(): void {
    if (this.#slot >= 0) this.starts[this.#slot] = this.#at;
    else if (this.isBatch && this.#depth === 1) this.#elementStart = this.#at;
  }

  /** A value has ended before `#at`: the one of slot `slot`. */
  #closeValue(slot: number): void {
    if (slot >= 0) this.ends[slot] = this.#at;
    this.#slot = -1;
    this.#expects = this.#depth === 0 ? END : AFTER_VALUE;
    if (this.isBatch && this.#depth === 1) this.#closeElement();
  }

  #closeElement(): void {
    if (++this.#elements > MAX_BATCH) return this.#refuse("batch");
    if (isAmbiguous(this.#name)) return this.#refuse("name");
    this.onMessage?.(this, this.#elementStart, this.#at);
    this.#clear();
    this.isObject = false;
  }

  #open(isObject: boolean): void {
    if (this.#expects > FIRST_VALUE) return this.#refuse("syntax");
    if (this.#depth === this.#maxDepth) return this.#refuse("depth");
    this.#openValue();
    const outer = this.#depth++;
    this.#objects[this.#depth] = isObject ? 1 : 0;
    this.#slots[this.#depth] = this.#slot;
    this.#scopes[this.#depth] = isObject ? this.#scopeUnder(outer) : NO_SCOPE;
    if (outer === 0) this.isBatch = !isObject;
    this.#slot = -1;
    this.#expects = isObject ? FIRST_NAME : FIRST_VALUE;
    this.#at++;
  }

  #scopeUnder(outer: number): number {
    if (this.#slot >= 0) return SCOPE_OF[this.#slot]!;
    if (outer !== (this.isBatch ? 1 : 0)) return NO_SCOPE;
    this.isObject = true;
    return MESSAGE;
  }

  #close(isObject: boolean): void {
    const expected = isObject ? FIRST_NAME : FIRST_VALUE;
    if (this.#depth === 0 || (this.#objects[this.#depth] === 1) !== isObject) return this.#refuse("syntax");
    if (this.#expects !== AFTER_VALUE && this.#expects !== expected) return this.#refuse("syntax");
    const slot = this.#slots[this.#depth]!;
    this.#depth--;
    this.#at++;
    this.#closeValue(slot);
    if (this.#depth === 0 && isAmbiguous(this.#name)) this.#refuse("name");
  }

  /** Goes on in a string, up to `stop`. */
  #string(stop: number): void {
    const bytes = this.#bytes;
    let at = stop - this.#at < LONG_STRING ? this.#at : this.#skipPlain(stop);
    let flags = this.#stringFlags;
    while (at < stop) {
      const kind = IN_STRING[bytes[at]!]!;
      if (kind === 0) at++;
      else if (kind === 2) {
        this.#at = at + 1;
        return this.#closeString(flags);
      } else if (kind === 1) {
        flags |= 1;
        at++;
      } else if (kind === 4) return this.#refuse("syntax");
      else {
        flags |= 2;
        const escape = bytes[at + 1]!;
        if (IS_ESCAPED[escape] === 1) at += 2;
        else if (escape === 0x75 && isHex(bytes, at + 2)) at += 6;
        else return this.#refuse("syntax");
      }
    }
    this.#at = at;
    this.#stringFlags = flags;
  }

  #skipPlain(stop: number): number {
    return skipPlain(this.#bytes, { words: this.#words ??= wordsOf(this.#bytes), from: this.#at, stop });
  }

  #closeString(flags: number): void {
    const start = this.#stringStart;
    this.#stringStart = -1;
    if ((flags & 1) !== 0) this.beyondAscii = true;
    if (this.#expects <= FIRST_VALUE) return this.#closeValue(this.#slot);
    const scope = this.#scopes[this.#depth]!;
    if (scope !== NO_SCOPE) {
      this.#text.bytes = this.#bytes;
      this.#text.start = start + 1;
      this.#text.end = this.#at - 1;
      this.#text.isPlain = flags === 0;
      this.#slot = findName(scope, this.#text, this.#name);
    }
    this.#expects = AFTER_NAME;
  }

  #refuse(fault: ScanFault): void {
    this.fault = fault;
  }
}
