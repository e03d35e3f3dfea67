// A message goes out in one write, from where its body lies if the head that the body came with leaves room for its own.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import { sendMessage } from "../../../../../lib/http1/wire/bodies/text_writing.ts";
import { readyHead } from "../../../../../lib/http1/wire/ready_head.ts";
import { BorrowedBytes, byteAt, callBack, onceFree } from "../../../../../lib/http1/wire/streams/borrowed.ts";
import { ByteStream } from "../../../../../lib/http1/wire/streams/byte_stream.ts";
import { Traffic } from "../../../../../lib/http1/wire/streams/traffic.ts";
import type { Socket } from "../../../../../lib/platform/sockets/socket.ts";
import { bytesOf, textOf } from "../../../../support/raw_peer.ts";
import { STRICT } from "../../../../support/strict.ts";

/** A socket that takes `most` bytes of each write at once, and then, if it is `slow`, none before it is told to. */
class TakingSocket implements Socket {
  readonly written: string[] = [];
  /** The memory of each write. */
  readonly from: Uint8Array[] = [];
  most = Infinity;
  #go: (() => void) | undefined;

  readonly takesAtOnce: boolean;

  constructor(takesAtOnce: boolean) {
    this.takesAtOnce = takesAtOnce;
  }

  own(): void {}
  read(): void {}

  write(bytes: Uint8Array, from: number, to: number): number | Promise<number> {
    const take = () => {
      const count = Math.min(to - from, this.most);
      this.written.push(textOf(bytes.subarray(from, from + count)));
      this.from.push(bytes);
      return count;
    };
    if (this.most > 0) return take();
    return new Promise((resolve) => this.#go = () => resolve(take()));
  }

  /** Takes what waits, and all that follows. */
  go(): void {
    this.most = Infinity;
    this.#go?.();
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

const HEAD = readyHead("HTTP/1.1 200 OK\r\nx: y\r\n");
const textWith = (body: string) => `HTTP/1.1 200 OK\r\nx: y\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const OWNER = { onData() {}, onEnd() {}, onReadFailed() {}, onWriteFailed() {} };

function scene(takesAtOnce = true) {
  const socket = new TakingSocket(takesAtOnce);
  const account = new ByteAccount();
  const options = { traffic: new Traffic(), account, restBytes: 1024, claim: "answer" } as const;
  const stream = new ByteStream(socket, OWNER, options);
  return { socket, stream };
}

/** A body that lies in `buffer` behind `front` bytes, of which the last `room` are nobody's. */
function lent(body: string, front: number, room = front) {
  const buffer = bytesOf(".".repeat(front) + body + "next");
  return { buffer, body: new BorrowedBytes(buffer, front, front + body.length, room) };
}

const LENGTH = textWith("hello").length - "hello".length;

Deno.test(
  "a head takes the place of the one that its body came with: nothing is copied, one write",
  STRICT,
  async () => {
    for (const front of [LENGTH, LENGTH + 1, 500]) {
      const { socket, stream } = scene();
      const { buffer, body } = lent("hello", front);
      await sendMessage(stream.output, HEAD, 5, body);
      assert.deepEqual(socket.written, [textWith("hello")]);
      assert.equal(socket.from[0], buffer);
      assert.equal(textOf(buffer.subarray(front)), "hellonext");
      assert.equal(byteAt(body, 0), 0x68);
      assert.equal(callBack(body), true);
    }
  },
);

Deno.test(
  "a body is copied where its head does not fit before it, or what stands there is somebody's",
  STRICT,
  async () => {
    for (const [front, room] of [[LENGTH - 1, LENGTH - 1], [500, 0], [500, LENGTH - 1]] as const) {
      const { socket, stream } = scene();
      const { buffer, body } = lent("hello", front, room);
      await sendMessage(stream.output, HEAD, 5, body);
      assert.deepEqual(socket.written, [textWith("hello")]);
      assert.notEqual(socket.from[0], buffer);
      assert.equal(textOf(buffer.subarray(0, front)), ".".repeat(front));
    }
  },
);

Deno.test("a body is copied where a socket takes its time, and behind another write", STRICT, async () => {
  const slow = scene(false);
  const first = lent("hello", 500);
  await sendMessage(slow.stream.output, HEAD, 5, first.body);
  assert.notEqual(slow.socket.from[0], first.buffer);

  const busy = scene();
  busy.socket.most = 0;
  const before = busy.stream.output.write(bytesOf("before"));
  const second = lent("hello", 500);
  const sent = sendMessage(busy.stream.output, HEAD, 5, second.body);
  assert.equal(callBack(second.body), true);
  busy.socket.go();
  await Promise.all([before, sent]);
  assert.deepEqual(busy.socket.written, ["before", textWith("hello")]);
});

Deno.test("a body that is sent in two goes as it was, whatever is sent of it meanwhile", STRICT, async () => {
  const { socket, stream } = scene();
  const { buffer, body } = lent("hello", 500);
  socket.most = 0;
  const sent = sendMessage(stream.output, HEAD, 5, body);
  // The same body again, elsewhere, under a longer head: what waits to be written stays as it is.
  const other = scene();
  await sendMessage(other.stream.output, readyHead("HTTP/1.1 200 OK\r\nx: another\r\n"), 5, body);
  assert.notEqual(other.socket.from[0], buffer);
  assert.equal(callBack(body), false);
  let free = false;
  onceFree(body, () => free = true);
  socket.go();
  await sent;
  assert.deepEqual(socket.written, [textWith("hello")]);
  assert.equal(free, true);
});

Deno.test("nothing is sent of a body that has been called back", STRICT, () => {
  const { socket, stream } = scene();
  const { body } = lent("hello", 500);
  callBack(body);
  assert.throws(() => sendMessage(stream.output, HEAD, 5, body), { code: "aborted" });
  assert.deepEqual(socket.written, []);
});
