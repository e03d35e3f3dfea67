import assert from "node:assert/strict";
import { retryAfterMs } from "../../../../lib/mcp/events/stream_retry.ts";

const CASES: readonly (readonly [wantedMs: number, afterMs: readonly number[]])[] = [
  [0, [100, 200, 400, 800, 1600, 3200]],
  [99, [100, 200, 400, 800, 1600, 3200]],
  [150, [150, 300, 600, 1200, 2400, 4800]],
  [20_000, [20_000, 40_000, 60_000, 60_000, 60_000, 60_000]],
  [Number.MAX_SAFE_INTEGER, [60_000, 60_000]],
];

for (const [wantedMs, afterMs] of CASES) {
  Deno.test(`N3: a stream is asked for again ever later where its server wants ${wantedMs} ms`, () => {
    assert.deepEqual(afterMs.map((_, inVain) => retryAfterMs({ wantedMs, mostMs: 60_000 }, inVain)), afterMs);
  });
}
