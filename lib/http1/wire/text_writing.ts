// Whole messages in one write: a head and a body.
import { BorrowedBytes, byteAt, type Bytes, copyBytes, roomBefore } from "./borrowed.ts";
import { LARGEST_BUFFER, MESSAGE_BUFFER } from "./buffers.ts";
import type { ByteStream } from "./connection.ts";
import { type Head, headLength, placeHead } from "./ready_head.ts";

/**
 * Sends a head and a body, in one write if they fit a message buffer. A body that is borrowed is copied, and free for
 * other use at once, like any that is no larger than {@link LARGEST_BUFFER}; a longer one must not change until this
 * resolves: when the socket took it or is gone. Where there is no room for a copy, nothing is copied but the head, and
 * the body must not change either. Where the socket takes bytes as they are sent, nothing of a borrowed body is copied
 * whose own head was long enough for this one to take its place.
 * @throws HttpError `aborted` if the body was borrowed and has been called back; nothing is sent then
 */
export function sendMessage(stream: ByteStream, head: Head, body: Bytes): Promise<void> {
  const length = headLength(head);
  if (typeof head !== "string" && body instanceof BorrowedBytes && stream.takesAtOnce && roomBefore(body) >= length) {
    return stream.sendInPlace(head, body);
  }
  const total = length + body.length;
  if (length > MESSAGE_BUFFER) return sendLongHead(stream, head, body);
  const first = Math.min(total, MESSAGE_BUFFER);
  const buffer = stream.takeForWrite(first);
  if (buffer === undefined) return sendApart(stream, head, body);
  placeHead(head, buffer);
  if (body.length > 0) copyBytes(body, buffer, length, 0, first - length);
  const sent = stream.send(buffer, first);
  return first === total ? sent : sendRest(stream, body, first - length);
}

function sendLongHead(stream: ByteStream, head: Head, body: Bytes): Promise<void> {
  const sent = sendText(stream, head);
  return body.length === 0 ? sent : sendRest(stream, body, 0);
}

function sendApart(stream: ByteStream, head: Head, body: Bytes): Promise<void> {
  if (body instanceof BorrowedBytes) byteAt(body, 0); // throws before anything is sent, if at all
  const sent = sendText(stream, head);
  return body.length === 0 ? sent : stream.write(body);
}

/** Text that must go out, in memory of its own if there is no room for a buffer. */
export function sendText(stream: ByteStream, text: Head): Promise<void> {
  const length = headLength(text);
  const buffer = length <= MESSAGE_BUFFER ? stream.takeForWrite(length) : undefined;
  const bytes = buffer ?? new Uint8Array(length);
  placeHead(text, bytes);
  return buffer === undefined ? stream.write(bytes) : stream.send(buffer, length);
}

function sendRest(stream: ByteStream, body: Bytes, from: number): Promise<void> {
  const length = body.length - from;
  if (length > LARGEST_BUFFER) return stream.write(body, from);
  const buffer = stream.takeForWrite(length);
  if (buffer === undefined) return stream.write(body, from);
  copyBytes(body, buffer, 0, from);
  return stream.send(buffer, length);
}
