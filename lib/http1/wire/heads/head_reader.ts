// Finds the head of a message in the bytes that have arrived, however they are torn. RFC 9112 §2.2.
// Every byte of a slow head is looked at once; what cannot become a head any more is refused at once.
import { HttpError } from "../../types.ts";
import { CR, fault, LF, type Side, TOKEN_CHAR } from "../grammar.ts";
import { decodeLatin1 } from "../latin1.ts";
import type { ByteStream } from "../streams/byte_stream.ts";

/** How much is turned into text at first: most heads fit, and little of a body is wasted. */
const FIRST_LOOK = 4096;
const HEAD_END = "\r\n\r\n";

/** `HeadMemo` fits. */
interface Finds<Head> {
  readonly found: number;
  find(buffer: Uint8Array, start: number, end: number): Head | undefined;
}

export class HeadFinder {
  readonly #side: Side;
  readonly #maxBytes: number;
  readonly #mostBytes: number;
  /** Bytes after the stream's `start` that have been searched in vain. */
  #scanned = 0;
  #skippedLine = false;

  /** @param allowed beyond the bound; who gives it looks whether a head that needs it may have it */
  constructor(side: Side, maxBytes: number, allowed = 0) {
    this.#side = side;
    this.#maxBytes = maxBytes;
    this.#mostBytes = maxBytes + allowed;
  }

  /**
   * Takes the next head, with the CRLF CRLF at its end, off the stream; undefined if it is not complete.
   * @throws HttpError `bad_request`, `uri_too_long` or `head_too_large`; of a response `upstream_invalid`; `no_room`
   */
  take(stream: ByteStream): string | undefined {
    if (this.#scanned === 0) {
      const text = this.#takeQuick(stream);
      if (text !== undefined) return text;
    }
    if (!stream.gather(this.#mostBytes)) {
      throw new HttpError("no_room", "reading a head: found no room for it in memory");
    }
    const length = this.#scan(stream);
    if (length === 0) return undefined;
    this.#reset();
    const text = decodeLatin1(stream.buffer, stream.start, stream.start + length);
    stream.start += length;
    return text;
  }

  /** Takes the next head off the stream if it is one that `memo` knows, and whole. */
  takeKnown<Head>(stream: ByteStream, memo: Finds<Head> | undefined): Head | undefined {
    if (memo === undefined || this.#scanned > 0 || this.#skippedLine) return undefined;
    const known = memo.find(stream.buffer, stream.start, stream.end);
    if (known === undefined || memo.found > this.#maxBytes) return undefined;
    stream.start += memo.found;
    return known;
  }

  #reset(): void {
    this.#scanned = 0;
    this.#skippedLine = false;
  }

  /** The usual case: the whole head in one piece. */
  #takeQuick(stream: ByteStream): string | undefined {
    const { buffer, start, end } = stream;
    const text = decodeLatin1(buffer, start, Math.min(end, start + FIRST_LOOK));
    if (text.charCodeAt(0) === CR) return undefined;
    const mark = text.indexOf(HEAD_END);
    if (mark < 0 || mark + 4 > this.#maxBytes) return undefined;
    this.#skippedLine = false;
    stream.start = start + mark + 4;
    return mark + 4 === text.length ? text : text.slice(0, mark + 4);
  }

  /** @returns the length of the head, or 0 if it has not all arrived */
  #scan(stream: ByteStream): number {
    this.#skipEmptyLine(stream);
    const { buffer, start } = stream;
    const first = stream.end > start ? buffer[start] : undefined;
    if (first === TLS_HANDSHAKE || first === TLS_ALERT) throw this.#bad("found TLS, want HTTP/1.1 in the clear");
    const limit = Math.min(stream.end, start + this.#mostBytes);
    for (let i = start + this.#scanned; i < limit; i++) {
      if (buffer[i] !== LF) continue;
      if (i === start || buffer[i - 1] !== CR) throw this.#bad("found a line that ends without CR");
      if (i >= start + 3 && buffer[i - 2] === LF && buffer[i - 3] === CR) return i + 1 - start;
    }
    this.#scanned = limit - start;
    if (stream.end > start) this.#checkFirstByte(buffer[start]!);
    if (this.#scanned >= this.#mostBytes) throw this.#tooLarge(stream);
    return 0;
  }

  /** RFC 9112 §2.2: an empty line before the request line is to be ignored; one is. */
  #skipEmptyLine(stream: ByteStream): void {
    const { buffer, start, end } = stream;
    if (this.#skippedLine || end - start < 2 || buffer[start] !== CR || buffer[start + 1] !== LF) return;
    stream.start += 2;
    this.#skippedLine = true;
    this.#scanned = 0;
  }

  /** Junk need not wait for the time-out. */
  #checkFirstByte(byte: number): void {
    if (byte === CR && !this.#skippedLine) return;
    const possible = this.#side === "response" ? byte === LETTER_H : TOKEN_CHAR[byte] === 1;
    if (!possible) throw this.#bad("the first byte cannot start an HTTP/1.1 message");
  }

  #bad(message: string): HttpError {
    return fault(this.#side, "bad_request", message);
  }

  #tooLarge({ buffer, start }: ByteStream): HttpError {
    const lineEnd = buffer.indexOf(LF, start);
    return headTooLong(this.#side, this.#maxBytes, lineEnd < 0 ? Infinity : lineEnd - start);
  }
}

/** @param lineEnd where its first line ends */
export function headTooLong(side: Side, maxBytes: number, lineEnd: number): HttpError {
  const code = lineEnd >= maxBytes ? "uri_too_long" : "head_too_large";
  return fault(side, code, `the head has more than ${maxBytes} bytes`);
}

const LETTER_H = 0x48;
/** Content types of TLS records (RFC 8446 §5.1): what the other side sends that takes this one for a TLS peer. */
const TLS_ALERT = 0x15, TLS_HANDSHAKE = 0x16;
