// The chunked transfer coding: bytes in, ranges of payload out, nothing copied. RFC 9112 §7.1.
// Strict: every line ends with CRLF, sizes are plain hexadecimal, extensions and trailers follow their grammar, are
// bounded and dropped. The same bytes mean the same however they are torn apart.
import type { HttpError } from "../../types.ts";
import { CR, fault, LF, type Side, TOKEN_CHAR, VALUE_CHAR } from "../grammar.ts";

/** What a chunked body may hold besides its payload. */
export interface ChunkedLimits {
  /** Most bytes of chunk extensions in one message. */
  readonly maxExtensionBytes: number;
  /** Most bytes of the trailer section. */
  readonly maxTrailerBytes: number;
}

export const DEFAULT_CHUNKED_LIMITS: ChunkedLimits = { maxExtensionBytes: 16 * 1024, maxTrailerBytes: 8 * 1024 };

/** Ends a chunked body without trailers. */
export const LAST_CHUNK = "0\r\n\r\n";

/**
 * What goes before `size` bytes of payload; CRLF goes after them.
 * @throws RangeError for 0, which would end the body, and for what is no size
 */
export function formatChunkHead(size: number): string {
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RangeError(`sending a chunk: found ${size} bytes, want 1 or more`);
  }
  return `${size.toString(16)}\r\n`;
}

/** 13 digits stay exact in a double (2^52). */
const MAX_SIZE_DIGITS = 13;

const enum State {
  SizeStart,
  Size,
  ExtensionName,
  ExtensionNameRest,
  ExtensionValue,
  ExtensionToken,
  Quoted,
  QuotedPair,
  QuotedEnd,
  SizeLf,
  Data,
  DataCr,
  DataLf,
  LineStart,
  TrailerName,
  TrailerValue,
  TrailerLf,
  EndLf,
  Done,
  Failed,
}

/**
 * Decodes one body. Call {@link next} with the bytes that have arrived until it has consumed them all or `done` is set:
 *
 *     while (position < end && !decoder.done) {
 *       position = decoder.next(bytes, position, end);
 *       use(bytes.subarray(decoder.payloadStart, decoder.payloadEnd)); // may be empty
 *     }
 */
export class ChunkedDecoder {
  /** The payload found by the last {@link next}: a range of the array given to it, empty if start equals end. */
  payloadStart = 0;
  payloadEnd = 0;
  readonly #side: Side;
  readonly #limits: ChunkedLimits;
  #state: State = State.SizeStart;
  #digits = 0;
  /** The size being read, then what is left of the chunk. */
  #left = 0;
  #extensionBytes = 0;
  #trailerBytes = 0;
  #trailerName = "";
  #total = 0;

  /** @param side whose body it is: faults are `bad_request` of a request and `upstream_invalid` of a response */
  constructor(side: Side, limits: ChunkedLimits = DEFAULT_CHUNKED_LIMITS) {
    this.#side = side;
    this.#limits = limits;
  }

  /** Whether the body has ended. Bytes after it have not been consumed. */
  get done(): boolean {
    return this.#state === State.Done;
  }

  /** Payload bytes handed out so far. */
  get total(): number {
    return this.#total;
  }

  /** Whether it has consumed nothing yet. */
  get isUntouched(): boolean {
    return this.#state === State.SizeStart && this.#total === 0;
  }

  /**
   * Consumes `bytes` from `from` up to the end of the next run of payload, to the end of the body or to `to`,
   * whichever comes first, and sets {@link payloadStart} and {@link payloadEnd}.
   * @returns the position after the last byte consumed
   * @throws HttpError on the first byte that breaks the coding; the decoder is of no use afterwards
   */
  next(bytes: Uint8Array, from: number, to: number): number {
    let position = from;
    this.payloadStart = this.payloadEnd = from;
    while (position < to) {
      if (this.#state === State.Data) {
        const end = Math.min(to, position + this.#left);
        this.payloadStart = position;
        this.payloadEnd = end;
        this.#total += end - position;
        this.#left -= end - position;
        if (this.#left === 0) this.#state = State.DataCr;
        return end;
      }
      if (this.#state === State.Done) break;
      this.#step(bytes[position++]!);
    }
    return position;
  }

  /**
   * Consumes whole chunks from the start of one on, as plain as {@link formatChunkHead} makes them, so that they may be
   * sent on as they stand: of four or more bytes, no digit too many, no extension, never the last one. Where there is none
   * nothing is consumed, and {@link next} finds out why. @returns the position after them
   */
  plainChunks(bytes: Uint8Array, from: number, to: number): number {
    let position = from;
    while (this.#state === State.SizeStart && this.#findPlain(bytes, position, to)) {
      this.#total += this.payloadEnd - this.payloadStart;
      position = this.payloadEnd + 2;
    }
    return position;
  }

  /** Whether a plain chunk lies there whole; sets where its payload is. */
  #findPlain(bytes: Uint8Array, from: number, to: number): boolean {
    let at = from;
    let size = 0;
    for (let digit = 0; at < to && at - from <= MOST_PLAIN_DIGITS; at++) {
      digit = hexDigit(bytes[at]!);
      if (digit < 0) break;
      size = size * 16 + digit;
      // A zero in front: the last chunk, or digits too many.
      if (size === 0) return false;
    }
    const start = at + 2;
    const end = start + size;
    if (size < LEAST_PLAIN || at - from > MOST_PLAIN_DIGITS || end + 2 > to) return false;
    if (bytes[at] !== CR || bytes[at + 1] !== LF || bytes[end] !== CR || bytes[end + 1] !== LF) return false;
    this.payloadStart = start;
    this.payloadEnd = end;
    return true;
  }

  #step(byte: number): void {
    const state = this.#state;
    if (state <= State.Size) this.#size(byte);
    else if (state < State.SizeLf) this.#extension(byte);
    else if (state <= State.DataLf) this.#lineEnd(byte);
    else this.#trailer(byte);
  }

  #size(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > MAX_SIZE_DIGITS) throw this.#fail("the chunk size has too many digits");
      this.#left = this.#left * 16 + digit;
      this.#state = State.Size;
      return;
    }
    if (this.#state === State.SizeStart) throw this.#fail("a chunk does not start with a hexadecimal size");
    this.#afterElement(byte, "the chunk size is not followed by CRLF or an extension");
  }

  /** After a size, an extension's name or its value: another extension, or the end of the line. */
  #afterElement(byte: number, message: string): void {
    if (byte === CR) this.#state = State.SizeLf;
    else if (byte === SEMICOLON) this.#state = State.ExtensionName;
    else throw this.#fail(message);
  }

  /**
   * `*( ";" token [ "=" ( token / quoted-string ) ] )`, without the blanks around the marks that §7.1.1 calls bad.
   * Published smuggling hides a line break in here that one reader sees and another does not: there is none to see.
   */
  #extension(byte: number): void {
    if (++this.#extensionBytes > this.#limits.maxExtensionBytes) throw this.#fail("too many chunk extensions");
    const token = TOKEN_CHAR[byte] === 1;
    const malformed = "a chunk extension is not `;name` or `;name=value`";
    switch (this.#state) {
      case State.ExtensionName:
        if (!token) throw this.#fail(malformed);
        this.#state = State.ExtensionNameRest;
        break;
      case State.ExtensionNameRest:
        if (byte === EQUALS) this.#state = State.ExtensionValue;
        else if (!token) this.#afterElement(byte, malformed);
        break;
      case State.ExtensionValue:
        if (byte === QUOTE) this.#state = State.Quoted;
        else if (token) this.#state = State.ExtensionToken;
        else throw this.#fail(malformed);
        break;
      case State.ExtensionToken:
        if (!token) this.#afterElement(byte, malformed);
        break;
      case State.Quoted:
        if (byte === QUOTE) this.#state = State.QuotedEnd;
        else if (byte === BACKSLASH) this.#state = State.QuotedPair;
        else if (VALUE_CHAR[byte] !== 1) throw this.#fail(malformed);
        break;
      case State.QuotedPair:
        if (VALUE_CHAR[byte] !== 1) throw this.#fail(malformed);
        this.#state = State.Quoted;
        break;
      default:
        this.#afterElement(byte, malformed);
    }
  }

  #lineEnd(byte: number): void {
    if (this.#state === State.DataCr) {
      if (byte !== CR) throw this.#fail("the data of a chunk is not followed by CRLF");
      this.#state = State.DataLf;
      return;
    }
    if (byte !== LF) throw this.#fail("found a bare CR in the chunked coding");
    if (this.#state === State.DataLf) {
      this.#state = State.SizeStart;
      this.#digits = 0;
    } else {
      this.#state = this.#left === 0 ? State.LineStart : State.Data;
    }
  }

  /**
   * Trailer fields as header fields: no folding, no blank before the colon, no control characters. They are dropped, but
   * one that would frame or route a message (RFC 9110 §6.5.1) shows a sender up to something, or two messages in one.
   */
  #trailer(byte: number): void {
    if (++this.#trailerBytes > this.#limits.maxTrailerBytes) throw this.#fail("the trailer section is too large");
    switch (this.#state) {
      case State.LineStart:
        if (byte === CR) this.#state = State.EndLf;
        else if (TOKEN_CHAR[byte] !== 1) throw this.#fail("a trailer line does not start with a field name");
        else {
          this.#trailerName = String.fromCharCode(byte);
          this.#state = State.TrailerName;
        }
        break;
      case State.TrailerName:
        if (byte === COLON) {
          if (NOT_IN_TRAILERS.has(this.#trailerName.toLowerCase())) {
            throw this.#fail("a trailer field frames or routes");
          }
          this.#state = State.TrailerValue;
        } else if (TOKEN_CHAR[byte] === 1) this.#trailerName += String.fromCharCode(byte);
        else throw this.#fail("the name of a trailer field is not a token");
        break;
      case State.TrailerValue:
        if (byte === CR) this.#state = State.TrailerLf;
        else if (VALUE_CHAR[byte] !== 1) throw this.#fail("a trailer field has a forbidden character");
        break;
      case State.TrailerLf:
        if (byte !== LF) throw this.#fail("found a bare CR in the trailer section");
        this.#state = State.LineStart;
        break;
      case State.EndLf:
        if (byte !== LF) throw this.#fail("found a bare CR at the end of the trailer section");
        this.#state = State.Done;
        break;
      default:
        throw this.#fail("the body was malformed before");
    }
  }

  #fail(message: string): HttpError {
    this.#state = State.Failed;
    return fault(this.#side, "bad_request", message);
  }
}

/** More bytes than a buffer holds. */
const MOST_PLAIN_DIGITS = 6;
/** So that the last four bytes of what is passed on tell where an event ends: none of them is framing. */
const LEAST_PLAIN = 4;
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set(["connection", "content-length", "host", "transfer-encoding"]);

const SEMICOLON = 0x3b;
const COLON = 0x3a;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The value of a hexadecimal digit, or -1. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
