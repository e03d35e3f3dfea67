// Leaves entries out of the lists in a server's answer, wherever one stands: found by its place in the text and not by what
// was asked, because an answer can come where nobody expects it (docs/behaviour.md G4). Takes a text in pieces of any size,
// passes everything else byte for byte, and holds no more than one entry.
import { parseJson } from "../../platform/json.ts";
import { GatheredBytes } from "../../platform/memory/gathered_bytes.ts";

/** Members of a result that are lists. */
export const LIST_MEMBERS = ["tools", "prompts", "resources", "resourceTemplates"] as const;
export type ListMember = typeof LIST_MEMBERS[number];

/** Whether an entry stays. `entry` is its JSON text. */
export type Keep = (list: ListMember, entry: Uint8Array) => boolean;

/** Of one entry, in bytes. */
const MOST_BYTES = 4 * 1024 * 1024;
/** Longer names are none of those that are looked for. */
const LONGEST_NAME = 128;

const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;

/** Where in a text something stands that matters; whatever is deeper counts as one value. */
const BATCH = 1, MESSAGE = 2, RESULT = 3, LIST = 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const ONE_COMMA = encoder.encode(",");
const PRIVATE = encoder.encode('"private"');
const LISTS: ReadonlySet<string> = new Set(LIST_MEMBERS);

/** An entry that is longer than is held. */
export class EntryTooLong extends Error {
  override readonly name = "EntryTooLong";
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export class ListFilter {
  readonly #keep: Keep;
  readonly #out = new GatheredBytes();
  /** Of what matters, outermost first. */
  #places: number[] = [];
  /** Open arrays and objects below those. */
  #deep = 0;
  #inString = false;
  #escaped = false;
  /** Whether the next string at this place is a name. */
  #wantsName = false;
  #name: GatheredBytes | undefined;
  /** The last name at this place. */
  #member = "";
  #list: ListMember = "tools";
  /** An entry of a list that has begun. */
  #entry: GatheredBytes | undefined;
  #entryIsScalar = false;
  #kept = 0;
  /** A value that another one takes the place of. */
  #replaced = false;
  /** Whether anything was left out or exchanged. */
  changed = false;

  constructor(keep: Keep) {
    this.#keep = keep;
  }

  /** What the bytes become. They may be reused afterwards. @throws EntryTooLong */
  push(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    /** Where what is to be passed on, or belongs to the entry at hand, begins. */
    let from = 0;
    const flush = (to: number) => {
      if (to > from) this.#take(bytes.subarray(from, to));
      from = to;
    };
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#endString(at, flush);
        continue;
      }
      switch (byte) {
        case QUOTE:
          this.#beginString(at, flush);
          break;
        case OPEN_OBJECT:
        case OPEN_ARRAY:
          this.#open(byte === OPEN_OBJECT, at, flush);
          break;
        case CLOSE_OBJECT:
        case CLOSE_ARRAY:
          this.#close(at, flush);
          break;
        case COMMA:
          if (this.#deep === 0) this.#separate(at, flush);
          break;
        case COLON:
          if (this.#deep === 0) this.#wantsName = false;
          break;
        default:
          if (this.#deep === 0 && this.#place === LIST) this.#scalar(byte, at, flush);
      }
    }
    flush(bytes.length);
    return this.#out.take();
  }

  get #place(): number {
    return this.#places.at(-1) ?? 0;
  }

  /** Bytes of the text that nothing has been decided about go where they belong. */
  #take(bytes: Uint8Array): void {
    if (this.#name !== undefined) {
      if (this.#name.size + bytes.length <= LONGEST_NAME) this.#name.add(bytes);
      else this.#name = undefined;
    }
    if (this.#replaced) return;
    if (this.#entry !== undefined) {
      if (this.#entry.size + bytes.length > MOST_BYTES) throw new EntryTooLong();
      this.#entry.add(bytes);
    } else if (this.#place !== LIST) this.#out.add(bytes);
  }

  #beginString(at: number, flush: (to: number) => void): void {
    this.#inString = true;
    if (this.#deep > 0) return;
    const place = this.#place;
    if (place === LIST) this.#beginEntry(at, flush, false);
    else if ((place === MESSAGE || place === RESULT) && this.#wantsName) {
      flush(at);
      this.#name = new GatheredBytes();
    } else if (place === RESULT && this.#member === "cacheScope") {
      // What depends on the caller is nobody else's (docs/protocol.md 29).
      flush(at);
      this.#replaced = true;
    }
  }

  #endString(at: number, flush: (to: number) => void): void {
    this.#inString = false;
    if (this.#deep > 0) return;
    if (this.#replaced) {
      flush(at + 1);
      this.#replaced = false;
      this.#out.add(PRIVATE);
      this.changed = true;
    } else if (this.#wantsName && this.#place !== LIST) {
      flush(at + 1);
      this.#member = this.#name === undefined ? "" : textOf(this.#name.take());
      this.#name = undefined;
    } else if (this.#place === LIST) this.#endEntry(at + 1, flush);
  }

  #open(isObject: boolean, at: number, flush: (to: number) => void): void {
    if (this.#deep > 0) return void this.#deep++;
    const inner = this.#opens(isObject);
    if (this.#place === LIST) this.#beginEntry(at, flush, false);
    if (inner === 0) return void this.#deep++;
    if (inner === LIST) {
      flush(at + 1);
      this.#list = this.#member as ListMember;
      this.#kept = 0;
    }
    this.#places.push(inner);
    this.#wantsName = isObject;
  }

  /** What an array or object is that opens here; 0 where it does not matter. */
  #opens(isObject: boolean): number {
    switch (this.#place) {
      case 0:
        return isObject ? MESSAGE : BATCH;
      case BATCH:
        return isObject ? MESSAGE : 0;
      case MESSAGE:
        return isObject && this.#member === "result" ? RESULT : 0;
      case RESULT:
        return !isObject && LISTS.has(this.#member) ? LIST : 0;
      default:
        return 0;
    }
  }

  #close(at: number, flush: (to: number) => void): void {
    if (this.#deep > 0) {
      if (--this.#deep === 0 && this.#place === LIST) this.#endEntry(at + 1, flush);
      return;
    }
    if (this.#place === LIST) {
      if (this.#entry !== undefined) this.#endEntry(at, flush);
      flush(at); // blanks
    }
    this.#places.pop();
    this.#wantsName = false;
  }

  #separate(at: number, flush: (to: number) => void): void {
    const place = this.#place;
    if (place === MESSAGE || place === RESULT) {
      this.#wantsName = true;
      this.#member = "";
    } else if (place === LIST && this.#entry !== undefined) this.#endEntry(at, flush);
  }

  #scalar(byte: number, at: number, flush: (to: number) => void): void {
    if (isBlank(byte)) {
      if (this.#entry !== undefined) this.#endEntry(at, flush);
    } else if (this.#entry === undefined) this.#beginEntry(at, flush, true);
  }

  #beginEntry(at: number, flush: (to: number) => void, isScalar: boolean): void {
    if (this.#entry !== undefined) return;
    flush(at);
    this.#entry = new GatheredBytes();
    this.#entryIsScalar = isScalar;
  }

  #endEntry(to: number, flush: (to: number) => void): void {
    flush(to);
    const entry = this.#entry?.take();
    this.#entry = undefined;
    if (entry === undefined) return;
    if (this.#entryIsScalar || !this.#keep(this.#list, entry)) {
      this.changed = true;
      return;
    }
    if (this.#kept++ > 0) this.#out.add(ONE_COMMA);
    this.#out.add(entry);
  }
}

/** A name between its quotes, without its escapes; "" for what is none. */
function textOf(quoted: Uint8Array): string {
  try {
    const text: unknown = parseJson(decoder.decode(quoted));
    return typeof text === "string" ? text : "";
  } catch {
    return "";
  }
}
