// What is written is what `String`, `JSON.stringify` and a text encoder would have made of it, wherever memory ends.
import fc from "fast-check";
import assert from "node:assert/strict";
import { WrittenBytes } from "../../../../lib/platform/memory/written_bytes.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

function read({ bytes, length }: WrittenBytes): string {
  return decoder.decode(bytes.subarray(0, length));
}

const ODD = [0, -0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 53, -1, 0.5, 1e21, NaN, Infinity];
const number = fc.oneof(fc.constantFrom(...ODD), fc.nat(), fc.integer(), fc.double());

Deno.test("numbers are written as String writes them, hundredths rounded", () => {
  fc.assert(fc.property(number, fc.oneof(fc.nat(100_000).map((n) => n / 100), number), (whole, part) => {
    const line = new WrittenBytes();
    line.number(whole);
    line.byte(0x20);
    line.hundredths(part);
    assert.equal(read(line), `${whole} ${Math.round(part * 100) / 100}`);
  }));
});

Deno.test("texts and pieces stand one behind the other, whatever their length and their characters", () => {
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

Deno.test("a text is written as JSON.stringify writes it, whatever stands in it", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.string({ maxLength: 60 }),
    fc.constantFrom("a".repeat(40), "a".repeat(41), `${"a".repeat(39)}"`, "\\", "\u007f", "\ud800", ""),
  );
  fc.assert(fc.property(fc.array(text, { maxLength: 200 }), (texts) => {
    const written = new WrittenBytes(16);
    for (const each of texts) written.json(each);
    assert.equal(read(written), texts.map((each) => JSON.stringify(each)).join(""));
  }));
});
