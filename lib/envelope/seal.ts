// Sealed texts: what Signet hands to clients and takes back. `version ‖ key id ‖ nonce ‖ ciphertext ‖ tag` in base62
// (docs/behaviour.md E1, E4, E7; tests/vectors/FORMAT.md §3). Deterministic: equal input gives equal text. Opening
// never throws, and no forgery costs more than an authentic text of its length.
import { Buffer } from "node:buffer";
import { base62Length, decodeBase62Into, encodeBase62 } from "./base62.ts";
import { keyedBlake3 } from "./blake3.ts";
import { KEY_ID_BYTES, type KeyRing, type MasterKey } from "./key_ring.ts";
import { decryptInPlace, encrypt, NONCE_BYTES, TAG_BYTES } from "./xchacha.ts";

/**
 * What a text is for. It is associated data: a text never opens for another purpose (docs/protocol.md 39). What stateless
 * clients bring back has a seal of its own (`carried_seal.ts`).
 */
export type Purpose = "session" | "event" | "task" | "cursor" | "rpc-id" | "move" | "revocation" | "pool";

/** Longest text that is opened unless told otherwise, in characters. */
export const DEFAULT_MAX_LENGTH = 4096;

/** Why a text did not open. For metrics only: outside, all are one (E8). */
export type OpenFailure = "length" | "alphabet" | "version" | "key" | "tag";

export type OpenResult =
  | { readonly ok: true; readonly key: MasterKey; readonly plaintext: Uint8Array }
  | { readonly ok: false; readonly reason: OpenFailure };

/** What a text says where it was deciphered: `bytes` from `from` to `to`, in memory that the next one takes. */
export interface Opened {
  readonly ok: true;
  readonly key: MasterKey;
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

export interface OpenOptions {
  /** Longest text to look at, in characters. */
  readonly maxLength?: number;
}

const VERSION = 1;
const PREFIX_BYTES = 1 + KEY_ID_BYTES;
const OVERHEAD_BYTES = PREFIX_BYTES + NONCE_BYTES + TAG_BYTES;
const MIN_LENGTH = base62Length(OVERHEAD_BYTES);

/** Length in characters of the text that {@link seal} makes of a plaintext. */
export function sealedLength(plaintextBytes: number): number {
  return base62Length(OVERHEAD_BYTES + plaintextBytes);
}

/** The one text of `plaintext` under this key for this purpose. */
export function seal(key: MasterKey, purpose: Purpose, plaintext: Uint8Array): string {
  const associatedData = associatedDataOf(key, purpose);
  const nonce = nonceOf(key, associatedData, plaintext);
  const sealed = encrypt({ key: key.sealingKey, nonce, associatedData }, plaintext);
  return encodeBase62(Buffer.concat([associatedData.subarray(0, PREFIX_BYTES), nonce, sealed]));
}

/** The plaintext of a sealed text, in memory of its own, and the key that sealed it. */
export function open(ring: KeyRing, purpose: Purpose, text: string, options: OpenOptions = {}): OpenResult {
  const opened = openInPlace(ring, purpose, text, options);
  if (!opened.ok) return opened;
  const { key, bytes, from, to } = opened;
  return { ok: true, key, plaintext: bytes.slice(from, to) };
}

/**
 * The same for whoever is done with the plaintext before anything else is opened.
 *
 * The nonce is not computed again from the plaintext: the tag covers every bit of the text already, only a holder of
 * the key could choose another nonce, and a second pass over the plaintext would double the cost of opening.
 */
export function openInPlace(
  ring: KeyRing,
  purpose: Purpose,
  text: string,
  options: OpenOptions = {},
): Opened | Extract<OpenResult, { ok: false }> {
  const { length } = text;
  if (length < MIN_LENGTH || length > (options.maxLength ?? DEFAULT_MAX_LENGTH)) return FAILED.length;
  // A character is less than a byte.
  if (length > envelope.length) envelope = new Uint8Array(length);
  const bytes = envelope;
  const decodedTo = decodeBase62Into(text, bytes);
  if (decodedTo < 0) return FAILED.alphabet;
  if (bytes[0] !== VERSION) return FAILED.version;
  const key = ring.find(((bytes[1]! << 24) | (bytes[2]! << 16) | (bytes[3]! << 8) | bytes[4]!) >>> 0);
  if (key === undefined) return FAILED.key;
  const sealed = { text: bytes, from: PREFIX_BYTES, to: decodedTo };
  const to = decryptInPlace(key.sealingKey, associatedDataOf(key, purpose), sealed);
  return to < 0 ? FAILED.tag : { ok: true, key, bytes, from: PREFIX_BYTES + NONCE_BYTES, to };
}

// Scratch: what a text decodes to, as long as the longest so far. Nothing here awaits.
let envelope = new Uint8Array(DEFAULT_MAX_LENGTH);

const FAILED = {
  length: { ok: false, reason: "length" },
  alphabet: { ok: false, reason: "alphabet" },
  version: { ok: false, reason: "version" },
  key: { ok: false, reason: "key" },
  tag: { ok: false, reason: "tag" },
} as const satisfies Record<OpenFailure, OpenResult>;

/** `version ‖ key id ‖ length of purpose ‖ purpose`, which nobody may change: the last one is kept. */
function associatedDataOf(key: MasterKey, purpose: Purpose): Uint8Array {
  if (key.idWord === lastData.idWord && purpose === lastData.purpose) return lastData.data;
  const data = new Uint8Array(PREFIX_BYTES + 1 + purpose.length);
  data[0] = VERSION;
  data[1] = key.idWord >>> 24;
  data[2] = key.idWord >>> 16;
  data[3] = key.idWord >>> 8;
  data[4] = key.idWord;
  data[PREFIX_BYTES] = purpose.length;
  for (let i = 0; i < purpose.length; i++) data[PREFIX_BYTES + 1 + i] = purpose.charCodeAt(i);
  lastData = { idWord: key.idWord, purpose, data };
  return data;
}

let lastData: { readonly idWord: number; readonly purpose: Purpose | undefined; readonly data: Uint8Array } = {
  idWord: 0,
  purpose: undefined,
  data: new Uint8Array(0),
};

/**
 * Synthetic nonce: the first bytes of keyed BLAKE3 over both parts, the first preceded by its length so that no other
 * split gives the same input. Equal nonces under one key thus mean equal texts, which tells nothing new.
 */
function nonceOf(key: MasterKey, associatedData: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const input = Buffer.allocUnsafe(4 + associatedData.length + plaintext.length);
  input.writeUInt32LE(associatedData.length);
  input.set(associatedData, 4);
  input.set(plaintext, 4 + associatedData.length);
  return keyedBlake3(key.nonceKey, input, NONCE_BYTES);
}
