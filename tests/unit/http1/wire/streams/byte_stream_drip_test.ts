// What comes in small pieces takes up as much memory as there is of it, and not a buffer for each: M6 of docs/behaviour.md.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import { ownBytes } from "../../../../../lib/http1/wire/streams/borrowed.ts";
import { ByteStream } from "../../../../../lib/http1/wire/streams/byte_stream.ts";
import type { Claim } from "../../../../../lib/http1/wire/streams/stream_memory.ts";
import { Traffic } from "../../../../../lib/http1/wire/streams/traffic.ts";
import { DEAF_OWNER, STILL_SOCKET } from "../../../../support/still_socket.ts";
import { STRICT } from "../../../../support/strict.ts";

const KIB = 1024;
const REST = 2 * KIB;

function scene(claim: Claim) {
  const account = new ByteAccount();
  const stream = new ByteStream(STILL_SOCKET, DEAF_OWNER, {
    ...{ traffic: new Traffic(), account, restBytes: REST, claim },
  });
  let came = 0;
  /** The next bytes of a sequence that says how it goes on, `count` at a time. */
  const drip = (count: number) => {
    stream.post();
    const memory = stream.takeMemory();
    for (let i = 0; i < count; i++) memory[i] = came++ & 0x7f;
    stream.onBytes(memory, count);
  };
  return { account, stream, drip };
}

/** All that has come, in order. */
function drain(stream: ByteStream): number[] {
  const bytes: number[] = [];
  while (stream.buffered > 0) {
    bytes.push(...stream.buffer.subarray(stream.start, stream.end));
    stream.start = stream.end;
    stream.release();
  }
  return bytes;
}

/** Pieces that are one byte long each, that fill a quarter of what is set aside for them, and mixed ones. */
const PIECES: [string, number, (at: number) => number][] = [
  ["byte by byte", 6000, () => 1],
  ["in pieces of a packet", 16, () => 1025],
  ["in pieces of any length", 100, (at) => 1 + (at * 211) % 997],
];

for (const claim of ["stranger", "caller"] as const) {
  for (const [how, count, lengthOf] of PIECES) {
    for (const isExpected of [true, false]) {
      const what = isExpected ? "of a body that is announced" : "of nothing that is announced";
      Deno.test(`M6: a ${claim}'s bytes ${what} hold what there is of them, ${how}`, STRICT, () => {
        const { account, stream, drip } = scene(claim);
        // Some bytes of it have come in the small buffer that was there at first.
        drip(900);
        let sum = 900;
        for (let at = 0; at < count; at++) {
          if (isExpected) stream.memory.expect(16 * KIB);
          drip(lengthOf(at));
          sum += lengthOf(at);
        }
        assert.equal(stream.buffered, sum);
        assert.ok(account.held <= 4 * sum + 16 * KIB, `${sum} bytes have come, ${account.held} are held`);
        assert.deepEqual(drain(stream), Array.from({ length: sum }, (_, at) => at & 0x7f));
        stream.close();
        assert.equal(account.held, 0);
      });
    }
  }
}

Deno.test("what comes behind bytes that are lent leaves them as they are", STRICT, () => {
  const { stream, drip } = scene("caller");
  drip(900);
  const lent = stream.lend(0, 900);
  stream.start = 900;
  for (let at = 0; at < 4000; at++) drip(1);
  assert.deepEqual([...ownBytes(lent)], Array.from({ length: 900 }, (_, at) => at & 0x7f));
  stream.release();
  assert.deepEqual(drain(stream), Array.from({ length: 4000 }, (_, at) => (at + 900) & 0x7f));
});
