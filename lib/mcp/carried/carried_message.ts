// A message of a server's on its way to a stateless client, held until it can go out with what the client is to bring back
// exchanged. Guarantees: nothing that is to be exchanged goes out in part or as it was; no more is held than
// `MAX_HELD_BYTES` or the longest value.
import { Buffer } from "node:buffer";
import { SignetError } from "../../errors.ts";
import { asciiBytes, decodeLatin1 } from "../../http1/wire/latin1.ts";
import { parseJson } from "../../platform/json.ts";
import { RUNTIME } from "../../platform/runtime/runtime.ts";
import { type Change, spliced } from "../json/json_splice.ts";
import { type Carries, isAboutTask } from "./carried_members.ts";
import { CarriedScan } from "./carried_scan.ts";
import { type FoundKind, type Node, watchFor } from "./carried_tree.ts";

export type ExchangedKind = Exclude<FoundKind, "id" | "method">;

/** How messages are changed. */
export interface Exchanging {
  readonly carries: Carries;
  /**
   * What stands in the answer in place of a value's JSON text, or between quotes if it is a text (ASCII); undefined where it
   * is none that can be passed on.
   */
  exchange(kind: ExchangedKind, token: Uint8Array): Uint8Array | string | undefined;
  /** The answer in place of one with a value that cannot be passed on, to the request of this id (JSON text). */
  instead(id: Uint8Array): Uint8Array;
}

/** Longer messages go out piece by piece. */
const MAX_HELD_BYTES = 256 * 1024;
/** No value that is exchanged is longer. */
const MAX_VALUE_BYTES = 128 * 1024;

const NOTHING = new Uint8Array(0);
const NULL_ID = new TextEncoder().encode("null");

const decoder = new TextDecoder();
const { indexOf } = Buffer.prototype as unknown as { indexOf(this: Uint8Array, wanted: Uint8Array): number };

/** Bytes that have come and not gone out, the message under way among them, and what was found in it. */
export class CarriedMessage {
  readonly scan: CarriedScan;
  readonly #options: Exchanging;
  #buffer: Uint8Array = NOTHING;
  /** Whether `#buffer` is its giver's. */
  #isLent = false;
  #start = 0;
  #end = 0;
  #method: string | undefined;
  #id: Uint8Array | undefined;
  /** Whether some of the message has gone out. */
  #isCut = false;

  constructor(options: Exchanging) {
    this.#options = options;
    this.scan = new CarriedScan(watchedIn(options.carries).root);
  }

  get bytes(): Uint8Array {
    return this.#buffer;
  }

  /** Where in `bytes` what has come ends. */
  get end(): number {
    return this.#end;
  }

  get size(): number {
    return this.#end - this.#start;
  }

  mayHold(text: Uint8Array): boolean {
    return mayCarry(text, this.#options.carries);
  }

  /** Takes `piece`, which nobody may change before `keep`. @returns by how much what was held has moved to the front */
  add(piece: Uint8Array): number {
    if (this.#start === this.#end) {
      this.#buffer = piece;
      this.#isLent = true;
      const moved = this.#start;
      this.#start = 0;
      this.#end = piece.length;
      return moved;
    }
    const moved = this.#hold(this.size + piece.length);
    this.#buffer.set(piece, this.#end);
    this.#end += piece.length;
    return moved;
  }

  /** What is still held is copied, if it is somebody else's. @returns as `add` */
  keep(): number {
    return this.#isLent && this.#start < this.#end ? this.#hold(this.size) : 0;
  }

  /** Moves what is held to the front of memory of its own, with room for `size` bytes. @returns as `add` */
  #hold(size: number): number {
    const moved = this.#start, held = this.size;
    if (size > this.#buffer.length || this.#isLent) {
      const bigger = new Uint8Array(Math.max(size, Math.min(this.#buffer.length * 2, MAX_HELD_BYTES * 2)));
      bigger.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = bigger;
      this.#isLent = false;
    } else if (moved > 0) this.#buffer.copyWithin(0, this.#start, this.#end);
    if (moved > 0) this.scan.shift(moved);
    this.#start = 0;
    this.#end = held;
    return moved;
  }

  /** Of a message that is longer than what is held, what can go out by now. @throws SignetError `upstream_invalid` */
  relieve(): Uint8Array {
    const { openAt, unfit } = this.scan;
    if (openAt >= 0 && this.#end - openAt > MAX_VALUE_BYTES) throw unfitAnswer();
    if (this.size <= MAX_HELD_BYTES) return NOTHING;
    if (unfit) throw unfitAnswer();
    return this.#cut(openAt >= 0 ? openAt : this.#end);
  }

  /** What belongs to no message, up to `end`. */
  takePlain(end: number): Uint8Array {
    const plain = this.#buffer.slice(this.#start, end);
    this.#drop(end);
    return plain;
  }

  /**
   * The message whose text ends at `end`, exchanged. Of one that breaks off inside a value, what is before that.
   * @param framed what an answer in its place is put into
   */
  take(end: number, framed: (message: Uint8Array) => Uint8Array): Uint8Array {
    const { openAt } = this.scan;
    const out = this.#spliced(openAt >= 0 ? openAt : end) ?? this.#instead(framed);
    this.#drop(end);
    this.scan.reset();
    this.#method = this.#id = undefined;
    this.#isCut = false;
    return out;
  }

  /** A notification is left out; an answer is answered in its place. */
  #instead(framed: (message: Uint8Array) => Uint8Array): Uint8Array {
    if (this.#isCut) throw unfitAnswer();
    const id = this.#foundId();
    const isNotification = id === undefined && this.#foundMethod() !== undefined;
    return isNotification ? NOTHING : framed(this.#options.instead(id ?? NULL_ID));
  }

  #cut(end: number): Uint8Array {
    const out = this.#spliced(end);
    if (out === undefined) throw unfitAnswer();
    this.#id = this.#foundId()?.slice();
    this.#method = this.#foundMethod();
    this.#isCut = true;
    this.scan.forget();
    this.#drop(end);
    return out;
  }

  #last(wanted: FoundKind): Uint8Array | undefined {
    const found = this.scan.found.findLast(({ kind }) => kind === wanted);
    return found === undefined ? undefined : this.#buffer.subarray(found.start, found.end);
  }

  #foundId(): Uint8Array | undefined {
    return this.#last("id") ?? this.#id;
  }

  #foundMethod(): string | undefined {
    const method = this.#last("method");
    if (method === undefined) return this.#method;
    try {
      return String(parseJson(decoder.decode(method)));
    } catch {
      return undefined;
    }
  }

  /** The bytes up to `end`, exchanged; undefined if something cannot be. */
  #spliced(end: number): Uint8Array | undefined {
    if (this.scan.unfit) return undefined;
    const method = this.#foundMethod();
    const changes: Change[] = [];
    for (const span of this.scan.found) {
      const { kind, ifAboutTask, start, end } = span;
      if (kind === "id" || kind === "method") continue;
      // Where nobody has said yet what the message is, it may be about a task.
      if (ifAboutTask && method !== undefined && !isAboutTask(method)) continue;
      const token = this.#buffer.subarray(start, end);
      if (isNull(token)) continue;
      const value = this.#options.exchange(kind, token);
      if (value === undefined) return undefined;
      changes.push({ span, value });
    }
    return spliced(this.#buffer, changes, { start: this.#start, end });
  }

  #drop(end: number): void {
    this.#start = end;
    if (this.#start < this.#end) return;
    this.#start = this.#end = 0;
    this.#buffer = NOTHING;
    this.#isLent = false;
  }
}

/** Whether the text of whole messages may hold anything; quick, and only "no" is certain. A name may have escapes. */
export function mayCarry(text: Uint8Array, carries: Carries): boolean {
  const { marks, markBytes } = watchedIn(carries);
  // There the runtime finds bytes where they lie; elsewhere it takes ten times as long as in a text made of them.
  if (RUNTIME === "bun") {
    for (let i = 0; i < markBytes.length; i++) if (indexOf.call(text, markBytes[i]!) >= 0) return true;
    return false;
  }
  const latin1 = decodeLatin1(text, 0, text.length);
  for (let i = 0; i < marks.length; i++) if (latin1.includes(marks[i]!)) return true;
  return false;
}

interface Watched {
  readonly root: Node;
  /** Texts of which one is in every message that holds anything. */
  readonly marks: readonly string[];
  readonly markBytes: readonly Uint8Array[];
}

/** By kind of method: a handful. */
const WATCHED = new Map<Carries, Watched>();

function watchedIn(carries: Carries): Watched {
  let watched = WATCHED.get(carries);
  if (watched === undefined) {
    const { state, task, cursor } = carries;
    const names = [state && "requestState", task && "taskId", cursor && "nextCursor"];
    const marks = [...names.filter((name) => name !== false), "\\u00"];
    watched = { root: watchFor(carries), marks, markBytes: marks.map(asciiBytes) };
    if (WATCHED.size < 64) WATCHED.set(carries, watched);
  }
  return watched;
}

function isNull(token: Uint8Array): boolean {
  return token.length === 4 && token[0] === 0x6e;
}

function unfitAnswer(): SignetError {
  return new SignetError("upstream_invalid", {
    facts: { found: "a state, a task's id or a cursor that is no text, or longer than can be sealed" },
    remedy: "Have the MCP server give shorter ones; or let it keep them as they are (--seal-state off).",
  });
}
