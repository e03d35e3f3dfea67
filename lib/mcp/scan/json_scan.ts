// One pass over the text of a message: whether it is JSON (RFC 8259) within the depth cap, and where the members stand
// that decide what it is and whom it concerns. Guarantees time linear in the bytes whatever they hold, no memory but its
// own tables, and that no accepted message reads differently in another parser (§4: names SHOULD be unique). It can stop
// at any byte and go on later, so that a long text holds nobody up.
import { endOfLiteral, endOfNumber, IN_STRING, IS_ESCAPED, isDigit, isHex } from "./json_tokens.ts";
import { LongStrings } from "./long_strings.ts";
import {
  findName,
  findSpeltName,
  isAmbiguous,
  MESSAGE,
  type NameReading,
  NO_SCOPE,
  SCOPE_OF,
  SLOTS,
} from "./message_members.ts";

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

/** Bytes of a string before it pays to look at many at a time: that takes a view of the whole text, dear where it is short. */
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
  readonly #long = new LongStrings();
  #maxDepth = 0;
  /** Where the text ends; what stands behind is none of it. */
  #end = 0;
  #at = 0;
  #depth = 0;
  #expects = VALUE;
  /** Where the string begins that a pause has cut; −1 outside of strings. */
  #stringStart = -1;
  /** Of the string at hand: whether it is ASCII without escapes, as far as it has been read. */
  #isPlain = true;
  /** The slot of the member whose value comes next; −1 if it decides nothing. */
  #slot = -1;
  #elements = 0;
  #elementStart = 0;
  /** By depth: whether an object, which scope its names are in, which slot its end closes. */
  #objects = new Uint8Array(0);
  #scopes = new Uint8Array(0);
  #slots = new Int8Array(0);
  readonly #name: NameReading = { exact: 0, folded: 0, twice: false };

  /**
   * @param from where in `bytes` the text begins; members are said to stand where they do in `bytes`
   * @param to where it ends: a number alone that goes on behind it, which is no message either, is a fault of syntax
   */
  begin(bytes: Uint8Array, { maxDepth }: ScanLimits, from = 0, to: number = bytes.length): this {
    this.#bytes = bytes;
    this.#long.begin(bytes);
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
    this.#bytes = NOTHING;
    this.#long.release();
    this.onMessage = undefined;
  }

  /**
   * Reads on for `budget` bytes or a little more. Answers whether it is done: then `fault` says how it went. All that most
   * messages have is read in this one function, and what it knows stands in variables: in fields, with a call for each
   * token, it takes twice as long.
   */
  run(budget: number): boolean {
    if (this.fault !== undefined) return true;
    const { ends } = this;
    const bytes = this.#bytes, objects = this.#objects, scopes = this.#scopes, slots = this.#slots;
    // Integers, and seen to be: a bound that might be infinite makes every comparison with it one of other numbers.
    const stop = budget < this.#end - this.#at ? this.#at + budget | 0 : this.#end;
    let at = this.#at, depth = this.#depth, expects = this.#expects, slot = this.#slot;
    /** Where the string begins that `at` is in; −1 outside of strings. */
    let start = this.#stringStart;
    while (at < stop) {
      const byte = bytes[at]!;
      if (start < 0 && byte === QUOTE) {
        if (expects > FIRST_NAME) return this.#refuse("syntax");
        this.#isPlain = true;
        start = at++;
        // Most are short, plain and here to their end.
        const near = Math.min(start + NEAR, stop);
        while (at < near && IN_STRING[bytes[at]!] === 0) at++;
      }
      if (start >= 0) {
        if (at < stop && bytes[at] !== QUOTE) at = this.#string(at, stop);
        if (at >= stop || this.fault !== undefined) break;
        at++;
        if (expects >= NAME) {
          const scope = scopes[depth]!;
          if (scope !== NO_SCOPE) slot = this.#slotOf(scope, start + 1, at - 1);
          start = -1;
          // Most often what has to follow does, at once.
          const hasColon = bytes[at] === COLON;
          if (hasColon) at++;
          expects = hasColon ? VALUE : AFTER_NAME;
          continue;
        }
        this.#openValue(start, slot, depth);
        start = -1;
      } else if (byte === COMMA) {
        if (expects !== AFTER_VALUE) return this.#refuse("syntax");
        expects = objects[depth] === 1 ? NAME : VALUE;
        at++;
        continue;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (expects > FIRST_VALUE) return this.#refuse("syntax");
        if (depth === this.#maxDepth) return this.#refuse("depth");
        const isObject = byte === OPEN_OBJECT;
        this.#openValue(at, slot, depth);
        if (depth === 0) this.isBatch = !isObject;
        const scope = isObject ? this.#scopeUnder(slot, depth) : NO_SCOPE;
        depth++;
        objects[depth] = isObject ? 1 : 0;
        scopes[depth] = scope;
        slots[depth] = slot;
        slot = -1;
        expects = isObject ? FIRST_NAME : FIRST_VALUE;
        at++;
        continue;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        const isObject = byte === CLOSE_OBJECT;
        if (depth === 0 || (objects[depth] === 1) !== isObject) return this.#refuse("syntax");
        if (expects !== AFTER_VALUE && expects !== (isObject ? FIRST_NAME : FIRST_VALUE)) return this.#refuse("syntax");
        slot = slots[depth]!;
        depth--;
        at++;
        if (depth === 0 && isAmbiguous(this.#name)) return this.#refuse("name");
      } else if (byte === COLON) {
        if (expects !== AFTER_NAME) return this.#refuse("syntax");
        expects = VALUE;
        at++;
        continue;
      } else if (isBlank(byte)) {
        at++;
        continue;
      } else {
        if (expects > FIRST_VALUE) return this.#refuse("syntax");
        this.#openValue(at, slot, depth);
        at = byte === MINUS || isDigit(byte) ? endOfNumber(bytes, at) : endOfLiteral(bytes, at);
        if (at < 0) return this.#refuse("syntax");
      }
      // A value has ended before `at`: that of `slot`, if it decides anything.
      if (slot >= 0) ends[slot] = at;
      slot = -1;
      expects = depth === 0 ? END : AFTER_VALUE;
      if (depth === 1 && this.isBatch) this.#closeElement(at);
      if (this.fault !== undefined) return true;
    }
    this.#at = at;
    this.#depth = depth;
    this.#expects = expects;
    this.#slot = slot;
    this.#stringStart = start;
    if (this.fault !== undefined) return true;
    if (at < this.#end) return false;
    // One that the bytes behind it would go on with has not ended.
    if (at > this.#end || expects !== END) this.fault = "syntax";
    return true;
  }

  #clear(): void {
    const { starts } = this;
    // So few that a call of the runtime's would take longer.
    for (let slot = 0; slot < starts.length; slot++) starts[slot] = -1;
    this.#name.exact = this.#name.folded = 0;
    this.#name.twice = false;
  }

  /** A value begins at `at`: that of `slot`, or an element of a batch. */
  #openValue(at: number, slot: number, depth: number): void {
    if (slot >= 0) this.starts[slot] = at;
    else if (depth === 1 && this.isBatch) this.#elementStart = at;
  }

  #closeElement(at: number): void {
    if (++this.#elements > MAX_BATCH) return void this.#refuse("batch");
    if (isAmbiguous(this.#name)) return void this.#refuse("name");
    this.onMessage?.(this, this.#elementStart, at);
    this.#clear();
    this.isObject = false;
  }

  /** Of the names in an object that is the value of `slot`, `outer` deep in others. */
  #scopeUnder(slot: number, outer: number): number {
    if (slot >= 0) return SCOPE_OF[slot]!;
    if (outer !== (this.isBatch ? 1 : 0)) return NO_SCOPE;
    this.isObject = true;
    return MESSAGE;
  }

  /** Goes on in a string, up to `stop`. @returns where its closing quote is, or how far it has come */
  #string(from: number, stop: number): number {
    const bytes = this.#bytes;
    let at = from;
    if (IN_STRING[bytes[at]!] === 0) at = this.#long.skip(at, stop);
    /** Whether what is beyond ASCII has not been found to be near the end of what is plain. */
    let isFar = true;
    for (;; at++) {
      const near = Math.min(at + NEAR, stop);
      while (at < near && IN_STRING[bytes[at]!] === 0) at++;
      if (at >= stop) return at;
      const kind = IN_STRING[bytes[at]!]!;
      if (kind === 0) at = this.#long.skip(at, stop) - 1;
      else if (kind === 1) {
        this.beyondAscii = true;
        this.#isPlain = false;
        if (isFar) {
          const next = this.#long.skipText(at + 1, stop);
          isFar = next > at + 1;
          at = next - 1;
        }
        while (at + 1 < stop && bytes[at + 1]! >= 0x80) at++;
      } else if (kind === 2) return at;
      else if (kind === 4) {
        this.#refuse("syntax");
        return at;
      } else {
        this.#isPlain = false;
        const escape = bytes[at + 1]!;
        if (IS_ESCAPED[escape] === 1) at++;
        else if (escape === 0x75 && isHex(bytes, at + 2)) at += 5;
        else {
          this.#refuse("syntax");
          return at;
        }
      }
    }
  }

  #slotOf(scope: number, start: number, end: number): number {
    return this.#isPlain
      ? findName(scope, this.#bytes, start, end - start, this.#name)
      : findSpeltName(scope, this.#bytes, start, end, this.#name);
  }

  /** @returns true: it is done */
  #refuse(fault: ScanFault): true {
    this.fault = fault;
    return true;
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
