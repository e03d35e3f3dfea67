import assert from "node:assert/strict";
import { SseParser } from "../../../../lib/mcp/events/sse.ts";
import { GatheredBytes } from "../../../../lib/platform/memory/gathered_bytes.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("M3: GatheredBytes gives back what was added in any pieces, and starts anew", STRICT, () => {
  const gathered = new GatheredBytes();
  const piece = new Uint8Array(1);
  for (let i = 0; i < 1000; i++) {
    piece[0] = i & 0xff; // reused: it must have been copied
    gathered.add(piece);
  }
  assert.equal(gathered.size, 1000);
  assert.deepEqual(gathered.take(), Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff));
  assert.equal(gathered.size, 0);
  gathered.add(Uint8Array.of(7));
  assert.deepEqual(gathered.take(), Uint8Array.of(7));
});

Deno.test(
  "M3: a line of 1 MiB in pieces of one byte costs SseParser memory for its bytes, not for its pieces",
  STRICT,
  () => {
    const parser = new SseParser({ maxEventBytes: 2 << 20 });
    const byte = Uint8Array.of(0x78);
    parser.push(new TextEncoder().encode("data: "));
    const before = Deno.memoryUsage();
    for (let i = 0; i < 1 << 20; i++) parser.push(byte);
    const after = Deno.memoryUsage();
    const grown = after.heapUsed + after.external - before.heapUsed - before.external;
    assert.equal(grown < 32 << 20, true, `${grown >> 20} MiB for a line of 1 MiB`);
    const [event] = parser.push(new TextEncoder().encode("\n\n"));
    assert.equal(event!.data!.length, 1 << 20);
  },
);
