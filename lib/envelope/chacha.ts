// The ChaCha20 block function (RFC 8439 §2.3) and HChaCha20 (draft-irtf-cfrg-xchacha-03 §2.2) from words to words, in
// memory of the caller's: what is used for every id makes no array. The time that either takes depends on no secret.

/** "expand 32-byte k" as little-endian words. */
const [SIGMA_0, SIGMA_1, SIGMA_2, SIGMA_3] = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/**
 * A block of the keystream, as 16 words that are little-endian bytes.
 * @param state twelve words: eight of the key, the counter, three of the nonce
 * @param block where it goes, 16 words
 */
export function chachaBlock(state: Int32Array, block: Int32Array): void {
  mix(state, block);
  block[0] = block[0]! + SIGMA_0;
  block[1] = block[1]! + SIGMA_1;
  block[2] = block[2]! + SIGMA_2;
  block[3] = block[3]! + SIGMA_3;
  for (let i = 0; i < 12; i++) block[4 + i] = block[4 + i]! + state[i]!;
}

/**
 * The subkey of an extended nonce, in place of the key.
 * @param state twelve words: eight of the key, of which the subkey takes the place, and four of the nonce
 * @param scratch 16 words
 */
export function hchacha(state: Int32Array, scratch: Int32Array): void {
  mix(state, scratch);
  for (let i = 0; i < 4; i++) {
    state[i] = scratch[i]!;
    state[4 + i] = scratch[12 + i]!;
  }
}

/** Twenty rounds over the constants and the state. In variables: an array would take three times as long. */
function mix(state: Int32Array, mixed: Int32Array): void {
  let x0 = SIGMA_0 as number;
  let x1 = SIGMA_1 as number;
  let x2 = SIGMA_2 as number;
  let x3 = SIGMA_3 as number;
  let x4 = state[0]!;
  let x5 = state[1]!;
  let x6 = state[2]!;
  let x7 = state[3]!;
  let x8 = state[4]!;
  let x9 = state[5]!;
  let x10 = state[6]!;
  let x11 = state[7]!;
  let x12 = state[8]!;
  let x13 = state[9]!;
  let x14 = state[10]!;
  let x15 = state[11]!;
  for (let round = 0; round < 20; round += 2) {
    x0 = (x0 + x4) | 0;
    x12 ^= x0;
    x12 = (x12 << 16) | (x12 >>> 16);
    x8 = (x8 + x12) | 0;
    x4 ^= x8;
    x4 = (x4 << 12) | (x4 >>> 20);
    x0 = (x0 + x4) | 0;
    x12 ^= x0;
    x12 = (x12 << 8) | (x12 >>> 24);
    x8 = (x8 + x12) | 0;
    x4 ^= x8;
    x4 = (x4 << 7) | (x4 >>> 25);
    x1 = (x1 + x5) | 0;
    x13 ^= x1;
    x13 = (x13 << 16) | (x13 >>> 16);
    x9 = (x9 + x13) | 0;
    x5 ^= x9;
    x5 = (x5 << 12) | (x5 >>> 20);
    x1 = (x1 + x5) | 0;
    x13 ^= x1;
    x13 = (x13 << 8) | (x13 >>> 24);
    x9 = (x9 + x13) | 0;
    x5 ^= x9;
    x5 = (x5 << 7) | (x5 >>> 25);
    x2 = (x2 + x6) | 0;
    x14 ^= x2;
    x14 = (x14 << 16) | (x14 >>> 16);
    x10 = (x10 + x14) | 0;
    x6 ^= x10;
    x6 = (x6 << 12) | (x6 >>> 20);
    x2 = (x2 + x6) | 0;
    x14 ^= x2;
    x14 = (x14 << 8) | (x14 >>> 24);
    x10 = (x10 + x14) | 0;
    x6 ^= x10;
    x6 = (x6 << 7) | (x6 >>> 25);
    x3 = (x3 + x7) | 0;
    x15 ^= x3;
    x15 = (x15 << 16) | (x15 >>> 16);
    x11 = (x11 + x15) | 0;
    x7 ^= x11;
    x7 = (x7 << 12) | (x7 >>> 20);
    x3 = (x3 + x7) | 0;
    x15 ^= x3;
    x15 = (x15 << 8) | (x15 >>> 24);
    x11 = (x11 + x15) | 0;
    x7 ^= x11;
    x7 = (x7 << 7) | (x7 >>> 25);
    x0 = (x0 + x5) | 0;
    x15 ^= x0;
    x15 = (x15 << 16) | (x15 >>> 16);
    x10 = (x10 + x15) | 0;
    x5 ^= x10;
    x5 = (x5 << 12) | (x5 >>> 20);
    x0 = (x0 + x5) | 0;
    x15 ^= x0;
    x15 = (x15 << 8) | (x15 >>> 24);
    x10 = (x10 + x15) | 0;
    x5 ^= x10;
    x5 = (x5 << 7) | (x5 >>> 25);
    x1 = (x1 + x6) | 0;
    x12 ^= x1;
    x12 = (x12 << 16) | (x12 >>> 16);
    x11 = (x11 + x12) | 0;
    x6 ^= x11;
    x6 = (x6 << 12) | (x6 >>> 20);
    x1 = (x1 + x6) | 0;
    x12 ^= x1;
    x12 = (x12 << 8) | (x12 >>> 24);
    x11 = (x11 + x12) | 0;
    x6 ^= x11;
    x6 = (x6 << 7) | (x6 >>> 25);
    x2 = (x2 + x7) | 0;
    x13 ^= x2;
    x13 = (x13 << 16) | (x13 >>> 16);
    x8 = (x8 + x13) | 0;
    x7 ^= x8;
    x7 = (x7 << 12) | (x7 >>> 20);
    x2 = (x2 + x7) | 0;
    x13 ^= x2;
    x13 = (x13 << 8) | (x13 >>> 24);
    x8 = (x8 + x13) | 0;
    x7 ^= x8;
    x7 = (x7 << 7) | (x7 >>> 25);
    x3 = (x3 + x4) | 0;
    x14 ^= x3;
    x14 = (x14 << 16) | (x14 >>> 16);
    x9 = (x9 + x14) | 0;
    x4 ^= x9;
    x4 = (x4 << 12) | (x4 >>> 20);
    x3 = (x3 + x4) | 0;
    x14 ^= x3;
    x14 = (x14 << 8) | (x14 >>> 24);
    x9 = (x9 + x14) | 0;
    x4 ^= x9;
    x4 = (x4 << 7) | (x4 >>> 25);
  }
  mixed[0] = x0;
  mixed[1] = x1;
  mixed[2] = x2;
  mixed[3] = x3;
  mixed[4] = x4;
  mixed[5] = x5;
  mixed[6] = x6;
  mixed[7] = x7;
  mixed[8] = x8;
  mixed[9] = x9;
  mixed[10] = x10;
  mixed[11] = x11;
  mixed[12] = x12;
  mixed[13] = x13;
  mixed[14] = x14;
  mixed[15] = x15;
}
