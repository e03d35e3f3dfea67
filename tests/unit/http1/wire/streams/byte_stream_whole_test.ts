// What a socket hands over in memory of its own becomes a stream's buffer: charged as any other, nobody's beyond its exchange,
// and never a way around the bounds of a body.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import { InboundBody } from "../../../../../lib/http1/wire/bodies/inbound_body.ts";
import type { Side } from "../../../../../lib/http1/wire/grammar.ts";
import { copyBytes, ownBytes } from "../../../../../lib/http1/wire/streams/borrowed.ts";
import { LARGEST_BUFFER } from "../../../../../lib/http1/wire/streams/buffers.ts";
import { ByteStream } from "../../../../../lib/http1/wire/streams/byte_stream.ts";
import type { Claim } from "../../../../../lib/http1/wire/streams/stream_memory.ts";
import { Traffic } from "../../../../../lib/http1/wire/streams/traffic.ts";
import { DEAF_OWNER, STILL_SOCKET } from "../../../../support/still_socket.ts";
import { STRICT } from "../../../../support/strict.ts";

const KIB = 1024;
const REST = KIB;

function scene({ limit = Infinity, claim = "answer" as Claim } = {}) {
  const account = new ByteAccount(limit);
  const traffic = new Traffic();
  const stream = new ByteStream(STILL_SOCKET, DEAF_OWNER, { traffic, account, restBytes: REST, claim });
  stream.post();
  return { account, traffic, stream };
}

/** A piece that says how it goes on. */
const pieceOf = (length: number) => Uint8Array.from({ length }, (_, at) => at * 7 & 0x7f);

function bodyOf(stream: ByteStream, side: Side, length: number): InboundBody {
  return new InboundBody({ stream, onBodyWanted() {}, onBodyDone() {} }, length, { side, maxBytes: Infinity });
}

Deno.test(
  "a piece takes the place of the buffer that was set aside, and is charged until it is let go of",
  STRICT,
  () => {
    const { account, traffic, stream } = scene();
    const piece = pieceOf(512 * KIB);
    assert.equal(stream.takeWhole(piece, true), true);
    assert.equal(stream.buffer, piece);
    assert.deepEqual([stream.buffered, traffic.bytesIn, stream.full], [piece.length, piece.length, true]);
    assert.equal(account.held, piece.length - REST);
    stream.post();
    assert.equal(account.held, piece.length, "and the next read");
    stream.start = stream.end;
    stream.release();
    assert.equal(account.held, 0);
  },
);

Deno.test("a piece behind another waits in its place, and both go on in order", STRICT, async () => {
  const { account, stream } = scene();
  const [first, second] = [pieceOf(100 * KIB), pieceOf(70 * KIB).reverse()];
  const body = bodyOf(stream, "response", first.length + second.length);
  stream.takeWhole(first.slice(), true);
  stream.post();
  stream.takeWhole(second.slice(), false);
  assert.deepEqual(await body.readAll(Infinity), new Uint8Array([...first, ...second]));
  stream.release();
  stream.close();
  assert.equal(account.held, 0);
});

Deno.test("what fits the buffer set aside is put there, and so is all where room is scarce", STRICT, () => {
  const fits = scene();
  assert.equal(fits.stream.takeWhole(pieceOf(REST), false), false);
  for (const claim of ["answer", "caller", "stranger"] as const) {
    const { account, stream } = scene({ limit: 100 * KIB, claim });
    const before = account.held;
    assert.equal(stream.takeWhole(pieceOf(64 * KIB), false), false, claim);
    assert.equal(account.held, before, claim);
    const memory = stream.takeMemory();
    memory.set(pieceOf(memory.length));
    stream.onBytes(memory, memory.length);
    assert.equal(stream.buffered, REST, claim);
  }
});

Deno.test("a piece as long as a shared buffer is copied: let go of, it would be taken for one", STRICT, () => {
  for (const length of [16 * KIB, 65 * KIB, LARGEST_BUFFER]) {
    const { account, stream } = scene();
    assert.equal(stream.takeWhole(pieceOf(length), false), false, `${length} bytes`);
    assert.equal(account.held, 0);
    assert.equal(stream.takeWhole(pieceOf(length + 1), false), true);
  }
});

Deno.test("a stranger gets no more than was set aside, until he is none", STRICT, () => {
  const { account, stream } = scene({ claim: "stranger" });
  assert.equal(stream.takeWhole(pieceOf(100 * KIB), false), false);
  assert.equal(account.held, 0);
  stream.memory.befriend();
  assert.equal(stream.takeWhole(pieceOf(100 * KIB), false), true);
  assert.deepEqual([account.held, account.strange], [99 * KIB, 0]);
});

Deno.test("a closed stream takes nothing", STRICT, () => {
  const { account, stream } = scene();
  stream.close();
  assert.equal(stream.takeWhole(pieceOf(64 * KIB), false), false);
  assert.equal(account.held, 0);
});

Deno.test("what is lent of a piece is nobody's once its exchange has ended", STRICT, () => {
  const { stream } = scene();
  stream.takeWhole(pieceOf(64 * KIB), false);
  const body = bodyOf(stream, "request", 64 * KIB);
  const lent = body.takeBuffered()!;
  const kept = ownBytes(lent);
  stream.release();
  assert.throws(() => copyBytes(lent, new Uint8Array(64 * KIB)));
  assert.deepEqual(kept, pieceOf(64 * KIB), "what was copied in time is as it came");
});

Deno.test("a long body is not taken at once, however much of it comes in one piece", STRICT, async () => {
  for (const [side, most] of [["request", 65 * KIB], ["response", LARGEST_BUFFER]] as const) {
    for (const [length, isWhole] of [[most, true], [most + 1, false]] as const) {
      const { stream } = scene();
      const body = bodyOf(stream, side, length);
      stream.takeWhole(pieceOf(length + 2), false);
      assert.equal(body.takeBuffered()?.length, isWhole ? length : undefined, `${side} of ${length} bytes`);
      if (!isWhole) assert.equal((await body.read())?.length, length, "it is read as ever");
    }
  }
});
