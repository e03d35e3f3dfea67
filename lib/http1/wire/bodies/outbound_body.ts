// An outgoing body in pieces, framed by length, by chunks or by the end of the connection. RFC 9112 §6, §7.1.
import { CHUNKED } from "../../types.ts";
import { asciiBytes, encodeLatin1 } from "../latin1.ts";
import type { Head } from "../ready_head.ts";
import { type Bytes, copyBytes } from "../streams/borrowed.ts";
import { MESSAGE_BUFFER } from "../streams/buffers.ts";
import { DONE } from "../streams/done.ts";
import type { StreamOutput } from "../streams/stream_output.ts";
import { formatChunkHead, LAST_CHUNK } from "./chunked.ts";
import { sendMessage, sendText } from "./text_writing.ts";

const EMPTY = new Uint8Array(0);
const LAST_CHUNK_BYTES = asciiBytes(LAST_CHUNK);
/** Room for the size of a chunk that fits a buffer, its two line ends and the last chunk. */
const CHUNK_FRAMING = 16;

export class OutboundBody {
  readonly #output: StreamOutput;
  readonly #chunked: boolean;
  /** Bytes announced and not yet written; Infinity where no length is announced. */
  #left: number;

  /** @param length ≥ 0, CHUNKED or UNTIL_CLOSE */
  constructor(output: StreamOutput, length: number) {
    this.#output = output;
    this.#chunked = length === CHUNKED;
    this.#left = length >= 0 ? length : Infinity;
  }

  /** Whether exactly as many bytes have been written as were announced. */
  get complete(): boolean {
    return this.#left === 0 || this.#left === Infinity;
  }

  /** Sends `head` and, in the same write where it fits, the first piece. */
  start(head: Head, first: Bytes): Promise<void> {
    const announced = this.#left;
    this.#count(first);
    if (!this.#chunked || first.length === 0 || typeof head !== "string") {
      return sendMessage(this.#output, head, announced, first);
    }
    const chunkHead = formatChunkHead(first.length);
    const total = head.length + chunkHead.length + first.length + 2;
    if (total > MESSAGE_BUFFER) {
      sendMessage(this.#output, head, announced, EMPTY);
      return this.#writeChunk(first, false);
    }
    const buffer = this.#output.takeBuffer(total);
    if (buffer === undefined) {
      sendMessage(this.#output, head, announced, EMPTY);
      return this.#writeChunk(first, false);
    }
    encodeLatin1(head + chunkHead, buffer);
    copyBytes(first, buffer, head.length + chunkHead.length);
    placeChunkEnd(buffer, total - 2);
    return this.#output.send(buffer, total);
  }

  /**
   * Sends a piece. Chunks are copied; with a length or until close, bytes that are not borrowed must not change until
   * this resolves.
   * @throws RangeError if that is more than was announced
   */
  write(bytes: Bytes): Promise<void> {
    this.#count(bytes);
    if (bytes.length === 0) return DONE;
    return this.#chunked ? this.#writeChunk(bytes, false) : this.#output.write(bytes);
  }

  /** Whether {@link passChunks} may be used. */
  get chunked(): boolean {
    return this.#chunked;
  }

  /** Sends whole chunks as they are, which {@link ChunkedDecoder.plainChunks} has found. */
  passChunks(chunks: Bytes): Promise<void> {
    return this.#output.write(chunks);
  }

  /** Sends the last piece and what ends the body. */
  end(last: Bytes): Promise<void> {
    this.#count(last);
    if (this.#chunked) return this.#writeChunk(last, true);
    return last.length === 0 ? DONE : this.#output.write(last);
  }

  #count(bytes: Bytes): void {
    if (bytes.length > this.#left) {
      throw new RangeError(
        `sending a body: found ${bytes.length} bytes, want at most the ${this.#left} left of the announced length`,
      );
    }
    this.#left -= bytes.length;
  }

  /** Framing and payload in one write; payloads beyond one buffer become several chunks. */
  #writeChunk(bytes: Bytes, last: boolean): Promise<void> {
    let from = 0;
    const most = MESSAGE_BUFFER - CHUNK_FRAMING - 2;
    for (; bytes.length - from > most; from += most) this.#sendChunk(bytes, from, from + most, false);
    return this.#sendChunk(bytes, from, bytes.length, last);
  }

  #sendChunk(bytes: Bytes, from: number, to: number, last: boolean): Promise<void> {
    const buffer = this.#output.takeBuffer(to - from + CHUNK_FRAMING);
    if (buffer === undefined) return this.#sendApart(bytes, from, to, last);
    let length = 0;
    if (to > from) {
      const head = formatChunkHead(to - from);
      encodeLatin1(head, buffer);
      copyBytes(bytes, buffer, head.length, from, to);
      length = placeChunkEnd(buffer, head.length + to - from);
    }
    if (last) {
      buffer.set(LAST_CHUNK_BYTES, length);
      length += LAST_CHUNK_BYTES.length;
    }
    return this.#output.send(buffer, length);
  }

  /** Without room for a copy: the payload from where it lies, its framing around it. */
  #sendApart(bytes: Bytes, from: number, to: number, last: boolean): Promise<void> {
    sendText(this.#output, formatChunkHead(to - from));
    this.#output.write(bytes, from, to);
    return this.#output.write(last ? CRLF_AND_LAST_CHUNK : CRLF);
  }
}

const CRLF = asciiBytes("\r\n");
const CRLF_AND_LAST_CHUNK = asciiBytes(`\r\n${LAST_CHUNK}`);

/** Puts the CRLF behind a payload at `end`. @returns the position after it */
function placeChunkEnd(buffer: Uint8Array, end: number): number {
  buffer[end] = 0x0d;
  buffer[end + 1] = 0x0a;
  return end + 2;
}
