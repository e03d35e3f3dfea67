// The compiler's part is proven by `@ts-expect-error`: the check fails where a line below it would pass.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../../lib/http1/byte_account.ts";
import type { BodyReader, ClientRequest } from "../../../../../lib/http1/types.ts";
import {
  BorrowedBytes,
  byteAt,
  callBack,
  copyBytes,
  inspectBytes,
  inspectInPlace,
  lockForWrite,
  ownBytes,
  roomBefore,
  unlockAfterWrite,
} from "../../../../../lib/http1/wire/streams/borrowed.ts";
import { giveBuffer, takeBuffer } from "../../../../../lib/http1/wire/streams/buffers.ts";
import { ByteStream } from "../../../../../lib/http1/wire/streams/byte_stream.ts";
import { Traffic } from "../../../../../lib/http1/wire/streams/traffic.ts";
import type { UpstreamRequest } from "../../../../../lib/upstream/upstream.ts";
import { POISON } from "../../../../support/poison.ts";
import { bytesOf, textOf } from "../../../../support/raw_peer.ts";
import { STRICT } from "../../../../support/strict.ts";
import { until } from "../../../../support/until.ts";
import { ScriptedSocket } from "../../client/pool_support.ts";

const REASON = { code: "aborted", message: /^using borrowed bytes: the exchange they belong to has ended$/ };

function textIn(buffer: Uint8Array, before: string | undefined, from: number, to: number): string {
  return `${before}${from} to ${to}: ${textOf(buffer.subarray(from, to))}`;
}

Deno.test("borrowed bytes are no Uint8Array to the compiler, at every boundary where bytes are kept", STRICT, () => {
  const borrowed = new BorrowedBytes(bytesOf("abc"));
  const keep = (_bytes: Uint8Array) => {};
  // @ts-expect-error a place that keeps takes bytes of its own only
  const refused = () => keep(borrowed);
  // @ts-expect-error a stream's writer would hold them for as long as its reader likes
  const written = (stdin: WritableStreamDefaultWriter<Uint8Array>) => stdin.write(borrowed);
  // @ts-expect-error what a request arrived with is borrowed as well
  const taken = (body: BodyReader): Uint8Array | undefined => body.takeBuffered();
  // @ts-expect-error an upstream is given what may be borrowed
  const kept = (request: UpstreamRequest): Uint8Array | undefined => request.body;
  // @ts-expect-error what is looked at for a moment is not handed out
  const seen = () => inspectBytes(borrowed, (view) => view.subarray(1), undefined);
  // @ts-expect-error nor is what they lie in
  const lent = () => inspectInPlace(borrowed, (buffer) => buffer, undefined);
  const allowed = (request: ClientRequest): ClientRequest => ({ ...request, body: borrowed });
  assert.equal([refused, written, taken, kept, seen, lent, allowed].length, 7);
  keep(borrowed.copy());
});

Deno.test(
  "borrowed bytes can be copied and looked at until they are called back, and throw from then on",
  STRICT,
  () => {
    const buffer = bytesOf("-abc-");
    const borrowed = new BorrowedBytes(buffer, 1, 4);
    const copy = ownBytes(borrowed);
    const target = new Uint8Array(2);
    copyBytes(borrowed, target, 0, 1);
    assert.deepEqual(
      [borrowed.length, inspectBytes(borrowed, textOf, undefined), byteAt(borrowed, 1), textOf(target)],
      [
        3,
        "abc",
        0x62,
        "bc",
      ],
    );
    assert.equal(callBack(borrowed), true);
    buffer.fill(POISON);
    assert.equal(textOf(copy), "abc");
    for (
      const use of [
        () => borrowed.copy(),
        () => inspectBytes(borrowed, textOf, undefined),
        () => inspectInPlace(borrowed, textIn, undefined),
        () => byteAt(borrowed, 0),
        () => ownBytes(borrowed),
      ]
    ) {
      assert.throws(use, REASON);
    }
    assert.throws(() => copyBytes(borrowed, target), REASON);
    assert.throws(() => lockForWrite(borrowed), REASON);
  },
);

Deno.test("borrowed bytes are looked at where they lie, and their place is told", STRICT, () => {
  const borrowed = new BorrowedBytes(bytesOf("-abc-"), 1, 4);
  assert.equal(inspectInPlace(borrowed, textIn, "> "), "> 1 to 4: abc");
  assert.equal(inspectInPlace(bytesOf("abc"), textIn, ""), "0 to 3: abc");
});

Deno.test("bytes that are being written are not free when they are called back", STRICT, () => {
  const borrowed = new BorrowedBytes(bytesOf("abc"));
  lockForWrite(borrowed);
  assert.equal(callBack(borrowed), false);
  unlockAfterWrite(borrowed);
});

Deno.test("bytes of one's own are used as they are", STRICT, () => {
  const own = bytesOf("abc");
  assert.equal(ownBytes(own), own);
  assert.deepEqual([inspectBytes(own, textOf, undefined), byteAt(own, 2)], ["abc", 0x63]);
});

Deno.test("poison is in every buffer given back, and a second return or a late write is found out", STRICT, () => {
  const buffer = takeBuffer(100);
  buffer.fill(1);
  giveBuffer(buffer);
  assert.ok(buffer.every((byte) => byte === POISON));
  const { error } = console;
  const said: string[] = [];
  console.error = (line: string) => void said.push(line);
  try {
    assert.throws(() => giveBuffer(buffer), /has been given already/);
    buffer[50] = 1;
    assert.throws(() => takeBuffer(100), /somebody has written to it/);
  } finally {
    console.error = error;
  }
  assert.equal(said.length, 2, "it is loud whoever swallows the exception");
});

/** An owner that only counts. */
const OWNER = { onData() {}, onEnd() {}, onReadFailed() {}, onWriteFailed() {} };

/** A socket whose writes finish when the test says so. */
class SlowSocket extends ScriptedSocket {
  readonly pending: { bytes: Uint8Array; done: (count: number) => void }[] = [];
  override write(bytes: Uint8Array, from: number, to: number): Promise<number> {
    return new Promise((done) => this.pending.push({ bytes: bytes.subarray(from, to), done }));
  }
}

function streamOver(socket: ScriptedSocket): ByteStream {
  return new ByteStream(socket, OWNER, {
    traffic: new Traffic(),
    account: new ByteAccount(),
    restBytes: 1024,
    claim: "caller",
  });
}

for (const end of ["release", "close"] as const) {
  Deno.test(`a buffer that is still being written elsewhere is nobody else's after ${end}`, STRICT, async () => {
    const [source, sink] = [new ScriptedSocket(), new SlowSocket()];
    const [from, to] = [streamOver(source), streamOver(sink)];
    from.post();
    source.deliver("whole");
    await until(() => from.buffered === 5, "the bytes");
    const { buffer } = from;
    const lent = from.lend(0, 5);
    from.start = 5;
    const written = to.output.write(lent);
    from[end]();
    assert.throws(() => lent.copy(), { code: "aborted" });
    assert.equal(textOf(sink.pending[0]!.bytes), "whole", "the write under way goes on with what it began with");
    const others = Array.from({ length: 8 }, () => takeBuffer(1024));
    assert.ok(!others.includes(buffer));
    for (const other of others) giveBuffer(other);
    sink.pending[0]!.done(5);
    await written;
    from.close();
    to.close();
  });
}

Deno.test("a buffer that two write from is free when the second has, and not before", STRICT, async () => {
  const source = new ScriptedSocket();
  const sinks = [new SlowSocket(), new SlowSocket()];
  const from = streamOver(source), to = sinks.map(streamOver);
  from.post();
  source.deliver("whole");
  await until(() => from.buffered === 5, "the bytes");
  const { buffer } = from;
  const lent = from.lend(0, 5);
  const written = to.map(({ output }) => output.write(lent));
  // Not consumed: the stream goes on with the buffer, and lends of it again.
  from.release();
  sinks[0]!.pending[0]!.done(5);
  await written[0];
  assert.equal(roomBefore(from.lend(2, 5)), 0, "what is written still must stay as it is");
  from.release();
  sinks[1]!.pending[0]!.done(5);
  await written[1];
  assert.equal(roomBefore(from.lend(2, 5)), 2);
  from.start = 5;
  from.release();
  assert.ok(buffer.every((byte) => byte === POISON), "it is one of the shared ones again");
  for (const stream of [from, ...to]) stream.close();
});

Deno.test("a buffer nobody writes from any more goes back to the shared ones at once", STRICT, async () => {
  const source = new ScriptedSocket();
  const from = streamOver(source);
  from.post();
  source.deliver("whole");
  await until(() => from.buffered === 5, "the bytes");
  const { buffer } = from;
  from.lend(0, 5);
  from.start = 5;
  from.release();
  assert.ok(buffer.every((byte) => byte === POISON));
  from.close();
});
