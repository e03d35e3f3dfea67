// Whole messages in one write: a head and a body.
import { type Head, headLength, placeHead } from "../ready_head.ts";
import { BorrowedBytes, byteAt, type Bytes, copyBytes, roomBefore } from "../streams/borrowed.ts";
import { LARGEST_BUFFER, MESSAGE_BUFFER } from "../streams/buffers.ts";
import type { StreamOutput } from "../streams/stream_output.ts";

/**
 * Sends a head and a body, or the beginning of one, in one write if they fit a message buffer. A body that is borrowed is
 * copied, and free for other use at once, like any that is no larger than {@link LARGEST_BUFFER}; a longer one must not
 * change until this resolves: when the socket took it or is gone. Where there is no room for a copy, nothing is copied but
 * the head, and the body must not change either. Where the socket takes bytes as they are sent, nothing of a borrowed body
 * is copied whose own head was long enough for this one to take its place.
 * @param announced the length that the head tells, where it is not text; ≥ 0
 * @throws HttpError `aborted` if the body was borrowed and has been called back; nothing is sent then
 */
export function sendMessage(output: StreamOutput, head: Head, announced: number, body: Bytes): Promise<void> {
  const length = headLength(head, announced);
  if (typeof head !== "string" && body instanceof BorrowedBytes && output.takesAtOnce && roomBefore(body) >= length) {
    return output.sendInPlace(head, announced, body);
  }
  const total = length + body.length;
  if (length > MESSAGE_BUFFER) return sendLongHead(output, head, announced, body);
  const first = Math.min(total, MESSAGE_BUFFER);
  const buffer = output.takeBuffer(first);
  if (buffer === undefined) return sendApart(output, head, announced, body);
  placeHead(head, announced, buffer);
  if (body.length > 0) copyBytes(body, buffer, length, 0, first - length);
  const sent = output.send(buffer, first);
  return first === total ? sent : sendRest(output, body, first - length);
}

function sendLongHead(output: StreamOutput, head: Head, announced: number, body: Bytes): Promise<void> {
  const sent = sendHead(output, head, announced);
  return body.length === 0 ? sent : sendRest(output, body, 0);
}

function sendApart(output: StreamOutput, head: Head, announced: number, body: Bytes): Promise<void> {
  if (body instanceof BorrowedBytes) byteAt(body, 0); // throws before anything is sent, if at all
  const sent = sendHead(output, head, announced);
  return body.length === 0 ? sent : output.write(body);
}

/** Text that must go out, in memory of its own if there is no room for a buffer. */
export function sendText(output: StreamOutput, text: string): Promise<void> {
  return sendHead(output, text, 0);
}

function sendHead(output: StreamOutput, head: Head, announced: number): Promise<void> {
  const length = headLength(head, announced);
  const buffer = length <= MESSAGE_BUFFER ? output.takeBuffer(length) : undefined;
  const bytes = buffer ?? new Uint8Array(length);
  placeHead(head, announced, bytes);
  return buffer === undefined ? output.write(bytes) : output.send(buffer, length);
}

function sendRest(output: StreamOutput, body: Bytes, from: number): Promise<void> {
  const length = body.length - from;
  if (length > LARGEST_BUFFER) return output.write(body, from);
  const buffer = output.takeBuffer(length);
  if (buffer === undefined) return output.write(body, from);
  copyBytes(body, buffer, 0, from);
  return output.send(buffer, length);
}
