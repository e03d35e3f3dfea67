// Sealed texts of what clients bring back: `version ‖ key id ‖ synthetic IV ‖ ciphertext` in base64url (docs/behaviour.md S1;
// tests/vectors/FORMAT.md §7). AES-256-CTR under an IV that is the HMAC-SHA-256 of what is sealed (Rogaway and Shrimpton's
// SIV, of which RFC 5297 is the one with CMAC): both are native in either runtime, of which XChaCha20-Poly1305 is in one.
// Guarantees: equal input gives equal text, every value has one text, opening never throws, and whatever is wrong with a
// text of some length, refusing it takes the steps that opening it takes.
import { Buffer } from "node:buffer";
import { createCipheriv } from "../platform/runtime/builtin.ts";
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
   * What is wrong with a plaintext; undefined if nothing is. It is asked of every text, of a forged one about bytes that
   * mean nothing, and has `minBytes` at least: nothing it does may depend on what they are.
   */
  readonly judge: (plaintext: Uint8Array, key: MasterKey) => Refusal | undefined;
}

/** 1 are the texts of `seal.ts`. */
const VERSION = 2;
const IV_AT = 1 + KEY_ID_BYTES, IV_BYTES = 16;
/** Divisible by 3: the text of what is before the ciphertext and that of the ciphertext stand one behind the other. */
const OVERHEAD_BYTES = IV_AT + IV_BYTES;

/** Length in characters of the text of a plaintext. */
export function sealedLength(plaintextBytes: number): number {
  return Math.ceil((OVERHEAD_BYTES + plaintextBytes) * 4 / 3);
}

// Scratch: on the one runtime a buffer costs as much as the cipher, on the other a view does. Nothing here awaits, and
// native functions copy what they are given. `head` is what stands before a ciphertext.
const head = Buffer.alloc(OVERHEAD_BYTES);
const headIv = new Uint8Array(head.buffer, head.byteOffset + IV_AT, IV_BYTES);

/**
 * The one text of a plaintext under this key for this purpose.
 * @param write puts the plaintext, which has `length` bytes, into `room` at `at`
 */
export function seal(
  key: MasterKey,
  kind: CarriedKind,
  length: number,
  write: (room: Buffer, at: number) => void,
): string {
  const at = plaintextAt(kind);
  write(roomFor(at + length), at);
  const mac = macOf(key, kind, at + length);
  head[0] = VERSION;
  putWord(head, 1, key.idWord);
  for (let i = 0; i < IV_BYTES; i++) headIv[i] = mac[i]!;
  const ciphertext = crypt(key, headIv, room.bytes.subarray(at, at + length));
  return head.toString("base64url") + ciphertext.toString("base64url");
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

/** What was decoded, and a place to decode to: as long as the longest text so far. */
let decoded = scratchOf(4096);

export function open<Refusal>(
  ring: KeyRing,
  kind: CarriedKind,
  text: string,
  { maxBytes, minBytes, judge }: Opening<Refusal>,
): OpenResult<Refusal> {
  // The one thing that is told early: it bounds the work.
  if (text.length > sealedLength(maxBytes)) return { ok: false, reason: "length" };
  if (text.length > decoded.bytes.length) decoded = scratchOf(text.length);
  const { buffer, bytes } = decoded;
  const isStrange = STRANGE.test(text);
  // A decoder takes its time over what it does not know.
  const written = buffer.write(isStrange ? "A".repeat(text.length) : text, 0, "base64url");
  const isShort = written < OVERHEAD_BYTES + minBytes;
  const size = isShort ? OVERHEAD_BYTES + minBytes : written;
  const known = ring.find(buffer.readUInt32BE(1));
  const key = known ?? ring.active;
  for (let i = 0; i < IV_BYTES; i++) headIv[i] = bytes[IV_AT + i]!;
  // In counter mode both directions are one.
  const plaintext = crypt(key, headIv, bytes.subarray(OVERHEAD_BYTES, size));
  const at = plaintextAt(kind), end = at + plaintext.length;
  roomFor(end).set(plaintext, at);
  const isAuthentic = equalBytes(macOf(key, kind, end), 0, headIv, 0, IV_BYTES);
  const refusal = judge(plaintext, key);
  const isText = !isStrange && endsWell(text);
  if (isShort) return { ok: false, reason: "length" };
  if (!isText) return { ok: false, reason: "alphabet" };
  if (bytes[0] !== VERSION) return { ok: false, reason: "version" };
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

function crypt(key: MasterKey, iv: Uint8Array, text: Uint8Array): Buffer {
  const cipher = createCipheriv("aes-256-ctr", key.carriedCipherKey, iv);
  const crypted = cipher.update(text);
  // Nothing is left; but one of the runtimes keeps a cipher until it has ended.
  cipher.final();
  return crypted;
}

/** The same memory twice: views of what is no Buffer cost a third. */
interface Scratch {
  readonly buffer: Buffer;
  readonly bytes: Uint8Array;
}

function scratchOf(length: number): Scratch {
  const bytes = new Uint8Array(length);
  return { buffer: Buffer.from(bytes.buffer), bytes };
}

/** What a MAC is made of: `version ‖ key id ‖ length of kind ‖ kind ‖ plaintext`, behind room for the key's block. */
let room = scratchOf(4096);
const KIND_AT = PAD_BYTES + IV_AT;

function plaintextAt(kind: CarriedKind): number {
  return KIND_AT + 1 + kind.length;
}

function roomFor(end: number): Buffer {
  if (room.bytes.length < end) room = scratchOf(end);
  return room.buffer;
}

function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

/** Of the plaintext that stands in `room`, up to `end`. */
function macOf(key: MasterKey, kind: CarriedKind, end: number): Uint8Array {
  const { bytes } = room;
  bytes[PAD_BYTES] = VERSION;
  putWord(bytes, PAD_BYTES + 1, key.idWord);
  bytes[KIND_AT] = kind.length;
  for (let i = 0; i < kind.length; i++) bytes[KIND_AT + 1 + i] = kind.charCodeAt(i);
  return macUnder(key).of(bytes, end);
}

/** Weak: a key that leaves the ring takes its own with it. */
const macs = new WeakMap<MasterKey, HmacSha256>();

function macUnder(key: MasterKey): HmacSha256 {
  let mac = macs.get(key);
  if (mac === undefined) macs.set(key, mac = new HmacSha256(key.carriedMacKey));
  return mac;
}
