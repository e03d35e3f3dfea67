// Lines out of a pipe, however its bytes arrive, and never more memory than the longest line allowed.
import assert from "node:assert/strict";
import fc from "fast-check";
import { LineSplitter, LineTooLongError } from "../../../../lib/upstream/stdio/lines.ts";
import { STRICT } from "../../../support/strict.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function split(
  pieces: readonly Uint8Array[],
  options = { maxBytes: 1000, onLonger: "fail" as "fail" | "cut" },
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
  assert.equal(split([line(10)], { maxBytes: 10, onLonger: "fail" })[0]!.length, 10);
  assert.throws(() => split([line(11)], { maxBytes: 10, onLonger: "fail" }), LineTooLongError);
  const piecemeal = Array.from({ length: 11 }, () => encoder.encode("x"));
  assert.throws(() => split(piecemeal, { maxBytes: 10, onLonger: "fail" }), LineTooLongError);
});

Deno.test("B7: a long line is cut, and the next one is whole again", STRICT, () => {
  const pieces = ["abcdef", "ghi", "jkl\nmn\n", "opqrst\n"].map((text) => encoder.encode(text));
  assert.deepEqual(split(pieces, { maxBytes: 4, onLonger: "cut" }), ["abcd", "mn", "opqr"]);
});
