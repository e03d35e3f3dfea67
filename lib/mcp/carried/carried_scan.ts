// Finds in a server's message, as its bytes come, what its client is to bring back. One pass in pieces of any size, linear
// in the bytes, no memory but a name under way and what was found; it judges nothing: of what is no JSON nobody can read
// anything either. Where a value has begun that is to be exchanged is always known, so that no part of it goes out.
import { spells } from "../json/json_text.ts";
import { META_RELATED_TASK } from "./carried_members.ts";
import { type FoundKind, isLeaf, type Leaf, type Node } from "./carried_tree.ts";

export interface Found {
  readonly kind: FoundKind;
  /** Of a `taskId`: whether it is one only if the message's method says so. */
  readonly ifAboutTask: boolean;
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;

/** Where in a value the pass stands. */
const BETWEEN = 0, IN_NAME = 1, IN_STRING = 2, IN_SCALAR = 3;

/** Longest name that is looked for, every letter of it escaped. */
const MAX_NAME_BYTES = 6 * META_RELATED_TASK.length;

const BEGINS_SCALAR = new Uint8Array(256);
for (const char of "-0123456789tfn") BEGINS_SCALAR[char.charCodeAt(0)] = 1;

/** As in `json_text.ts`: beyond so many bytes it pays to have the runtime look for the quote. */
const NEAR = 48;

export class CarriedScan {
  /** In the order of the text. */
  found: Found[] = [];
  /** Whether a value was found that is no scalar: it can neither be exchanged nor be let out. */
  unfit = false;
  readonly #root: Node;
  #at = 0;
  #depth = 0;
  /** The nodes of the containers from the outermost in, as far as something is looked for in them. */
  readonly #nodes: Node[] = [];
  /** By depth: whether an object. Only as deep as `#nodes`. */
  readonly #objects: boolean[] = [];
  #where = BETWEEN;
  #escaped = false;
  /** In an object: whether a name comes next. */
  #wantsName = false;
  readonly #name = new Uint8Array(MAX_NAME_BYTES);
  #nameLength = 0;
  /** What the next value is, if it is looked for. */
  #next: Node | Leaf | undefined;
  /** The value under way, and where it begins; −1 if it is not looked for. */
  #leaf: Leaf | undefined;
  #leafStart = -1;

  constructor(root: Node) {
    this.#root = root;
    this.#next = root;
  }

  /** Where the value begins that is under way and is looked for; −1 outside of one. */
  get openAt(): number {
    return this.#leafStart;
  }

  /** Whether anything of a message has come. */
  get begun(): boolean {
    return this.#depth > 0 || this.#where !== BETWEEN || this.#next !== this.#root;
  }

  /** The next text is another message. */
  reset(): void {
    this.found = [];
    this.unfit = false;
    this.#at =
      this.#depth =
      this.#nodes.length =
      this.#objects.length =
      this.#nameLength =
        0;
    this.#where = BETWEEN;
    this.#escaped = this.#wantsName = false;
    this.#next = this.#root;
    this.#leaf = undefined;
    this.#leafStart = -1;
  }

  /** What was found so far has been seen to. */
  forget(): void {
    this.found = [];
  }

  /** The bytes move to the front by so many. */
  shift(by: number): void {
    this.found = this.found.map((each) => ({ ...each, start: each.start - by, end: each.end - by }));
    if (this.#leafStart >= 0) this.#leafStart -= by;
  }

  /** Reads `bytes` from `from` to `to`; what is found has positions in `bytes`. */
  push(bytes: Uint8Array, from: number, to: number): void {
    for (this.#at = from; this.#at < to;) {
      switch (this.#where) {
        case BETWEEN:
          this.#between(bytes[this.#at]!);
          break;
        case IN_SCALAR:
          this.#scalar(bytes, to);
          break;
        default:
          this.#string(bytes, to);
      }
    }
  }

  /** The text has ended: so has a scalar that nothing stands behind. */
  end(at: number): void {
    if (this.#where === IN_SCALAR) this.#close(at);
  }

  #between(byte: number): void {
    const at = this.#at++;
    switch (byte) {
      case 0x20:
      case 0x0a:
      case 0x0d:
      case 0x09:
      case COLON:
        return;
      case COMMA:
        return this.#afterComma();
      case QUOTE:
        if (this.#wantsName) {
          this.#where = IN_NAME;
          this.#nameLength = 0;
          this.#wantsName = false;
        } else this.#open(at, IN_STRING);
        return;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        return this.#enter(byte === OPEN_OBJECT);
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        return this.#leave();
      default:
        // What begins no value is passed over: a byte order mark, for one.
        if (BEGINS_SCALAR[byte] === 1) this.#open(at, IN_SCALAR);
    }
  }

  #open(at: number, where: number): void {
    this.#where = where;
    const next = this.#next;
    if (next === undefined || !isLeaf(next)) return;
    this.#leaf = next;
    this.#leafStart = at;
  }

  /** The scalar or string under way ends before `end`. */
  #close(end: number): void {
    this.#where = BETWEEN;
    if (this.#leaf === undefined) return;
    this.found.push({ ...this.#leaf, start: this.#leafStart, end });
    this.#leaf = undefined;
    this.#leafStart = -1;
  }

  #scalar(bytes: Uint8Array, to: number): void {
    while (this.#at < to) {
      const byte = bytes[this.#at]!;
      if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte <= 0x20) {
        return this.#close(this.#at);
      }
      this.#at++;
    }
  }

  #string(bytes: Uint8Array, to: number): void {
    const from = this.#at, isName = this.#where === IN_NAME;
    const end = this.#endOfString(bytes, to);
    if (end >= 0) this.#at = end + 1;
    if (!isName) {
      if (end >= 0) this.#close(end + 1);
    } else if (end >= 0 && this.#nameLength === 0) this.#closeName(bytes, from, end);
    else {
      this.#gatherName(bytes, from, end < 0 ? to : end);
      if (end < 0) return;
      const length = this.#nameLength;
      // One that is too long is none that is looked for.
      this.#closeName(this.#name, 0, length > MAX_NAME_BYTES ? 0 : length);
    }
  }

  /** Where the string under way closes; −1 if it goes on. */
  #endOfString(bytes: Uint8Array, to: number): number {
    let at = this.#escaped ? this.#at + 1 : this.#at;
    const near = Math.min(to, at + NEAR);
    for (; at < near; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.#escaped = false;
        return at;
      }
      if (byte === BACKSLASH) at++;
    }
    return at < to ? this.#farEndOfString(bytes, at, to) : this.#leaveString(at, to);
  }

  /** The same where no quote is near: the runtime finds the next. @param from no byte that a backslash stands before */
  #farEndOfString(bytes: Uint8Array, from: number, to: number): number {
    const text = bytes.length === to ? bytes : bytes.subarray(0, to);
    for (let at = from; at < to;) {
      const quote = text.indexOf(QUOTE, at);
      const end = quote < 0 ? to : quote;
      let slashes = 0;
      while (end - 1 - slashes >= at && text[end - 1 - slashes] === BACKSLASH) slashes++;
      const isEscaped = slashes % 2 === 1;
      if (quote < 0) return this.#leaveString(isEscaped ? to + 1 : to, to);
      this.#escaped = false;
      if (!isEscaped) return quote;
      at = quote + 1;
    }
    return this.#leaveString(to, to);
  }

  /** @param at what comes next of the string; beyond `to` if a backslash stands last */
  #leaveString(at: number, to: number): number {
    this.#escaped = at > to;
    this.#at = to;
    return -1;
  }

  /** One that is too long is counted only. */
  #gatherName(bytes: Uint8Array, from: number, to: number): void {
    const length = this.#nameLength + to - from;
    if (length <= MAX_NAME_BYTES) this.#name.set(bytes.subarray(from, to), this.#nameLength);
    this.#nameLength = length;
  }

  /** The name is what `bytes` have from `from` to `to`, between its quotes. */
  #closeName(bytes: Uint8Array, from: number, to: number): void {
    this.#where = BETWEEN;
    this.#next = undefined;
    const members = this.#nodes[this.#depth - 1]?.members;
    if (members === undefined) return;
    for (let i = 0; i < members.length; i++) {
      const { name, value } = members[i]!;
      if (to - from >= name.length && spells(bytes, name, from - 1, to + 1)) this.#next = value;
    }
  }

  #enter(isObject: boolean): void {
    const node = this.#next;
    if (node !== undefined && isLeaf(node) && !node.ifAboutTask) this.unfit = true;
    const watched = node === undefined || isLeaf(node) ? undefined : node;
    // Of others nothing needs to be remembered but how deep they are.
    if (watched !== undefined) {
      this.#nodes.push(watched);
      this.#objects.push(isObject);
    }
    this.#depth++;
    this.#wantsName = isObject && watched !== undefined;
    this.#next = isObject ? undefined : watched?.items;
  }

  #leave(): void {
    if (this.#depth > 0) this.#depth--;
    if (this.#nodes.length > this.#depth) this.#nodes.length = this.#objects.length = this.#depth;
    this.#wantsName = false;
    this.#next = undefined;
  }

  #afterComma(): void {
    const node = this.#nodes.length === this.#depth ? this.#nodes[this.#depth - 1] : undefined;
    const isObject = this.#objects[this.#depth - 1] === true;
    this.#wantsName = node !== undefined && isObject;
    this.#next = node === undefined || isObject ? undefined : node.items;
  }
}
