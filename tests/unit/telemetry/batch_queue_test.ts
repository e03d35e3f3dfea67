import assert from "node:assert/strict";
import { BatchQueue } from "../../../lib/telemetry/batch_queue.ts";
import { FakeTimers } from "../../support/fake_timers.ts";
import { STRICT } from "../../support/strict.ts";

function queue(options: { maxQueue?: number; maxBatch?: number } = {}) {
  const timers = new FakeTimers();
  const batches: number[][] = [];
  const answers: ((lost: number) => void)[] = [];
  const send = (items: readonly number[]) => {
    batches.push([...items]);
    return new Promise<number>((resolve) => answers.push(resolve));
  };
  const made = new BatchQueue<number>({
    delayMs: 100,
    maxQueue: options.maxQueue ?? 10,
    maxBatch: options.maxBatch ?? 4,
    send,
    timers,
  });
  const answer = async (arrived: boolean | number) => {
    answers.shift()!(typeof arrived === "number" ? arrived : arrived ? 0 : Infinity);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return { queue: made, timers, batches, answer };
}

Deno.test("what is added waits for a delay, or for a batch to be full", STRICT, async () => {
  const { queue: of, timers, batches } = queue();
  of.add(1);
  assert.deepEqual(batches, []);
  await timers.advance(100);
  assert.deepEqual(batches, [[1]]);
  const { queue: full, batches: sent } = queue();
  for (const item of [1, 2, 3, 4]) full.add(item);
  assert.deepEqual(sent, [[1, 2, 3, 4]]);
});

Deno.test("one batch is under way at a time; what finds no room is dropped and counted", STRICT, async () => {
  const { queue: of, timers, batches, answer } = queue();
  for (let item = 0; item < 20; item++) of.add(item);
  assert.deepEqual(batches, [[0, 1, 2, 3]]);
  assert.equal(of.size, 10);
  assert.equal(of.dropped, 6);
  await answer(true);
  await answer(false);
  await answer(true);
  assert.deepEqual(batches.map(([first]) => first), [0, 4, 8]);
  assert.deepEqual([of.sent, of.dropped, of.size], [8, 10, 2]);
  await timers.advance(100);
  assert.equal(batches.length, 4, "less than a batch waits for its delay");
});

Deno.test("of a batch that arrived in part the rest is counted as dropped", STRICT, async () => {
  const { queue: of, answer } = queue();
  for (let item = 0; item < 8; item++) of.add(item);
  await answer(1);
  await answer(9);
  assert.deepEqual([of.sent, of.dropped], [3, 5]);
});

Deno.test("flush sends all that waits, close drops it", STRICT, async () => {
  const { queue: of, batches, answer } = queue();
  for (const item of [1, 2]) of.add(item);
  const flushed = of.flush();
  await answer(true);
  await flushed;
  assert.deepEqual(batches, [[1, 2]]);
  of.add(3);
  of.close();
  assert.deepEqual([of.sent, of.dropped, of.size], [2, 1, 0]);
});

Deno.test("what is added behind the end is dropped and counted, and sets no timer", STRICT, () => {
  const { queue: of, timers } = queue();
  of.add(1);
  of.close();
  of.add(2);
  assert.deepEqual([of.size, of.dropped, timers.pending], [0, 2, 0]);
});
