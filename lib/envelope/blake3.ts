// BLAKE3 (the BLAKE3 paper, 2020-01-09) in the three modes that ids use, up to 32 bytes of digest. In variables and in memory
// that is used again: every start and every new id hashes a dozen blocks before a compiler has seen the code, where a
// call for each quarter of a round takes ten times as long. The time it takes depends on lengths only.

const BLOCK_BYTES = 64, CHUNK_BYTES = 1024, MAX_DIGEST_BYTES = 32;
const CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8, KEYED = 16, OF_CONTEXT = 32, OF_MATERIAL = 64;
const [IV_0, IV_1, IV_2, IV_3] = [0x6a09e667, 0xbb67ae85 | 0, 0x3c6ef372, 0xa54ff53a | 0] as const;
/** Those of SHA-256, as the key where there is none. */
const IV = Int32Array.of(IV_0, IV_1, IV_2, IV_3, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);

// Scratch: nothing here awaits, so one of each is enough.
const message = new Int32Array(16);
const key = new Int32Array(8);
const state = new Int32Array(8);

/** The hash of `input`. @param length of the digest, in bytes. @throws RangeError beyond 32 */
export function blake3(input: Uint8Array, length: number): Uint8Array {
  key.set(IV);
  return digest(input, length, 0);
}

/** The keyed hash: a MAC, or a function of random looks. @throws RangeError unless `secret` has 32 bytes */
export function keyedBlake3(secret: Uint8Array, input: Uint8Array, length: number): Uint8Array {
  if (secret.length !== 32) throw new RangeError(`hashing with a key: found ${secret.length} bytes, want 32`);
  readWords(secret, 0, 32, key);
  return digest(input, length, KEYED);
}

/** A key for one purpose out of another. @param context names the purpose, and nothing else may */
export function deriveByBlake3(context: string, material: Uint8Array, length: number): Uint8Array {
  const purpose = new TextEncoder().encode(context);
  key.set(IV);
  const contextKey = digest(purpose, 32, OF_CONTEXT);
  readWords(contextKey, 0, 32, key);
  return digest(material, length, OF_MATERIAL);
}

/** Under `key`. */
function digest(input: Uint8Array, length: number, flags: number): Uint8Array {
  if (length > MAX_DIGEST_BYTES) throw new RangeError(`hashing: found ${length} bytes wanted, want 32 at most`);
  const chunks = Math.max(1, Math.ceil(input.length / CHUNK_BYTES));
  if (chunks === 1) hashChunk(input, 0, flags, ROOT);
  else hashTree(input, chunks, flags);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = state[i >> 2]! >>> ((i & 3) << 3);
  return bytes;
}

/** More than one chunk. Subtrees that are whole wait on a stack, the largest first (§5.1.2 "Incremental hashing"). */
function hashTree(input: Uint8Array, chunks: number, flags: number): void {
  const waiting: Int32Array[] = [];
  for (let chunk = 0; chunk < chunks; chunk++) {
    hashChunk(input, chunk, flags, 0);
    const isLast = chunk === chunks - 1;
    // The last one ends all subtrees there are, and the last of those is the root.
    for (let count = chunk + 1; isLast ? waiting.length > 0 : (count & 1) === 0; count >>= 1) {
      hashParent(waiting.pop()!, flags | (isLast && waiting.length === 0 ? ROOT : 0));
    }
    if (!isLast) waiting.push(state.slice());
  }
}

/** `left` and the state become the state. */
function hashParent(left: Int32Array, flags: number): void {
  message.set(left);
  message.set(state, 8);
  state.set(key);
  compress(0, BLOCK_BYTES, flags | PARENT);
}

/** @param last flags of its last block, besides those of all */
function hashChunk(input: Uint8Array, chunk: number, flags: number, last: number): void {
  const start = chunk * CHUNK_BYTES, end = Math.min(input.length, start + CHUNK_BYTES);
  state.set(key);
  let at = start;
  do {
    const size = Math.min(BLOCK_BYTES, end - at);
    readWords(input, at, size, message);
    const isFirst = at === start, isLast = at + size === end;
    compress(chunk, size, flags | (isFirst ? CHUNK_START : 0) | (isLast ? CHUNK_END | last : 0));
    at += size;
  } while (at < end);
}

/** Little-endian; zeros where there are no bytes. */
function readWords(bytes: Uint8Array, from: number, size: number, words: Int32Array): void {
  const whole = size >> 2;
  let at = from;
  for (let i = 0; i < whole; i++, at += 4) {
    words[i] = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
  }
  words.fill(0, whole);
  for (let shift = 0; at < from + size; at++, shift += 8) words[whole] = words[whole]! | bytes[at]! << shift;
}

/** One block, `message`, into the state (§2.2 "Compression function"). */
function compress(counter: number, size: number, flags: number): void {
  let v0 = state[0]!;
  let v1 = state[1]!;
  let v2 = state[2]!;
  let v3 = state[3]!;
  let v4 = state[4]!;
  let v5 = state[5]!;
  let v6 = state[6]!;
  let v7 = state[7]!;
  let v8 = IV_0 as number;
  let v9 = IV_1 as number;
  let v10 = IV_2 as number;
  let v11 = IV_3 as number;
  let v12 = counter | 0;
  let v13 = 0;
  let v14 = size;
  let v15 = flags;
  let m0 = message[0]!;
  let m1 = message[1]!;
  let m2 = message[2]!;
  let m3 = message[3]!;
  let m4 = message[4]!;
  let m5 = message[5]!;
  let m6 = message[6]!;
  let m7 = message[7]!;
  let m8 = message[8]!;
  let m9 = message[9]!;
  let m10 = message[10]!;
  let m11 = message[11]!;
  let m12 = message[12]!;
  let m13 = message[13]!;
  let m14 = message[14]!;
  let m15 = message[15]!;
  for (let round = 0; round < 7; round++) {
    v0 = (v0 + v4 + m0) | 0;
    v12 ^= v0;
    v12 = (v12 << 16) | (v12 >>> 16);
    v8 = (v8 + v12) | 0;
    v4 ^= v8;
    v4 = (v4 << 20) | (v4 >>> 12);
    v0 = (v0 + v4 + m1) | 0;
    v12 ^= v0;
    v12 = (v12 << 24) | (v12 >>> 8);
    v8 = (v8 + v12) | 0;
    v4 ^= v8;
    v4 = (v4 << 25) | (v4 >>> 7);
    v1 = (v1 + v5 + m2) | 0;
    v13 ^= v1;
    v13 = (v13 << 16) | (v13 >>> 16);
    v9 = (v9 + v13) | 0;
    v5 ^= v9;
    v5 = (v5 << 20) | (v5 >>> 12);
    v1 = (v1 + v5 + m3) | 0;
    v13 ^= v1;
    v13 = (v13 << 24) | (v13 >>> 8);
    v9 = (v9 + v13) | 0;
    v5 ^= v9;
    v5 = (v5 << 25) | (v5 >>> 7);
    v2 = (v2 + v6 + m4) | 0;
    v14 ^= v2;
    v14 = (v14 << 16) | (v14 >>> 16);
    v10 = (v10 + v14) | 0;
    v6 ^= v10;
    v6 = (v6 << 20) | (v6 >>> 12);
    v2 = (v2 + v6 + m5) | 0;
    v14 ^= v2;
    v14 = (v14 << 24) | (v14 >>> 8);
    v10 = (v10 + v14) | 0;
    v6 ^= v10;
    v6 = (v6 << 25) | (v6 >>> 7);
    v3 = (v3 + v7 + m6) | 0;
    v15 ^= v3;
    v15 = (v15 << 16) | (v15 >>> 16);
    v11 = (v11 + v15) | 0;
    v7 ^= v11;
    v7 = (v7 << 20) | (v7 >>> 12);
    v3 = (v3 + v7 + m7) | 0;
    v15 ^= v3;
    v15 = (v15 << 24) | (v15 >>> 8);
    v11 = (v11 + v15) | 0;
    v7 ^= v11;
    v7 = (v7 << 25) | (v7 >>> 7);
    v0 = (v0 + v5 + m8) | 0;
    v15 ^= v0;
    v15 = (v15 << 16) | (v15 >>> 16);
    v10 = (v10 + v15) | 0;
    v5 ^= v10;
    v5 = (v5 << 20) | (v5 >>> 12);
    v0 = (v0 + v5 + m9) | 0;
    v15 ^= v0;
    v15 = (v15 << 24) | (v15 >>> 8);
    v10 = (v10 + v15) | 0;
    v5 ^= v10;
    v5 = (v5 << 25) | (v5 >>> 7);
    v1 = (v1 + v6 + m10) | 0;
    v12 ^= v1;
    v12 = (v12 << 16) | (v12 >>> 16);
    v11 = (v11 + v12) | 0;
    v6 ^= v11;
    v6 = (v6 << 20) | (v6 >>> 12);
    v1 = (v1 + v6 + m11) | 0;
    v12 ^= v1;
    v12 = (v12 << 24) | (v12 >>> 8);
    v11 = (v11 + v12) | 0;
    v6 ^= v11;
    v6 = (v6 << 25) | (v6 >>> 7);
    v2 = (v2 + v7 + m12) | 0;
    v13 ^= v2;
    v13 = (v13 << 16) | (v13 >>> 16);
    v8 = (v8 + v13) | 0;
    v7 ^= v8;
    v7 = (v7 << 20) | (v7 >>> 12);
    v2 = (v2 + v7 + m13) | 0;
    v13 ^= v2;
    v13 = (v13 << 24) | (v13 >>> 8);
    v8 = (v8 + v13) | 0;
    v7 ^= v8;
    v7 = (v7 << 25) | (v7 >>> 7);
    v3 = (v3 + v4 + m14) | 0;
    v14 ^= v3;
    v14 = (v14 << 16) | (v14 >>> 16);
    v9 = (v9 + v14) | 0;
    v4 ^= v9;
    v4 = (v4 << 20) | (v4 >>> 12);
    v3 = (v3 + v4 + m15) | 0;
    v14 ^= v3;
    v14 = (v14 << 24) | (v14 >>> 8);
    v9 = (v9 + v14) | 0;
    v4 ^= v9;
    v4 = (v4 << 25) | (v4 >>> 7);
    const first0 = m0;
    m0 = m2;
    m2 = m3;
    m3 = m10;
    m10 = m12;
    m12 = m9;
    m9 = m11;
    m11 = m5;
    m5 = first0;
    const first1 = m1;
    m1 = m6;
    m6 = m4;
    m4 = m7;
    m7 = m13;
    m13 = m14;
    m14 = m15;
    m15 = m8;
    m8 = first1;
  }
  state[0] = v0 ^ v8;
  state[1] = v1 ^ v9;
  state[2] = v2 ^ v10;
  state[3] = v3 ^ v11;
  state[4] = v4 ^ v12;
  state[5] = v5 ^ v13;
  state[6] = v6 ^ v14;
  state[7] = v7 ^ v15;
}
