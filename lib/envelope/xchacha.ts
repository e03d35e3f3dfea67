// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03 §2): HChaCha20 of noble makes the subkey, the runtime's native
// ChaCha20-Poly1305 (RFC 8439) does the rest; where `node:crypto` has no such cipher (Bun), it is made of noble's pieces.
// Both give the same bytes. Failing to decrypt is a value, never an exception.
import { Buffer } from "node:buffer";
import { poly1305 } from "@noble/ciphers/_poly1305.js";
import { chacha20, hchacha } from "@noble/ciphers/chacha.js";
import { createCipheriv, hasChaCha } from "../platform/builtin.ts";

export const NONCE_BYTES = 24;
export const TAG_BYTES = 16;

/** Of the keystream. */
const BLOCK_BYTES = 64;
const CIPHER = "chacha20-poly1305";
/** "expand 32-byte k" as little-endian words. */
const SIGMA = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);

/** One implementation of the cipher. Keys have 32 bytes, nonces {@link NONCE_BYTES}. */
export interface XChaCha {
  /** Ciphertext followed by the tag, in memory of its own. */
  encrypt(params: CipherParams, plaintext: Uint8Array): Uint8Array;
  /** The plaintext; undefined if the tag does not hold. */
  decrypt(params: CipherParams, sealed: Uint8Array): Uint8Array | undefined;
}

export interface CipherParams {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly associatedData: Uint8Array;
}

/**
 * All in JavaScript: runs anywhere. Noble's pieces, put together as RFC 8439 §2.8 says; noble's own whole makes a pass,
 * a copy and a state for each part of what is authenticated, and takes four times as long on Bun.
 */
export const nobleXChaCha: XChaCha = {
  encrypt(params, plaintext) {
    const stream = applyKeystream(params, plaintext);
    const ciphertext = stream.subarray(BLOCK_BYTES);
    const sealed = new Uint8Array(ciphertext.length + TAG_BYTES);
    sealed.set(ciphertext);
    sealed.set(tagOf(stream, params.associatedData, ciphertext), ciphertext.length);
    return sealed;
  },
  decrypt(params, sealed) {
    const length = sealed.length - TAG_BYTES;
    if (length < 0) return undefined;
    const ciphertext = sealed.slice(0, length);
    const stream = applyKeystream(params, ciphertext);
    const tag = tagOf(stream, params.associatedData, ciphertext);
    return sameTag(tag, sealed, length) ? stream.slice(BLOCK_BYTES) : undefined;
  },
};

/**
 * The native half. Decrypting goes by encrypting again: the keystream of noble gives the plaintext, the native cipher
 * the tag that this plaintext ought to have. A native `Decipher` would save 2 µs on an authentic text, but it reports a
 * wrong tag by an exception that costs 7 µs more, and a forgery must not cost more than the real thing (E7).
 */
export const nativeXChaCha: XChaCha = {
  encrypt(params, plaintext) {
    const { ciphertext, tag } = encryptNative(subkeyOf(params), params, plaintext);
    return Buffer.concat([ciphertext, tag]);
  },
  decrypt(params, sealed) {
    const length = sealed.length - TAG_BYTES;
    if (length < 0) return undefined;
    const subkey = subkeyOf(params);
    // RFC 8439 §2.8: block 0 of the keystream is the Poly1305 key, the text starts with block 1.
    const plaintext = chacha20(subkey.key, subkey.nonce, sealed.subarray(0, length), undefined, 1);
    const { tag } = encryptNative(subkey, params, plaintext);
    return sameTag(tag, sealed, length) ? plaintext : undefined;
  },
};

/** Key and nonce of the ChaCha20-Poly1305 inside, draft-irtf-cfrg-xchacha-03 §2.3. */
interface Subkey {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
}

// Scratch: a typed array costs as much as HChaCha20 itself. Nothing here awaits, and the native cipher copies its input.
const keyWords = new Uint32Array(8);
const nonceWords = new Uint32Array(4);
const subkeyWords = new Uint32Array(8);
// Of the longest text so far. On Bun the first view of a small array costs what enciphering a block does: of these there
// have been some, and what is handed out is a copy.
let streamed = new Uint8Array(4096);
let authenticated = new Uint8Array(4096);
const subkey: Subkey = { key: new Uint8Array(32), nonce: new Uint8Array(12) };

/** The returned subkey is valid until the next call. */
function subkeyOf({ key, nonce }: CipherParams): Subkey {
  loadWords(key, keyWords);
  loadWords(nonce, nonceWords);
  hchacha(SIGMA, keyWords, nonceWords, subkeyWords);
  for (let i = 0; i < 8; i++) {
    storeWord(subkeyWords[i]!, subkey.key, 4 * i);
  }
  // Four zero bytes, then what HChaCha20 did not use.
  for (let i = 0; i < 8; i++) subkey.nonce[4 + i] = nonce[16 + i]!;
  return subkey;
}

/** Little-endian words, whatever the alignment of `bytes` and the byte order of the machine. */
function loadWords(bytes: Uint8Array, words: Uint32Array): void {
  for (let i = 0, at = 0; i < words.length; i++, at += 4) {
    words[i] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }
}

function storeWord(word: number, bytes: Uint8Array, at: number): void {
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
  bytes[at + 2] = word >>> 16;
  bytes[at + 3] = word >>> 24;
}

function encryptNative(
  subkey: Subkey,
  { associatedData }: CipherParams,
  plaintext: Uint8Array,
): { ciphertext: Uint8Array; tag: Uint8Array } {
  const cipher = createCipheriv(CIPHER, subkey.key, subkey.nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return { ciphertext, tag: cipher.getAuthTag() };
}

/** Block 0 of the keystream, then the text under the blocks from 1 on. Valid until the next call. */
function applyKeystream(params: CipherParams, text: Uint8Array): Uint8Array {
  const end = BLOCK_BYTES + text.length;
  if (end > streamed.length) streamed = new Uint8Array(end);
  const stream = streamed.subarray(0, end);
  stream.fill(0, 0, BLOCK_BYTES);
  stream.set(text, BLOCK_BYTES);
  const { key, nonce } = subkeyOf(params);
  return chacha20(key, nonce, stream, stream, 0);
}

/** @param stream begins with block 0 of the keystream, whose first half is the key of Poly1305 */
function tagOf(stream: Uint8Array, associatedData: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const textAt = padded(associatedData.length);
  const lengthsAt = textAt + padded(ciphertext.length);
  const end = lengthsAt + 16;
  if (end > authenticated.length) authenticated = new Uint8Array(end);
  authenticated.set(associatedData);
  authenticated.fill(0, associatedData.length, textAt);
  authenticated.set(ciphertext, textAt);
  authenticated.fill(0, textAt + ciphertext.length, end);
  storeWord(associatedData.length, authenticated, lengthsAt);
  storeWord(ciphertext.length, authenticated, lengthsAt + 8);
  return poly1305(authenticated.subarray(0, end), stream.subarray(0, 32));
}

/** To whole blocks of Poly1305. */
function padded(length: number): number {
  return (length + 15) & ~15;
}

/** Looks at every byte, so that the time tells nothing of where the first difference is. */
function sameTag(tag: Uint8Array, sealed: Uint8Array, at: number): boolean {
  let difference = 0;
  for (let i = 0; i < TAG_BYTES; i++) difference |= tag[i]! ^ sealed[at + i]!;
  return difference === 0;
}

/** The fastest one this runtime has. */
export const xchacha: XChaCha = hasChaCha ? nativeXChaCha : nobleXChaCha;
