// A server's answer on its way to a stateless client, with what the client is to bring back exchanged on the way: JSON, or
// a stream of events (WHATWG HTML §9.2), in pieces of any size. All else passes as the bytes it came as, and an event that
// has ended at once.
import { joinBytes } from "../../platform/memory/join_bytes.ts";
import { BYTE_ORDER_MARK } from "../json/byte_order_mark.ts";
import { CarriedMessage, type Exchanging } from "./carried_message.ts";

const LF = 0x0a, CR = 0x0d, COLON = 0x3a, SPACE = 0x20;
const DATA = new TextEncoder().encode("data");
const DATA_FIELD = new TextEncoder().encode("event: message\ndata: "), EVENT_END = new TextEncoder().encode("\n\n");

/** One answer, piece by piece. */
export interface Splicer {
  /** Bytes held now. */
  readonly held: number;
  /** What can go out once `piece` has come; it may be reused afterwards. @throws SignetError `upstream_invalid` */
  push(piece: Uint8Array): Uint8Array;
  /** What is left. @throws SignetError `upstream_invalid` */
  end(): Uint8Array;
  /** All of an answer that is here whole, in place of `push` and `end`. @throws SignetError `upstream_invalid` */
  whole(answer: Uint8Array): Uint8Array;
}

export class JsonSplicer implements Splicer {
  readonly #message: CarriedMessage;

  constructor(options: Exchanging) {
    this.#message = new CarriedMessage(options);
  }

  get held(): number {
    return this.#message.size;
  }

  push(piece: Uint8Array): Uint8Array {
    const message = this.#message;
    message.add(piece);
    message.scan.push(message.bytes, message.end - piece.length, message.end);
    const out = message.relieve();
    message.keep();
    return out;
  }

  end(): Uint8Array {
    const message = this.#message;
    message.scan.end(message.end);
    return message.take(message.end, unframed);
  }

  whole(answer: Uint8Array): Uint8Array {
    const message = this.#message;
    message.add(answer);
    message.scan.push(answer, 0, answer.length);
    return this.end();
  }
}

/** Where in a line of a stream its reader stands. */
const NAME = 0, AFTER_COLON = 1, IN_DATA = 2, SKIPPED = 3;

export class EventSplicer implements Splicer {
  readonly #message: CarriedMessage;
  #where = NAME;
  /** Letters of a line's name that are those of `data` so far; −1 once it is another. */
  #nameLength = 0;
  #lineEmpty = true;
  #afterCr = false;
  /** Whether a line of data has begun in the event under way. */
  #hasData = false;
  /** How much of a byte order mark may still come: it counts at the very start only. */
  #bom = 3;
  /** Up to where what is held has been read. */
  #read = 0;

  constructor(options: Exchanging) {
    this.#message = new CarriedMessage(options);
  }

  get held(): number {
    return this.#message.size;
  }

  /** Whether a piece is one of whole events in which nothing is to be exchanged: then it can go as it is. */
  isPlain(whole: Uint8Array): boolean {
    if (this.#message.size > 0 || !this.#lineEmpty || this.#hasData || this.#afterCr) return false;
    const { length } = whole;
    if (length < 2 || whole[length - 1] !== LF || whole[length - 2] !== LF) return false;
    if (this.#message.mayHold(whole)) return false;
    this.#bom = 0;
    return true;
  }

  push(piece: Uint8Array): Uint8Array {
    const parts = this.#take(piece);
    this.#read -= this.#message.keep();
    if (this.#message.size === 0) this.#read = 0;
    return joinBytes(parts);
  }

  whole(answer: Uint8Array): Uint8Array {
    return joinBytes([...this.#take(answer), this.end()]);
  }

  #take(piece: Uint8Array): Uint8Array[] {
    const message = this.#message;
    this.#read -= message.add(piece);
    const parts: Uint8Array[] = [];
    while (this.#read < message.end) {
      const end = this.#step();
      if (end === 0) continue;
      parts.push(this.#hasData ? message.take(end, framed) : message.takePlain(end));
      this.#hasData = false;
    }
    // What is no data of any event may go at once: comments keep a stream alive.
    parts.push(this.#hasData ? message.relieve() : message.takePlain(message.end));
    return parts;
  }

  /** An event that nothing ends is none, but it is passed on all the same. */
  end(): Uint8Array {
    const message = this.#message;
    message.scan.end(message.end);
    return message.take(message.end, framed);
  }

  /** Reads on in the line under way. @returns where an event has ended; 0 where none has */
  #step(): number {
    const { bytes, end: held } = this.#message;
    const byte = bytes[this.#read]!;
    if (byte === LF && this.#afterCr) {
      this.#afterCr = false;
      this.#read++;
      return 0;
    }
    this.#afterCr = false;
    if (this.#bom > 0 && byte === BYTE_ORDER_MARK[3 - this.#bom]) {
      this.#bom--;
      this.#read++;
      return 0;
    }
    this.#bom = 0;
    if (byte === LF || byte === CR) return this.#endLine(byte);
    this.#lineEmpty = false;
    if (this.#where === NAME) this.#readName(byte);
    else if (this.#where === AFTER_COLON) {
      this.#where = IN_DATA;
      this.#hasData = true;
      if (byte === SPACE) this.#read++;
    } else {
      const end = endOfLine(bytes, this.#read, held);
      if (this.#where === IN_DATA) this.#message.scan.push(bytes, this.#read, end);
      this.#read = end;
    }
    return 0;
  }

  #endLine(byte: number): number {
    const isEmpty = this.#lineEmpty;
    if (this.#where === IN_DATA) this.#message.scan.end(this.#read);
    this.#read++;
    this.#afterCr = byte === CR;
    this.#lineEmpty = true;
    this.#where = NAME;
    this.#nameLength = 0;
    return isEmpty ? this.#read : 0;
  }

  #readName(byte: number): void {
    this.#read++;
    if (byte === COLON) this.#where = this.#nameLength === DATA.length ? AFTER_COLON : SKIPPED;
    else if (byte === DATA[this.#nameLength]) this.#nameLength++;
    else this.#where = SKIPPED;
  }
}

function endOfLine(bytes: Uint8Array, from: number, to: number): number {
  const line = bytes.subarray(from, to), feed = line.indexOf(LF);
  const end = feed < 0 ? line.length : feed, cr = line.subarray(0, end).indexOf(CR);
  return from + (cr < 0 ? end : cr);
}

function unframed(message: Uint8Array): Uint8Array {
  return message;
}

function framed(message: Uint8Array): Uint8Array {
  return joinBytes([DATA_FIELD, message, EVENT_END]);
}
