// Whole messages in one write: a head that is text, and a body.
import { BorrowedBytes, type Bytes, copyBytes } from "./borrowed.ts";
import { LARGEST_BUFFER, MESSAGE_BUFFER, takeBuffer } from "./buffers.ts";
import type { ByteStream } from "./connection.ts";
import { encodeLatin1 } from "./latin1.ts";

/**
 * Sends a head and a body, in one write if they fit a message buffer. A body that is borrowed is copied, and free for
 * other use at once, like any that is no larger than {@link LARGEST_BUFFER}; a longer one must not change until this
 * resolves: when the socket took it or is gone.
 * @throws HttpError `aborted` if the body was borrowed and has been called back; nothing is sent then
 */
export function sendMessage(stream: ByteStream, head: string, body: Bytes): Promise<void> {
  const headLength = head.length;
  const total = headLength + body.length;
  if (headLength > MESSAGE_BUFFER) return sendLongHead(stream, head, body);
  const first = Math.min(total, MESSAGE_BUFFER);
  const buffer = takeBuffer(first);
  encodeLatin1(head, buffer);
  if (body.length > 0) copyBytes(body, buffer, headLength, 0, first - headLength);
  const sent = stream.send(buffer, first);
  return first === total ? sent : sendRest(stream, body, first - headLength);
}

function sendLongHead(stream: ByteStream, head: string, body: Bytes): Promise<void> {
  const bytes = new Uint8Array(head.length);
  encodeLatin1(head, bytes);
  const sent = stream.write(bytes);
  return body.length === 0 ? sent : sendRest(stream, body, 0);
}

function sendRest(stream: ByteStream, body: Bytes, from: number): Promise<void> {
  const length = body.length - from;
  if (length > LARGEST_BUFFER) {
    if (!(body instanceof BorrowedBytes)) return stream.write(body.subarray(from));
    return stream.write(body.copy().subarray(from));
  }
  const buffer = takeBuffer(length);
  copyBytes(body, buffer, 0, from);
  return stream.send(buffer, length);
}
