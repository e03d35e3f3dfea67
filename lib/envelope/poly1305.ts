// Poly1305 (RFC 8439 §2.5) over whole blocks, which is all that its use with ChaCha20 asks for (§2.8), and without making
// an array. Six limbs of 22 bits as doubles: no sum of products passes 2^52, so all arithmetic is exact, and its time
// depends on nothing but the number of blocks.

import { wordAt } from "./words.ts";

const LIMB = 2 ** 22;
const PER_LIMB = 2 ** -22;
const MASK = LIMB - 1;
const TWO_32 = 2 ** 32;
/** 2^128, which is added to each block, in the highest limb. */
const BLOCK_END = 2 ** 18;
/** Of the highest limb below 2^130, the modulus but for 5. */
const TOP = 2 ** 20;

/** What is authenticated: the first `length` bytes, a multiple of 16. */
export interface Blocks {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/**
 * @param key eight words: r, which is clamped here, and s
 * @param tag where it goes, four words
 */
export function poly1305(key: Int32Array, { bytes, length }: Blocks, tag: Int32Array): void {
  const k0 = key[0]! & 0x0fffffff, k1 = key[1]! & 0x0ffffffc, k2 = key[2]! & 0x0ffffffc, k3 = key[3]! & 0x0ffffffc;
  const r0 = k0 & MASK, r1 = ((k0 >>> 22) | (k1 << 10)) & MASK, r2 = ((k1 >>> 12) | (k2 << 20)) & MASK;
  const r3 = (k2 >>> 2) & MASK, r4 = ((k2 >>> 24) | (k3 << 8)) & MASK, r5 = k3 >>> 14;
  // What passes 2^132 comes back as 20 times as much: 2^130 is 5.
  const s1 = 20 * r1, s2 = 20 * r2, s3 = 20 * r3, s4 = 20 * r4, s5 = 20 * r5;
  let h0 = 0, h1 = 0, h2 = 0, h3 = 0, h4 = 0, h5 = 0;
  for (let at = 0; at < length; at += 16) {
    const b0 = wordAt(bytes, at), b1 = wordAt(bytes, at + 4), b2 = wordAt(bytes, at + 8), b3 = wordAt(bytes, at + 12);
    h0 += b0 & MASK;
    h1 += ((b0 >>> 22) | (b1 << 10)) & MASK;
    h2 += ((b1 >>> 12) | (b2 << 20)) & MASK;
    h3 += (b2 >>> 2) & MASK;
    h4 += ((b2 >>> 24) | (b3 << 8)) & MASK;
    h5 += (b3 >>> 14) + BLOCK_END;
    const d0 = h0 * r0 + h1 * s5 + h2 * s4 + h3 * s3 + h4 * s2 + h5 * s1;
    const c0 = Math.floor(d0 * PER_LIMB);
    const d1 = h0 * r1 + h1 * r0 + h2 * s5 + h3 * s4 + h4 * s3 + h5 * s2 + c0;
    const c1 = Math.floor(d1 * PER_LIMB);
    const d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s5 + h4 * s4 + h5 * s3 + c1;
    const c2 = Math.floor(d2 * PER_LIMB);
    const d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s5 + h5 * s4 + c2;
    const c3 = Math.floor(d3 * PER_LIMB);
    const d4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0 + h5 * s5 + c3;
    const c4 = Math.floor(d4 * PER_LIMB);
    const d5 = h0 * r5 + h1 * r4 + h2 * r3 + h3 * r2 + h4 * r1 + h5 * r0 + c4;
    const c5 = Math.floor(d5 * PER_LIMB);
    const low = d0 - c0 * LIMB + c5 * 20;
    const carried = Math.floor(low * PER_LIMB);
    h0 = low - carried * LIMB;
    h1 = d1 - c1 * LIMB + carried;
    h2 = d2 - c2 * LIMB;
    h3 = d3 - c3 * LIMB;
    h4 = d4 - c4 * LIMB;
    h5 = d5 - c5 * LIMB;
  }
  limbs[0] = h0;
  limbs[1] = h1;
  limbs[2] = h2;
  limbs[3] = h3;
  limbs[4] = h4;
  limbs[5] = h5;
  finish(key, tag);
}

/** Scratch: the sum, and the same less the modulus. */
const limbs = new Int32Array(6);
const less = new Int32Array(6);

/** The sum modulo 2^130 − 5, plus s (RFC 8439 §2.5.1). */
function finish(key: Int32Array, tag: Int32Array): void {
  // Twice, since what comes back from the top may carry all the way up once more.
  for (let round = 0; round < 2; round++) {
    carry(limbs);
    const over = limbs[5]! >>> 20;
    limbs[5]! &= TOP - 1;
    limbs[0]! += 5 * over;
  }
  carry(limbs);
  for (let i = 0; i < 6; i++) less[i] = limbs[i]!;
  less[0]! += 5;
  carry(less);
  less[5]! -= TOP;
  // All ones if the sum is below the modulus, and is taken as it is.
  const below = less[5]! >> 31;
  for (let i = 0; i < 6; i++) limbs[i] = (limbs[i]! & below) | (less[i]! & ~below);
  tag[0] = limbs[0]! | (limbs[1]! << 22);
  tag[1] = (limbs[1]! >>> 10) | (limbs[2]! << 12);
  tag[2] = (limbs[2]! >>> 20) | (limbs[3]! << 2) | (limbs[4]! << 24);
  tag[3] = (limbs[4]! >>> 8) | (limbs[5]! << 14);
  for (let i = 0, sum = 0; i < 4; i++) {
    sum = (tag[i]! >>> 0) + (key[4 + i]! >>> 0) + Math.floor(sum / TWO_32);
    tag[i] = sum;
  }
}

/** What is above 22 bits, to the next limb. */
function carry(limbs: Int32Array): void {
  for (let i = 0; i < 5; i++) {
    limbs[i + 1]! += limbs[i]! >>> 22;
    limbs[i]! &= MASK;
  }
}
