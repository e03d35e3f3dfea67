// G1: what is written into a batch is what `String` and a text encoder would have made of it, wherever memory ends.
import fc from "fast-check";
import assert from "node:assert/strict";
import { LineBatch, LineQueue } from "../../../lib/audit/line_batch.ts";
import { WrittenBytes } from "../../../lib/platform/memory/written_bytes.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

function read({ bytes, length }: WrittenBytes): string {
  return decoder.decode(bytes.subarray(0, length));
}

const ODD = [0, -0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 53, -1, 0.5, 1e21, NaN, Infinity];
const number = fc.oneof(fc.constantFrom(...ODD), fc.nat(), fc.integer(), fc.double());

Deno.test("G1: numbers are written as String writes them, hundredths rounded", () => {
  fc.assert(fc.property(number, fc.oneof(fc.nat(100_000).map((n) => n / 100), number), (whole, part) => {
    const line = new WrittenBytes();
    line.number(whole);
    line.byte(0x20);
    line.hundredths(part);
    assert.equal(read(line), `${whole} ${Math.round(part * 100) / 100}`);
  }));
});

Deno.test("G1: texts and pieces stand one behind the other, whatever their length and their characters", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.constantFrom("a".repeat(24), "a".repeat(25), "é".repeat(40), `${"a".repeat(39)}€`, "\u{1f600}".repeat(3000)),
  );
  fc.assert(fc.property(fc.array(text, { maxLength: 200 }), (texts) => {
    const line = new WrittenBytes();
    const wellFormed = texts.map((each) => each.toWellFormed());
    wellFormed.forEach((each, i) => i % 2 === 0 ? line.text(each) : line.put(new TextEncoder().encode(each)));
    assert.equal(read(line), wellFormed.join(""));
  }));
});

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
