// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03 §2, RFC 8439 §2.8): a keystream of our own, since every library's makes
// some ten arrays to open one short text, and noble's Poly1305. The tag is told before anything is deciphered; failing to
// decrypt is a value, never an exception, and takes less time than to decrypt (docs/behaviour.md E1, E7).
import { chachaBlock, hchacha } from "./chacha.ts";
import { Poly1305 } from "./poly1305.ts";
import { storeWord, wordAt } from "./words.ts";

export const NONCE_BYTES = 24;
export const TAG_BYTES = 16;

export interface CipherParams {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** {@link NONCE_BYTES}. */
  readonly nonce: Uint8Array;
  readonly associatedData: Uint8Array;
}

/** Ciphertext followed by the tag, in memory of its own. */
export function encrypt(params: CipherParams, plaintext: Uint8Array): Uint8Array {
  const { length } = plaintext;
  const sealed = new Uint8Array(length + TAG_BYTES);
  startStream(params.key, params.nonce, 0);
  sealed.set(plaintext);
  applyStream(sealed, 0, length);
  tellTag(params.associatedData, sealed, 0, length);
  sealed.set(tag, length);
  return sealed;
}

/** Nonce, ciphertext and tag, one behind the other. */
export interface Sealed {
  readonly text: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/**
 * Puts the plaintext in the ciphertext's place, which is {@link NONCE_BYTES} from the beginning.
 * @returns where it ends; −1, and nothing is changed, if the tag does not hold
 */
export function decryptInPlace(key: Uint8Array, associatedData: Uint8Array, { text, from, to }: Sealed): number {
  const at = from + NONCE_BYTES, end = to - TAG_BYTES;
  if (end < at) return -1;
  startStream(key, text, from);
  tellTag(associatedData, text, at, end);
  if (!isTag(text, end)) return -1;
  applyStream(text, at, end);
  return end;
}

const BLOCK_BYTES = 16;

// Scratch: nothing here awaits.
const state = new Int32Array(12);
const block = new Int32Array(16);
const tagKey = new Uint8Array(32);
const tag = new Uint8Array(TAG_BYTES);
const lastBlock = new Uint8Array(BLOCK_BYTES);
const poly = new Poly1305();

/** The stream of key and nonce begins (draft-irtf-cfrg-xchacha-03 §2.3): its block 0 has Poly1305's key (RFC 8439 §2.6). */
function startStream(key: Uint8Array, nonce: Uint8Array, nonceAt: number): void {
  for (let i = 0; i < 8; i++) state[i] = wordAt(key, 4 * i);
  for (let i = 0; i < 4; i++) state[8 + i] = wordAt(nonce, nonceAt + 4 * i);
  hchacha(state, block);
  state[8] = 0;
  // Four zero bytes, then what HChaCha20 did not use.
  state[9] = 0;
  state[10] = wordAt(nonce, nonceAt + 16);
  state[11] = wordAt(nonce, nonceAt + 20);
  chachaBlock(state, block);
  for (let i = 0, at = 0; i < 8; i++, at += 4) storeWord(block[i]!, tagKey, at);
}

/** What `text` has from `at` to `end` under the blocks from 1 on. */
function applyStream(text: Uint8Array, at: number, end: number): void {
  while (at < end) {
    state[8]!++;
    chachaBlock(state, block);
    const words = Math.min(16, (end - at) >> 2);
    for (let i = 0; i < words; i++, at += 4) {
      const word = block[i]!;
      text[at] = text[at]! ^ word;
      text[at + 1] = text[at + 1]! ^ (word >>> 8);
      text[at + 2] = text[at + 2]! ^ (word >>> 16);
      text[at + 3] = text[at + 3]! ^ (word >>> 24);
    }
    if (words === 16) continue;
    for (let word = block[words]!; at < end; at++, word >>>= 8) text[at] = text[at]! ^ word;
  }
}

/**
 * Poly1305 over both, the text from `from` to `to`, each to whole blocks, and their lengths (RFC 8439 §2.8), into
 * {@link tag}.
 */
function tellTag(associatedData: Uint8Array, text: Uint8Array, from: number, to: number): void {
  poly.begin(tagKey);
  addPadded(associatedData, 0, associatedData.length);
  addPadded(text, from, to);
  lastBlock.fill(0);
  storeWord(associatedData.length, lastBlock, 0);
  storeWord(to - from, lastBlock, 8);
  poly.add(lastBlock, 0, BLOCK_BYTES);
  poly.end(tag);
}

function addPadded(text: Uint8Array, from: number, to: number): void {
  const rest = (to - from) % BLOCK_BYTES, end = to - rest;
  poly.add(text, from, end);
  if (rest === 0) return;
  for (let i = 0; i < BLOCK_BYTES; i++) lastBlock[i] = i < rest ? text[end + i]! : 0;
  poly.add(lastBlock, 0, BLOCK_BYTES);
}

/** Looks at every byte, so that the time tells nothing of where the first difference is. */
function isTag(sealed: Uint8Array, at: number): boolean {
  let difference = 0;
  for (let i = 0; i < TAG_BYTES; i++) difference |= tag[i]! ^ sealed[at + i]!;
  return difference === 0;
}
