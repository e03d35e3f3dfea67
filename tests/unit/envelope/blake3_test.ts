import { blake3 as reference } from "@noble/hashes/blake3.js";
import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { blake3, deriveByBlake3, keyedBlake3 } from "../../../lib/envelope/blake3.ts";
import { STRICT } from "../../support/strict.ts";
import published from "../../vectors/published/blake3.json" with { type: "json" };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

Deno.test("E4: BLAKE3 agrees with its published vectors in the modes keys and nonces are made with", STRICT, () => {
  const key = Buffer.from(published.key);
  for (const { inputLength, keyedHash, deriveKey } of published.cases) {
    const input = Uint8Array.from({ length: inputLength }, (_, i) => i % 251);
    for (const length of [4, 16, 24, 32]) {
      assert.equal(hex(keyedBlake3(key, input, length)), keyedHash.slice(0, 2 * length), `${inputLength} bytes`);
      assert.equal(hex(deriveByBlake3(published.context, input, length)), deriveKey.slice(0, 2 * length));
    }
  }
});

Deno.test("E4: BLAKE3 agrees with another implementation on input of any length", STRICT, () => {
  const bytes = (max: number, min = 0) => fc.uint8Array({ minLength: min, maxLength: max });
  fc.assert(
    fc.property(
      bytes(32, 32),
      fc.nat(9000),
      fc.nat(255),
      fc.integer({ min: 1, max: 32 }),
      (key, size, seed, length) => {
        const input = Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed) & 0xff);
        assert.equal(hex(blake3(input, length)), hex(reference(input, { dkLen: length })));
        assert.equal(hex(keyedBlake3(key, input, length)), hex(reference(input, { key, dkLen: length })));
        const derived = reference(input, { context: Buffer.from("a purpose"), dkLen: length });
        assert.equal(hex(deriveByBlake3("a purpose", input, length)), hex(derived));
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("BLAKE3 changes neither key nor input, and gives memory of its own", STRICT, () => {
  const key = Buffer.alloc(32, 1), input = Buffer.alloc(2000, 2);
  const first = keyedBlake3(key, input, 32);
  const before = hex(first);
  keyedBlake3(key, Buffer.alloc(10), 32);
  assert.equal(hex(first), before);
  assert.ok(key.every((byte) => byte === 1) && input.every((byte) => byte === 2));
});

Deno.test("BLAKE3 refuses a key of another length, and gives no more than 32 bytes", STRICT, () => {
  assert.throws(() => keyedBlake3(new Uint8Array(31), new Uint8Array(0), 32), /found 31 bytes, want 32/);
  assert.throws(() => blake3(new Uint8Array(0), 33), RangeError);
});
