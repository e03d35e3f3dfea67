// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03 §2): HChaCha20 of noble makes the subkey, the runtime's native
// ChaCha20-Poly1305 (RFC 8439) does the rest; where `node:crypto` has no such cipher (Bun), noble does all of it.
// Both give the same bytes. Failing to decrypt is a value, never an exception.
import { Buffer } from "node:buffer";
import { chacha20, hchacha, xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { createCipheriv, hasChaCha } from "../platform/builtin.ts";

export const NONCE_BYTES = 24;
export const TAG_BYTES = 16;

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

/** All in JavaScript: runs anywhere. */
export const nobleXChaCha: XChaCha = {
  encrypt: ({ key, nonce, associatedData }, plaintext) =>
    xchacha20poly1305(key, nonce, associatedData).encrypt(plaintext),
  decrypt({ key, nonce, associatedData }, sealed) {
    if (sealed.length < TAG_BYTES) return undefined;
    try {
      return xchacha20poly1305(key, nonce, associatedData).decrypt(sealed);
    } catch {
      return undefined;
    }
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
const subkey: Subkey = { key: new Uint8Array(32), nonce: new Uint8Array(12) };

/** The returned subkey is valid until the next call. */
function subkeyOf({ key, nonce }: CipherParams): Subkey {
  loadWords(key, keyWords);
  loadWords(nonce, nonceWords);
  hchacha(SIGMA, keyWords, nonceWords, subkeyWords);
  for (let i = 0; i < 8; i++) {
    const word = subkeyWords[i]!;
    subkey.key[4 * i] = word;
    subkey.key[4 * i + 1] = word >>> 8;
    subkey.key[4 * i + 2] = word >>> 16;
    subkey.key[4 * i + 3] = word >>> 24;
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

/** Looks at every byte, so that the time tells nothing of where the first difference is. */
function sameTag(tag: Uint8Array, sealed: Uint8Array, at: number): boolean {
  let difference = 0;
  for (let i = 0; i < TAG_BYTES; i++) difference |= tag[i]! ^ sealed[at + i]!;
  return difference === 0;
}

/** The fastest one this runtime has. */
export const xchacha: XChaCha = hasChaCha ? nativeXChaCha : nobleXChaCha;
