import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { poly1305 as noble } from "@noble/ciphers/_poly1305.js";
import fc from "fast-check";
import { poly1305 } from "../../../lib/envelope/poly1305.ts";
import { STRICT } from "../../support/strict.ts";
import published from "../../vectors/published/poly1305.json" with { type: "json" };

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));

function tagOf(key: Uint8Array, message: Uint8Array): string {
  const tag = new Int32Array(4);
  // More than is authenticated, as in memory that is used again.
  const memory = new Uint8Array(message.length + 16).fill(0xaa);
  memory.set(message);
  poly1305(new Int32Array(Uint8Array.from(key).buffer), { bytes: memory, length: message.length }, tag);
  return Buffer.from(tag.buffer).toString("hex");
}

Deno.test(
  "E1: poly1305 gives the published tags of whole blocks, those where carries go all the way included",
  STRICT,
  () => {
    for (const { where, key, message, tag } of published.tags) {
      assert.equal(
        tagOf(bytes(key), bytes(message)),
        tag,
        where,
      );
    }
  },
);

Deno.test(
  "E1: poly1305 gives noble's tag of any whole blocks, of those most of all that make the most carries",
  STRICT,
  () => {
    // Bytes near the ends of what a limb can be: random ones alone would meet the last reduction once in 2^128.
    const byte = fc.constantFrom(0x00, 0x01, 0x04, 0x05, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xfa, 0xfb, 0xfc, 0xfe, 0xff);
    const some = (length: number) => {
      const edges = fc.array(byte, { minLength: length, maxLength: length }).map((array) => Uint8Array.from(array));
      const runs = fc.tuple(byte, byte, fc.nat(length)).map(([a, b, at]) => new Uint8Array(length).fill(a).fill(b, at));
      return fc.oneof(edges, runs, fc.uint8Array({ minLength: length, maxLength: length }));
    };
    const message = fc.nat(24).chain((blocks) => some(16 * blocks));
    fc.assert(
      fc.property(some(32), message, (key, message) => {
        assert.equal(tagOf(key, message), Buffer.from(noble(message, key)).toString("hex"));
      }),
      { numRuns: 5000 },
    );
  },
);

Deno.test("E1: poly1305 reduces a sum that is the modulus, and its neighbours", STRICT, () => {
  // With r = 1 the sum is that of the blocks, each with its bit 128: four of them can come to 2^130 − 6 and on.
  const key = new Uint8Array(32);
  key[0] = 1;
  for (let last = 0; last < 256; last++) {
    for (const blocks of [3, 4, 5, 8]) {
      const message = new Uint8Array(16 * blocks).fill(0xff, 0, 16 * (blocks - 3));
      message[message.length - 16] = last;
      assert.equal(tagOf(key, message), Buffer.from(noble(message, key)).toString("hex"), `${blocks} blocks, ${last}`);
    }
  }
});
