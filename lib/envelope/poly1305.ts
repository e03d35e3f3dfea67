// Poly1305 (RFC 8439 §2.5) of whole blocks, which is all that an AEAD has (§2.8), in memory of the caller's. Numbers modulo
// 2^130 − 5 are six limbs of 22 bits in doubles, as Bernstein's first implementations had them: a product of two numbers
// takes 36 multiplications, where limbs that fit 32-bit integers want 100. Nothing branches or looks up by what is secret.
// Every double here is an integer that stays below 2^53, so none is ever rounded but where that is meant.
import { storeWord, wordAt } from "./words.ts";

const BLOCK_BYTES = 16;
const LIMB_BITS = 22, LIMB = 2 ** LIMB_BITS, LIMB_MASK = LIMB - 1;
/** The last limb has 130 − 5 × 22 of them. */
const TOP_MASK = 2 ** 20 - 1;
/** 2^132, a limb behind the last, is 4 × 2^130, which is 4 × 5. */
const AROUND = 20;
/** The bit above a block's 128, in the last limb. */
const ABOVE_BLOCK = 1 << 18;
/**
 * A double of this size counts in steps of 2^22: to add it and take it away again leaves the nearest multiple of that. What
 * is left of a limb is between −2^21 and 2^21 then.
 */
const TO_LIMBS = 1.5 * 2 ** (52 + LIMB_BITS);
const UP = 1 / LIMB, UP_AROUND = AROUND / LIMB;

export class Poly1305 {
  readonly #r = new Float64Array(6);
  readonly #h = new Float64Array(6);
  /** The words that are added at the end. */
  readonly #s = new Int32Array(4);

  /** @param key 32 bytes, for one message only */
  begin(key: Uint8Array): void {
    const r = this.#r, s = this.#s;
    const w0 = wordAt(key, 0) & 0x0fffffff;
    const w1 = wordAt(key, 4) & 0x0ffffffc;
    const w2 = wordAt(key, 8) & 0x0ffffffc;
    const w3 = wordAt(key, 12) & 0x0ffffffc;
    r[0] = w0 & LIMB_MASK;
    r[1] = ((w0 >>> 22) | (w1 << 10)) & LIMB_MASK;
    r[2] = ((w1 >>> 12) | (w2 << 20)) & LIMB_MASK;
    r[3] = (w2 >>> 2) & LIMB_MASK;
    r[4] = ((w2 >>> 24) | (w3 << 8)) & LIMB_MASK;
    r[5] = w3 >>> 14;
    for (let i = 0; i < 4; i++) s[i] = wordAt(key, 16 + 4 * i);
    this.#h.fill(0);
  }

  /** Takes in `bytes` from `from` to `to`, whole blocks of them. */
  add(bytes: Uint8Array, from: number, to: number): void {
    const r = this.#r, h = this.#h;
    const r0 = r[0]!, r1 = r[1]!, r2 = r[2]!, r3 = r[3]!, r4 = r[4]!, r5 = r[5]!;
    const a1 = AROUND * r1, a2 = AROUND * r2, a3 = AROUND * r3, a4 = AROUND * r4, a5 = AROUND * r5;
    let h0 = h[0]!, h1 = h[1]!, h2 = h[2]!, h3 = h[3]!, h4 = h[4]!, h5 = h[5]!;
    for (let at = from; at < to; at += BLOCK_BYTES) {
      const w0 = wordAt(bytes, at), w1 = wordAt(bytes, at + 4), w2 = wordAt(bytes, at + 8), w3 = wordAt(bytes, at + 12);
      h0 += w0 & LIMB_MASK;
      h1 += ((w0 >>> 22) | (w1 << 10)) & LIMB_MASK;
      h2 += ((w1 >>> 12) | (w2 << 20)) & LIMB_MASK;
      h3 += (w2 >>> 2) & LIMB_MASK;
      h4 += ((w2 >>> 24) | (w3 << 8)) & LIMB_MASK;
      h5 += (w3 >>> 14) | ABOVE_BLOCK;
      // A limb of h is below 2^23 here, one of r below 2^22: a sum of six, five of them times 20, is below 2^52.
      const d0 = h0 * r0 + h1 * a5 + h2 * a4 + h3 * a3 + h4 * a2 + h5 * a1;
      const d1 = h0 * r1 + h1 * r0 + h2 * a5 + h3 * a4 + h4 * a3 + h5 * a2;
      const d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * a5 + h4 * a4 + h5 * a3;
      const d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * a5 + h5 * a4;
      const d4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0 + h5 * a5;
      const d5 = h0 * r5 + h1 * r4 + h2 * r3 + h3 * r2 + h4 * r1 + h5 * r0;
      // Each limb carries into the next, all at once: below 2^36 then, as what came around was 20 × 2^30 at most.
      let c0 = d0 + TO_LIMBS - TO_LIMBS;
      let c1 = d1 + TO_LIMBS - TO_LIMBS;
      let c2 = d2 + TO_LIMBS - TO_LIMBS;
      let c3 = d3 + TO_LIMBS - TO_LIMBS;
      let c4 = d4 + TO_LIMBS - TO_LIMBS;
      let c5 = d5 + TO_LIMBS - TO_LIMBS;
      h0 = d0 - c0 + c5 * UP_AROUND;
      h1 = d1 - c1 + c0 * UP;
      h2 = d2 - c2 + c1 * UP;
      h3 = d3 - c3 + c2 * UP;
      h4 = d4 - c4 + c3 * UP;
      h5 = d5 - c5 + c4 * UP;
      // And again, which leaves no more than 2^21 and a carry of 2^14.
      c0 = h0 + TO_LIMBS - TO_LIMBS;
      c1 = h1 + TO_LIMBS - TO_LIMBS;
      c2 = h2 + TO_LIMBS - TO_LIMBS;
      c3 = h3 + TO_LIMBS - TO_LIMBS;
      c4 = h4 + TO_LIMBS - TO_LIMBS;
      c5 = h5 + TO_LIMBS - TO_LIMBS;
      h0 += c5 * UP_AROUND - c0;
      h1 += c0 * UP - c1;
      h2 += c1 * UP - c2;
      h3 += c2 * UP - c3;
      h4 += c3 * UP - c4;
      h5 += c4 * UP - c5;
    }
    h[0] = h0;
    h[1] = h1;
    h[2] = h2;
    h[3] = h3;
    h[4] = h4;
    h[5] = h5;
  }

  /** @param tag 16 bytes, where it goes */
  end(tag: Uint8Array): void {
    const h = this.#h, s = this.#s;
    let i0 = h[0]! | 0, i1 = h[1]! | 0, i2 = h[2]! | 0, i3 = h[3]! | 0, i4 = h[4]! | 0, i5 = h[5]! | 0;
    // Through all limbs, and what passes 130 bits around: twice, and none is below zero or too large. In variables, as a
    // loop over an array of them was never compiled but by the first compiler.
    for (let round = 0; round < 2; round++) {
      i1 += i0 >> 22;
      i2 += i1 >> 22;
      i3 += i2 >> 22;
      i4 += i3 >> 22;
      i5 += i4 >> 22;
      i0 = (i0 & LIMB_MASK) + 5 * (i5 >> 20);
      i1 &= LIMB_MASK;
      i2 &= LIMB_MASK;
      i3 &= LIMB_MASK;
      i4 &= LIMB_MASK;
      i5 &= TOP_MASK;
    }
    // A number below 2^130: the prime is in it once or not at all.
    const isOver = (i5 + ((i4 + ((i3 + ((i2 + ((i1 + ((i0 + 5) >>> 22)) >>> 22)) >>> 22)) >>> 22)) >>> 22)) >>> 20;
    i0 += 5 * isOver;
    i1 += i0 >>> 22;
    i2 += i1 >>> 22;
    i3 += i2 >>> 22;
    i4 += i3 >>> 22;
    i5 += i4 >>> 22;
    i0 &= LIMB_MASK;
    i1 &= LIMB_MASK;
    i2 &= LIMB_MASK;
    i3 &= LIMB_MASK;
    i4 &= LIMB_MASK;
    // Four words, and what is above them is left out.
    let carried = addWord(i0 | (i1 << 22), s[0]!, 0, tag, 0);
    carried = addWord((i1 >>> 10) | (i2 << 12), s[1]!, carried, tag, 4);
    carried = addWord((i2 >>> 20) | (i3 << 2) | (i4 << 24), s[2]!, carried, tag, 8);
    addWord((i4 >>> 8) | (i5 << 14), s[3]!, carried, tag, 12);
  }
}

/** Stores the sum of two words of 32 bits and what was carried before. @returns what it carries: 0 or 1 */
function addWord(one: number, other: number, carried: number, tag: Uint8Array, at: number): number {
  const sum = (one + other) | 0, all = (sum + carried) | 0;
  storeWord(all, tag, at);
  return ((one & other) | ((one | other) & ~sum) | (sum & ~all)) >>> 31;
}
