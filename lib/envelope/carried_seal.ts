// Sealed texts of what clients bring back: `version ‖ key id ‖ synthetic IV ‖ ciphertext` in base64url (docs/behaviour.md S1;
// tests/vectors/FORMAT.md §7). AES-256-CTR under an IV that is the HMAC-SHA-256 of what is sealed (Rogaway and Shrimpton's
// SIV, of which RFC 5297 is the one with CMAC): both are native in either runtime, of which XChaCha20-Poly1305 is in one.
// Guarantees: equal input gives equal text, every value has one text, opening never throws, and whatever is wrong with a
// text of some length, refusing it takes the steps that opening it takes.
import { Buffer } from "node:buffer";
import { HmacSha256, PAD_BYTES } from "./hmac_sha256.ts";
import { KEY_ID_BYTES, type KeyRing, type MasterKey } from "./key_ring.ts";
import { createCipheriv } from "../platform/builtin.ts";

/** What a text is for: associated data, so that it never opens for another (docs/protocol.md 39). */
export type CarriedKind = "request-state" | "task" | "cursor";

/** Why a text did not open. For metrics only: outside, all are one (S1). */
export type SealFailure = "length" | "alphabet" | "version" | "key" | "tag";

export type OpenResult<Refusal> =
  | { readonly ok: true; readonly plaintext: Buffer }
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
  readonly judge: (plaintext: Buffer, key: MasterKey) => Refusal | undefined;
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

/** The one text of `plaintext` under this key for this purpose. */
export function seal(key: MasterKey, kind: CarriedKind, plaintext: Uint8Array): string {
  const head = Buffer.allocUnsafe(OVERHEAD_BYTES);
  head[0] = VERSION;
  head.writeUInt32BE(key.idWord, 1);
  const iv = head.subarray(IV_AT);
  iv.set(macOf(key, kind, plaintext).subarray(0, IV_BYTES));
  return head.toString("base64url") + encrypt(key, iv, plaintext).toString("base64url");
}

export function open<Refusal>(
  ring: KeyRing,
  kind: CarriedKind,
  text: string,
  { maxBytes, minBytes, judge }: Opening<Refusal>,
): OpenResult<Refusal> {
  // The one thing that is told early: it bounds the work.
  if (text.length > sealedLength(maxBytes)) return { ok: false, reason: "length" };
  const decoded = Buffer.from(text, "base64url");
  const isShort = decoded.length < OVERHEAD_BYTES + minBytes;
  const bytes = isShort ? Buffer.concat([decoded], OVERHEAD_BYTES + minBytes) : decoded;
  const known = ring.find(bytes.readUInt32BE(1));
  const key = known ?? ring.active;
  const iv = bytes.subarray(IV_AT, OVERHEAD_BYTES);
  // In counter mode both directions are one.
  const plaintext = encrypt(key, iv, bytes.subarray(OVERHEAD_BYTES));
  const isAuthentic = equalBytes(macOf(key, kind, plaintext), 0, iv, 0, IV_BYTES);
  const refusal = judge(plaintext, key);
  // The decoder skips what it does not know: only a text that comes out again is one.
  const isText = decoded.toString("base64url") === text;
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

function encrypt(key: MasterKey, iv: Uint8Array, text: Uint8Array): Buffer {
  const cipher = createCipheriv("aes-256-ctr", key.carriedCipherKey, iv);
  const encrypted = cipher.update(text);
  // Nothing is left; but one of the runtimes keeps a cipher until it has ended.
  cipher.final();
  return encrypted;
}

// Scratch for what a MAC is made of; nothing here awaits, and the native hash copies nothing. As long as the longest so far.
let room = new Uint8Array(4096);
const KIND_AT = PAD_BYTES + IV_AT;

/** Of `version ‖ key id ‖ length of kind ‖ kind ‖ plaintext`. */
function macOf(key: MasterKey, kind: CarriedKind, plaintext: Uint8Array): Uint8Array {
  const textAt = KIND_AT + 1 + kind.length, end = textAt + plaintext.length;
  if (room.length < end) room = new Uint8Array(end);
  room[PAD_BYTES] = VERSION;
  const { idWord } = key;
  room[PAD_BYTES + 1] = idWord >>> 24;
  room[PAD_BYTES + 2] = idWord >>> 16;
  room[PAD_BYTES + 3] = idWord >>> 8;
  room[PAD_BYTES + 4] = idWord;
  room[KIND_AT] = kind.length;
  for (let i = 0; i < kind.length; i++) room[KIND_AT + 1 + i] = kind.charCodeAt(i);
  room.set(plaintext, textAt);
  return macUnder(key).of(room, end);
}

const macs = new WeakMap<MasterKey, HmacSha256>();

function macUnder(key: MasterKey): HmacSha256 {
  let mac = macs.get(key);
  if (mac === undefined) macs.set(key, mac = new HmacSha256(key.carriedMacKey));
  return mac;
}
