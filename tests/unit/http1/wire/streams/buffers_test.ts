// The shared buffers: sizes, reuse, bounds.
import assert from "node:assert/strict";
import {
  giveBuffer,
  giveLongBuffer,
  keptBufferBytes,
  LARGEST_BUFFER,
  nextBufferSize,
  REQUEST_BUFFER,
  RESPONSE_BUFFER,
  takeBuffer,
  takeLongBuffer,
} from "../../../../../lib/http1/wire/streams/buffers.ts";
import { STRICT } from "../../../../support/strict.ts";

Deno.test("takeBuffer gives at least what is asked for, up to the largest", STRICT, () => {
  for (
    const bytes of [
      0,
      1,
      RESPONSE_BUFFER,
      RESPONSE_BUFFER + 1,
      REQUEST_BUFFER,
      REQUEST_BUFFER + 1,
      5000,
      20_000,
      LARGEST_BUFFER,
    ]
  ) {
    const buffer = takeBuffer(bytes);
    assert.ok(buffer.length >= bytes);
    giveBuffer(buffer);
  }
  const most = takeBuffer(LARGEST_BUFFER + 1);
  assert.equal(most.length, LARGEST_BUFFER);
  giveBuffer(most);
});

Deno.test("a buffer given back is the next one taken, and never two users' at once", STRICT, () => {
  const first = takeBuffer(100);
  giveBuffer(first);
  const again = takeBuffer(100);
  assert.equal(again, first);
  assert.notEqual(takeBuffer(100), again);
});

Deno.test("nextBufferSize climbs to the largest and stays there", STRICT, () => {
  let size = RESPONSE_BUFFER;
  const sizes = [size];
  while (nextBufferSize(size) !== size) sizes.push(size = nextBufferSize(size));
  assert.equal(sizes.at(-1), LARGEST_BUFFER);
  assert.deepEqual([...sizes].sort((a, b) => a - b), sizes);
});

Deno.test("what is kept for reuse is bounded", STRICT, () => {
  const buffers = Array.from({ length: 200 }, () => takeBuffer(LARGEST_BUFFER));
  for (const buffer of buffers) giveBuffer(buffer);
  assert.ok(keptBufferBytes() < 8 * 1024 * 1024, `${keptBufferBytes()} bytes`);
});

Deno.test("a piece that a socket has made is let go of, and nobody else's afterwards", STRICT, () => {
  const before = keptBufferBytes();
  const piece = new Uint8Array(LARGEST_BUFFER + 4096);
  giveBuffer(piece);
  giveBuffer(new Uint8Array(5000));
  assert.equal(keptBufferBytes(), before);
  const largest = takeBuffer(LARGEST_BUFFER);
  assert.notEqual(largest, piece);
  giveBuffer(largest);
});

Deno.test("a long buffer given back is the next one taken for as much, and not for much less", STRICT, () => {
  const first = takeLongBuffer(1_000_000);
  assert.ok(first.length >= 1_000_000 && first.length < 1_020_000, `${first.length} bytes`);
  giveLongBuffer(first);
  assert.notEqual(takeLongBuffer(first.length + 1), first);
  assert.notEqual(takeLongBuffer(500_000), first);
  assert.equal(takeLongBuffer(950_000), first);
  assert.notEqual(takeLongBuffer(950_000), first);
});

Deno.test("what is kept of long buffers is bounded, and the last ones given are kept", STRICT, () => {
  const before = keptBufferBytes();
  const buffers = Array.from({ length: 20 }, () => takeLongBuffer(1_000_000));
  for (const buffer of buffers) giveLongBuffer(buffer);
  assert.ok(keptBufferBytes() - before <= 6 * 1024 * 1024, `${keptBufferBytes()} bytes`);
  const longer = takeLongBuffer(5_000_000);
  giveLongBuffer(longer);
  assert.equal(takeLongBuffer(5_000_000), longer);
  // Longer than all that is kept: nobody's afterwards.
  giveLongBuffer(takeLongBuffer(7_000_000));
  assert.ok(keptBufferBytes() - before <= 6 * 1024 * 1024, `${keptBufferBytes()} bytes`);
});
