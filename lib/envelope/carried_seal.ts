// Sealed texts of what clients bring back: `version ‖ key id ‖ synthetic IV ‖ ciphertext` in base64url (docs/behaviour.md S1;
// tests/vectors/FORMAT.md §7). AES-256-CTR under an IV that is the HMAC-SHA-256 of what is sealed (Rogaway and Shrimpton's
// SIV, of which RFC 5297 is the one with CMAC): both are native in either runtime, of which XChaCha20-Poly1305 is in one.
// Guarantees: equal input gives equal text, every value has one text, opening never throws, and whatever is wrong with a
// text of some length, refusing it takes the steps that opening it takes.
import { Buffer } from "node:buffer";
import { AesCtr, COUNTER_BYTES } from "./aes_ctr.ts";
import { HmacSha256, PAD_BYTES } from "./hmac_sha256.ts";
import { KEY_ID_BYTES, type KeyRing, type MasterKey } from "./key_ring.ts";

/** What a text is for: associated data, so that it never opens for another (docs/protocol.md 39). */
export type CarriedKind = "request-state" | "task" | "cursor";

/** Why a text did not open. For metrics only: outside, all are one (S1). */
export type SealFailure = "length" | "alphabet" | "version" | "key" | "tag";

export type OpenResult<Refusal> =
  | { readonly ok: true; readonly plaintext: Uint8Array }
  | { readonly ok: false; readonly reason: SealFailure | Refusal };

/** What may be opened, and who says whether it is taken. */
export interface Opening<Refusal> {
  /** Longest and shortest plaintext there is, in bytes. */
  readonly maxBytes: number;
  readonly minBytes: number;
  /**
   * What is wrong with a plaintext, which stands in `room` from `at` on; undefined if nothing is. It is asked of every
   * text, of a forged one about bytes that mean nothing, and has `minBytes` at least: nothing it does may depend on what
   * they are.
   */
  readonly judge: (room: Uint8Array, at: number, key: MasterKey) => Refusal | undefined;
  /** Where in the plaintext begins what is handed out, in memory of its own. Default: all of it is. */
  readonly handedFrom?: number;
}

/** 1 are the texts of `seal.ts`. */
const VERSION = 2;
const IV_BYTES = COUNTER_BYTES;
/** What stands before a ciphertext. */
const OVERHEAD_BYTES = 1 + KEY_ID_BYTES + IV_BYTES;

/** Length in characters of the text of a plaintext. */
export function sealedLength(plaintextBytes: number): number {
  return Math.ceil((OVERHEAD_BYTES + plaintextBytes) * 4 / 3);
}

/** The same memory three times: views of what is no Buffer cost a third, and a cipher's stream is added by words. */
interface Scratch {
  readonly buffer: Buffer;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}

function scratchOf(length: number): Scratch {
  const words = new Int32Array(Math.ceil(length / 4));
  return { buffer: Buffer.from(words.buffer), bytes: new Uint8Array(words.buffer), words };
}

// Scratch: what is made for each text costs more than its cipher does. Nothing here awaits, and native functions copy what
// they are given. Initial vector and ciphertext begin at a word, in both.
/** What a text is of, as long as the longest so far. */
let envelope = scratchOf(4096);
const ENVELOPE_AT = 4 - 1, KEY_ID_AT = ENVELOPE_AT + 1, IV_AT = KEY_ID_AT + KEY_ID_BYTES, TEXT_AT = IV_AT + IV_BYTES;
/** What a MAC is made of: `version ‖ key id ‖ length of kind ‖ kind ‖ plaintext`, behind room for the key's block. */
let room = scratchOf(4096);

/** Where in `room` the plaintext stands: at a word, the first behind all that is before it. */
function plaintextAt(kind: CarriedKind): number {
  return Math.ceil((PAD_BYTES + 1 + KEY_ID_BYTES + 1 + kind.length) / 4) * 4;
}

/** For a text of so many bytes, the plaintext in `room` from `at` on. */
function makeRoom(length: number, at: number): void {
  if (envelope.bytes.length < TEXT_AT + length) envelope = scratchOf(TEXT_AT + length);
  if (room.bytes.length < at + length) room = scratchOf(at + length);
}

/**
 * The one text of a plaintext under this key for this purpose.
 * @param write puts the plaintext, which has `length` bytes, into `room` at `at`
 */
export function seal(
  key: MasterKey,
  kind: CarriedKind,
  length: number,
  write: (room: Uint8Array, at: number) => void,
): string {
  const at = plaintextAt(kind);
  makeRoom(length, at);
  write(room.bytes, at);
  const keyed = keyedBy(key);
  const mac = macOf(keyed, kind, at + length);
  const { bytes } = envelope;
  bytes[ENVELOPE_AT] = VERSION;
  putWord(bytes, KEY_ID_AT, key.idWord);
  for (let i = 0; i < IV_BYTES; i++) bytes[IV_AT + i] = mac[i]!;
  const stream = keyed.cipher.stream(envelope.words, IV_AT / 4, length);
  addWords(stream, room.words, at / 4, envelope.words, TEXT_AT / 4, length);
  return envelope.buffer.toString("base64url", ENVELOPE_AT, TEXT_AT + length);
}

/** What is in no base64url. */
const STRANGE = /[^\w-]/;
/** By how many characters there are of the last four: what the last can be, for all of its bits to be in bytes. */
const LAST_OF: readonly string[] = ["", "", "AQgw", "AEIMQUYcgkosw048"];

/** Whether there is no other text of the same bytes (RFC 4648 §3.5). */
function endsWell(text: string): boolean {
  const left = text.length % 4;
  if (left === 0) return true;
  return LAST_OF[left]!.includes(text.charAt(text.length - 1));
}

export function open<Refusal>(
  ring: KeyRing,
  kind: CarriedKind,
  text: string,
  { maxBytes, minBytes, judge, handedFrom = 0 }: Opening<Refusal>,
): OpenResult<Refusal> {
  // The one thing that is told early: it bounds the work.
  if (text.length > sealedLength(maxBytes)) return { ok: false, reason: "length" };
  const at = plaintextAt(kind);
  makeRoom(Math.max(text.length, minBytes), at);
  const { buffer, bytes, words } = envelope;
  const isStrange = STRANGE.test(text);
  // A decoder takes its time over what it does not know.
  const written = buffer.write(isStrange ? "A".repeat(text.length) : text, ENVELOPE_AT, "base64url");
  const isShort = written < OVERHEAD_BYTES + minBytes;
  const length = isShort ? minBytes : written - OVERHEAD_BYTES;
  const known = ring.find(wordAt(bytes, KEY_ID_AT));
  const key = known ?? ring.active;
  const keyed = keyedBy(key);
  // In counter mode both directions are one.
  addWords(keyed.cipher.stream(words, IV_AT / 4, length), words, TEXT_AT / 4, room.words, at / 4, length);
  const isAuthentic = equalBytes(macOf(keyed, kind, at + length), 0, bytes, IV_AT, IV_BYTES);
  const refusal = judge(room.bytes, at, key);
  const plaintext = room.bytes.slice(at + handedFrom, at + length);
  const isText = !isStrange && endsWell(text);
  if (isShort) return { ok: false, reason: "length" };
  if (!isText) return { ok: false, reason: "alphabet" };
  if (bytes[ENVELOPE_AT] !== VERSION) return { ok: false, reason: "version" };
  if (known === undefined) return { ok: false, reason: "key" };
  if (!isAuthentic) return { ok: false, reason: "tag" };
  return refusal === undefined ? { ok: true, plaintext } : { ok: false, reason: refusal };
}

/** Whether `length` bytes are the same. Looks at all of them, so that the time tells nothing of where a difference is. */
export function equalBytes(a: Uint8Array, aFrom: number, b: Uint8Array, bFrom: number, length: number): boolean {
  let difference = 0;
  for (let i = 0; i < length; i++) difference |= a[aFrom + i]! ^ b[bFrom + i]!;
  return difference === 0;
}

/** A text of `length` bytes with the stream added. The last word has more than that: nobody looks at it. */
function addWords(
  stream: Int32Array,
  from: Int32Array,
  fromAt: number,
  to: Int32Array,
  toAt: number,
  length: number,
): void {
  const count = (length + 3) >> 2;
  for (let i = 0; i < count; i++) to[toAt + i] = from[fromAt + i]! ^ stream[i]!;
}

function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Of the plaintext that stands in `room`, up to `end`. */
function macOf({ mac, idWord }: Keyed, kind: CarriedKind, end: number): Uint8Array {
  const { bytes } = room;
  const kindAt = plaintextAt(kind) - 1 - kind.length, from = kindAt - KEY_ID_BYTES - 1;
  bytes[from] = VERSION;
  putWord(bytes, from + 1, idWord);
  bytes[kindAt] = kind.length;
  for (let i = 0; i < kind.length; i++) bytes[kindAt + 1 + i] = kind.charCodeAt(i);
  return mac.of(bytes, end, from);
}

/** What a key is used by. */
interface Keyed {
  readonly idWord: number;
  readonly mac: HmacSha256;
  readonly cipher: AesCtr;
}

/** Weak: a key that leaves the ring takes its own with it. */
const allKeyed = new WeakMap<MasterKey, Keyed>();

function keyedBy(key: MasterKey): Keyed {
  let keyed = allKeyed.get(key);
  if (keyed === undefined) {
    const { idWord } = key;
    keyed = { idWord, mac: new HmacSha256(key.carriedMacKey), cipher: new AesCtr(key.carriedCipherKey) };
    allKeyed.set(key, keyed);
  }
  return keyed;
}
