// bun_socket.ts before a socket of Bun's that the test plays: what it hands over is all that has come, or fills
// the memory it was lent. Whoever is given less takes it that nothing more is there (`ByteStream.full`).
import assert from "node:assert/strict";
import type { BunTcpSocket } from "../../../../lib/platform/runtime/bun_types.ts";
import { BunSocket } from "../../../../lib/platform/sockets/bun_socket.ts";
import { STRICT } from "../../../support/strict.ts";

function scene(memoryBytes: number) {
  const socket = new BunSocket(false);
  const raw = { setNoDelay() {}, pause() {}, resume() {}, terminate() {}, close() {} };
  const reads: number[][] = [];
  socket.own({
    takeMemory: () => new Uint8Array(memoryBytes),
    onBytes: (memory, count) => void reads.push([...memory.subarray(0, count)]),
    onEnd: () => void reads.push([]),
    onReadFailed: (cause) => assert.fail(String(cause)),
  });
  socket.opened(raw as unknown as BunTcpSocket);
  const read = async () => {
    socket.read();
    await Promise.resolve();
    return reads.splice(0).flat();
  };
  return { socket, read };
}

const bytes = (from: number, length: number) => Uint8Array.from({ length }, (_, at) => from + at);

Deno.test(
  "what has come in several pieces before anybody asked comes in one read, as far as it fits",
  STRICT,
  async () => {
    const { socket, read } = scene(10);
    for (let at = 0; at < 24; at += 4) socket.arrived(bytes(at, 4));
    assert.deepEqual(await read(), [...bytes(0, 10)]);
    assert.deepEqual(await read(), [...bytes(10, 10)]);
    assert.deepEqual(await read(), [...bytes(20, 4)]);
    const next = read();
    socket.arrived(bytes(24, 3));
    assert.deepEqual(await next, [...bytes(24, 3)]);
  },
);

Deno.test("what is left of a piece comes with the one behind it", STRICT, async () => {
  const { socket, read } = scene(8);
  const first = read();
  socket.arrived(bytes(0, 12));
  assert.deepEqual(await first, [...bytes(0, 8)]);
  socket.arrived(bytes(12, 2));
  assert.deepEqual(await read(), [...bytes(8, 6)]);
});

Deno.test("what has come and nobody has asked for is known of", STRICT, async () => {
  const { socket, read } = scene(8);
  assert.ok(!socket.hasEarly);
  socket.arrived(bytes(0, 12));
  assert.ok(socket.hasEarly);
  await read();
  assert.ok(socket.hasEarly);
  await read();
  assert.ok(!socket.hasEarly);
  socket.endArrived();
  assert.ok(socket.hasEarly);
});
