import baseX from "base-x";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { base62Length, encodeBase62 } from "../../../lib/envelope/base62.ts";
import { decodeBase62 } from "../../support/base62.ts";
import { STRICT } from "../../support/strict.ts";
import vectors from "../../vectors/base62.json" with { type: "json" };

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("hex");

Deno.test("E1: encodeBase62 gives the text of every committed vector", STRICT, () => {
  for (const { hex, text } of vectors.valid) assert.equal(encodeBase62(Buffer.from(hex, "hex")), text, hex);
});

Deno.test("E1: decodeBase62 gives the bytes of every committed vector", STRICT, () => {
  for (const { hex: bytes, text } of vectors.valid) assert.equal(hex(decodeBase62(text)), bytes, text);
});

Deno.test("E7: decodeBase62 refuses every text that no bytes encode to", STRICT, () => {
  for (const { text, why } of vectors.invalid) assert.equal(decodeBase62(text), undefined, why);
});

Deno.test("E7: decodeBase62 accepts the highest block and refuses the next", STRICT, () => {
  assert.equal(hex(decodeBase62("lYGhA16ahyf")), "ffffffffffffffff");
  assert.equal(decodeBase62("lYGhA16ahyg"), undefined);
});

Deno.test("E1: encodeBase62 agrees with base-x on each block, padded to its fixed width", STRICT, () => {
  const reference = baseX("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
  for (let length = 1; length <= 8; length++) {
    for (let seed = 0; seed < 256; seed += 5) {
      const block = Uint8Array.from({ length }, (_, i) => (seed * (i + 1) * 37 + seed) & 0xff);
      const first = block.findIndex((byte) => byte !== 0);
      // base-x writes a leading zero byte as one digit; a fixed-width block has no use for that.
      const digits = first < 0 ? "" : reference.encode(block.subarray(first));
      assert.equal(encodeBase62(block), digits.padStart(base62Length(length), "0"));
    }
  }
});

Deno.test("E7: base62Length tells the length of the text for every size", STRICT, () => {
  for (let length = 0; length <= 64; length++) {
    assert.equal(encodeBase62(new Uint8Array(length).fill(255)).length, base62Length(length));
  }
});

Deno.test("E7: decodeBase62 leaves no trace of a tail in the next one", STRICT, () => {
  encodeBase62(Uint8Array.of(255, 255, 255, 255, 255, 255, 255));
  assert.equal(encodeBase62(Uint8Array.of(1)), "01");
  assert.equal(decodeBase62("ZZZZZZZZZZ"), undefined);
  assert.equal(hex(decodeBase62("01")), "01");
});
