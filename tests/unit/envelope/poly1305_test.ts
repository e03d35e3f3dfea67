import { Poly1305 as Noble } from "@noble/ciphers/_poly1305.js";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Poly1305 } from "../../../lib/envelope/poly1305.ts";
import { STRICT } from "../../support/strict.ts";
import rfc8439 from "../../vectors/published/poly1305.json" with { type: "json" };

// One for all, as the cipher has it: what a message has left behind is none of the next one's.
const poly = new Poly1305();

function tagOf(key: Uint8Array, text: Uint8Array, from = 0, to = text.length): Uint8Array {
  const tag = new Uint8Array(16);
  poly.begin(key);
  poly.add(text, from, to);
  poly.end(tag);
  return tag;
}

const PRIME = (1n << 130n) - 5n;

/** As the RFC writes it down (§2.5.1), in integers of any size. */
function byTheBook(key: Uint8Array, text: Uint8Array): Uint8Array {
  const numberOf = (bytes: Uint8Array) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const r = numberOf(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let at = 0; at < text.length; at += 16) {
    sum = (sum + numberOf(text.subarray(at, at + 16)) + (1n << 128n)) * r % PRIME;
  }
  sum += numberOf(key.subarray(16));
  return Uint8Array.from({ length: 16 }, (_, i) => Number((sum >> BigInt(8 * i)) & 0xffn));
}

/** The same each time; of its bytes many are all ones or none, which is where carries go far. */
function* manyBytes(): Generator<number> {
  let state = 1;
  for (;;) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const kind = state >>> 28;
    yield kind < 4 ? 0xff : kind < 8 ? 0 : (state >>> 16) & 0xff;
  }
}

Deno.test("E1: Poly1305 gives every published tag of whole blocks", STRICT, () => {
  const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
  for (const { where, key, text, tag } of rfc8439.tags) {
    assert.deepEqual(tagOf(bytes(key), bytes(text)), bytes(tag), where);
  }
});

Deno.test("E1: Poly1305 gives noble's tag, and the RFC's by its words, whatever carries", STRICT, () => {
  const more = manyBytes();
  const take = (length: number) => Uint8Array.from({ length }, () => more.next().value as number);
  for (let turn = 0; turn < 3000; turn++) {
    const key = take(32), text = take(16 * (turn % 40));
    // The largest there is, and the least.
    if (turn % 10 === 0) key.fill(0xff, 0, 16);
    if (turn % 10 === 1) key.fill(0, 0, 16);
    if (turn % 10 < 4 && turn % 3 === 0) text.fill(0xff);
    const found = tagOf(key, text);
    assert.deepEqual(found, new Noble(key).update(text).digest(), `turn ${turn}`);
    assert.deepEqual(found, byTheBook(key, text), `turn ${turn}`);
  }
});

/** Under r = 1 the number is the sum of the blocks, each with 2^128 above it. */
const ONE = Uint8Array.from({ length: 32 }, (_, i) => i === 0 ? 1 : 0);
const BLOCK = 1n << 128n;

/** So many blocks that their number is this one, if they can be. */
function blocksOf(number: bigint, blocks: number): Uint8Array {
  let left = number - BigInt(blocks) * BLOCK;
  const text = new Uint8Array(16 * blocks);
  for (let i = 0; i < blocks; i++) {
    const own = left < 0n ? 0n : left >= BLOCK ? BLOCK - 1n : left;
    left -= own;
    for (let j = 0; j < 16; j++) text[16 * i + j] = Number((own >> BigInt(8 * j)) & 0xffn);
  }
  return text;
}

Deno.test("E1: Poly1305 is right on either side of the prime, and of where a number is reduced", STRICT, () => {
  const sides = [PRIME, 2n * PRIME, 3n * PRIME, 1n << 130n, 1n << 131n, 3n << 130n, (1n << 130n) + BLOCK];
  for (const blocks of [1, 2, 3, 4, 5, 6, 7, 8]) {
    for (const near of sides) {
      for (let by = -40n; by <= 40n; by++) {
        const text = blocksOf(near + by, blocks);
        assert.deepEqual(tagOf(ONE, text), byTheBook(ONE, text), `${blocks} blocks near ${near}, by ${by}`);
      }
    }
  }
});

Deno.test("E1: Poly1305 is right whatever its limbs are, ties and what is nearly the prime among them", STRICT, () => {
  const limbs = [0, 1, 2 ** 21, 2 ** 22 - 5, 2 ** 22 - 1], last = [0, 1, 2 ** 20 - 1, 2 ** 21, 2 ** 22 - 1];
  for (let turn = 0; turn < 5 ** 6; turn++) {
    let number = 0n;
    for (let i = 0, rest = turn; i < 6; i++, rest = Math.floor(rest / 5)) {
      number |= BigInt((i < 5 ? limbs : last)[rest % 5]!) << BigInt(22 * i);
    }
    // What has no block above it has a prime.
    if (number < BLOCK) number += PRIME;
    const text = blocksOf(number, Number((number >> 129n) + 1n));
    const found = tagOf(ONE, text);
    assert.ok(Buffer.from(found).equals(byTheBook(ONE, text)), `limbs of turn ${turn}`);
  }
});

Deno.test("E1: Poly1305 takes a text in pieces, from wherever it lies", STRICT, () => {
  const more = manyBytes();
  const key = Uint8Array.from({ length: 32 }, () => more.next().value as number);
  const memory = Uint8Array.from({ length: 200 }, () => more.next().value as number);
  for (let from = 0; from < 8; from++) {
    const text = memory.slice(from, from + 160);
    for (let cut = 0; cut <= 160; cut += 16) {
      const tag = new Uint8Array(16);
      poly.begin(key);
      poly.add(memory, from, from + cut);
      poly.add(memory, from + cut, from + 160);
      poly.end(tag);
      assert.deepEqual(tag, byTheBook(key, text), `from ${from}, cut at ${cut}`);
    }
  }
});

Deno.test(
  "E1: Poly1305 does nothing whose time hangs on numbers: no branch, remainder, quotient or look-up",
  STRICT,
  async () => {
    const source = await Deno.readTextFile(new URL("../../../lib/envelope/poly1305.ts", import.meta.url));
    const code = source.slice(source.indexOf("export class")).replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
    // What is looked up by is a loop's counter, or a sum of it and a number.
    const found = code.match(/%|\bMath\.|\bif\b|\bwhile\b|\bswitch\b|\?|&&|\|\|| \/ |\[(?!\d\]|i(?: \+ 1)?\]).*?\]/g);
    assert.equal(found, null);
  },
);
