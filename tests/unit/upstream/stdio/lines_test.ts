// Lines out of a pipe, however its bytes arrive, and never more memory than the longest line allowed.
import fc from "fast-check";
import assert from "node:assert/strict";
import { type LineOptions, LineSplitter, type LongLine } from "../../../../lib/upstream/stdio/lines.ts";
import { STRICT } from "../../../support/strict.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function split(
  pieces: readonly Uint8Array[],
  options: LineOptions = { maxBytes: 1000, onLonger: "cut" },
): string[] {
  const splitter = new LineSplitter(options);
  const lines = pieces.flatMap((piece) => splitter.push(piece).map((line) => decoder.decode(line)));
  return [...lines, ...splitter.end().map((line) => decoder.decode(line))];
}

Deno.test("PROTOCOL 37: any way of cutting the bytes gives the same lines", STRICT, () => {
  const text = fc.array(fc.constantFrom("a", "é", "日", "\n", "\r\n", "{}", " "), { maxLength: 60 }).map((all) =>
    all.join("")
  );
  fc.assert(
    fc.property(text, fc.array(fc.nat(80), { maxLength: 8 }), (text, cuts) => {
      const bytes = encoder.encode(text);
      const places = [...new Set([0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length])].sort((a, b) =>
        a - b
      );
      const pieces = places.slice(1).map((end, i) => bytes.slice(places[i]!, end));
      const wanted = text.split("\n").map((line) => line.replace(/\r$/, "")).filter((line) => line !== "");
      assert.deepEqual(split(pieces), wanted);
    }),
    { numRuns: 300 },
  );
});

Deno.test("M3: a line may be as long as the cap and no longer", STRICT, () => {
  const line = (length: number) => encoder.encode("x".repeat(length) + "\n");
  const lengths: number[] = [];
  const options = { maxBytes: 10, onLonger: ({ bytes }: LongLine) => void lengths.push(bytes) };
  assert.equal(split([line(10)], options)[0]!.length, 10);
  assert.deepEqual(split([line(11), line(3)], options), ["xxx"]);
  const piecemeal = Array.from({ length: 12 }, () => encoder.encode("x"));
  assert.deepEqual(split([...piecemeal, line(0), line(2)], options), ["xx"]);
  assert.deepEqual(split(piecemeal, options), [], "one that the pipe's end cuts off");
  assert.deepEqual(lengths, [11, 12, 12]);
});

Deno.test("B8: of a line over the cap its beginning and end are kept, however its bytes arrive", STRICT, () => {
  const text = `head${"x".repeat(20_000)}tail`;
  for (const size of [1, 7, 256, 257, 30_000]) {
    const found: LongLine[] = [];
    const splitter = new LineSplitter({ maxBytes: 100, onLonger: (line) => void found.push(line) });
    const bytes = encoder.encode(`${text}\n`);
    for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.slice(at, at + size));
    assert.equal(found.length, 1);
    assert.equal(found[0]!.bytes, text.length);
    assert.match(new TextDecoder().decode(found[0]!.head), /^headx+$/);
    assert.match(new TextDecoder().decode(found[0]!.tail), /^x+tail$/);
  }
});

Deno.test("B7: a long line is cut, and the next one is whole again", STRICT, () => {
  const pieces = ["abcdef", "ghi", "jkl\nmn\n", "opqrst\n"].map((text) => encoder.encode(text));
  assert.deepEqual(split(pieces, { maxBytes: 4, onLonger: "cut" }), ["abcd", "mn", "opqr"]);
});

Deno.test("M6: of a line as much is kept as has come, until it is whole or is being skipped", STRICT, () => {
  const splitter = new LineSplitter({ maxBytes: 10, onLonger: () => {} });
  const kept = (text: string) => {
    splitter.push(encoder.encode(text));
    return splitter.size;
  };
  assert.deepEqual(["ab", "cde", "f\ngh", "\n\n", "0123456789", "x", "y", "\n"].map(kept), [2, 5, 2, 0, 10, 0, 0, 0]);
});

Deno.test("M6: a line that is given up is skipped to its end and told of, and the next one is whole", STRICT, () => {
  const found: LongLine[] = [];
  const splitter = new LineSplitter({ maxBytes: 10, onLonger: (line) => void found.push(line) });
  splitter.giveUp(); // none is under way
  splitter.push(encoder.encode("one\ntw"));
  splitter.giveUp();
  assert.equal(splitter.size, 0);
  const lines = splitter.push(encoder.encode("o\nthree\n")).map((line) => decoder.decode(line));
  assert.deepEqual(lines, ["three"]);
  assert.deepEqual(found.map(({ bytes, overdue }) => ({ bytes, overdue })), [{ bytes: 3, overdue: true }]);
});
