// G1: lines that wait are handed out in their order, in batches of bounded size, in memory that is used again.
import assert from "node:assert/strict";
import { LineBatch, LineQueue } from "../../../lib/audit/line_batch.ts";
import type { WrittenBytes } from "../../../lib/platform/memory/written_bytes.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

function read({ bytes, length }: WrittenBytes): string {
  return decoder.decode(bytes.subarray(0, length));
}

Deno.test("G1: a line that is dropped leaves nothing of itself behind, and others as they are", () => {
  const queue = new LineQueue(3);
  for (let n = 0; n < 10; n++) {
    queue.last.text(`line ${n};`);
    if (n % 3 === 1) queue.last.dropLine();
    else assert.equal(queue.endLine(), 7);
  }
  assert.equal(queue.count, 7);
  const found: string[] = [];
  for (let batch: LineBatch; queue.count > 0; queue.release(batch)) found.push(read(batch = queue.take()));
  assert.deepEqual(found, ["line 0;line 2;line 3;", "line 5;line 6;line 8;", "line 9;"]);
  assert.equal(queue.last.length, 0, "memory that is used again is empty");
});
