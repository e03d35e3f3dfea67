// Properties of lib/envelope/base62.ts: one text per byte string, one byte string per text, whatever comes in.
import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { base62Length, encodeBase62 } from "../../lib/envelope/base62.ts";
import { decodeBase62 } from "../support/base62.ts";
import { STRICT } from "../support/strict.ts";
import { base62 } from "../vectors/reference.ts";

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/** Uniform bytes hardly ever meet the edges of a block; these do. */
const edgy = fc.array(fc.oneof(fc.constantFrom(0, 1, 254, 255), fc.nat(255)), { maxLength: 64 })
  .map((bytes) => Uint8Array.from(bytes));
const digits = (length: number) => fc.array(fc.constantFrom(...ALPHABET), { minLength: length, maxLength: length });

Deno.test("E1: encodeBase62 agrees with the reference and decodeBase62 undoes it, for any bytes", STRICT, () => {
  fc.assert(
    fc.property(edgy, (bytes) => {
      const text = encodeBase62(bytes);
      assert.equal(text, base62(bytes));
      assert.equal(text.length, base62Length(bytes.length));
      assert.deepEqual(Uint8Array.from(decodeBase62(text)!), bytes);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("E7: a text of digits decodes only if it is what its bytes encode to", STRICT, () => {
  let decoded = 0;
  const text = fc.nat(24).chain(digits).map((chars) => chars.join(""));
  fc.assert(
    fc.property(text, (text) => {
      const bytes = decodeBase62(text);
      if (bytes === undefined) return;
      decoded++;
      assert.equal(encodeBase62(bytes), text);
    }),
    { numRuns: 3000 },
  );
  assert(decoded > 100, `only ${decoded} texts decoded: the property proves nothing`);
});

Deno.test("E7: decodeBase62 accepts a block exactly up to 2^64 − 1", STRICT, () => {
  const top = 2n ** 64n;
  const near = fc.oneof(fc.bigInt(0n, 62n ** 11n - 1n), fc.bigInt(top - 1000n, top + 1000n));
  fc.assert(
    fc.property(near, (value) => {
      let text = "";
      for (let i = 0, rest = value; i < 11; i++, rest /= 62n) text = ALPHABET[Number(rest % 62n)] + text;
      const bytes = decodeBase62(text);
      if (value >= top) assert.equal(bytes, undefined);
      else assert.equal(BigInt("0x" + Buffer.from(bytes!).toString("hex")), value);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("E7: decodeBase62 refuses any text with a character outside the alphabet", STRICT, () => {
  const foreign = fc.string({ unit: "binary", minLength: 1, maxLength: 1 }).filter((char) => !ALPHABET.includes(char));
  fc.assert(
    fc.property(edgy.filter((bytes) => bytes.length > 0), foreign, fc.nat(), (bytes, char, seed) => {
      const text = encodeBase62(bytes);
      const at = seed % text.length;
      assert.equal(decodeBase62(text.slice(0, at) + char + text.slice(at + 1)), undefined);
    }),
    { numRuns: 1000 },
  );
});
