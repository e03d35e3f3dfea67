// What a server without sessions gives a client to bring back: a request's state, a task's id, a place in a list. Sealed,
// it comes back to the server byte for byte, from its owner alone, to the server that gave it, for what it was given for
// (docs/behaviour.md S1; docs/protocol.md 33, 34, 39; tests/vectors/FORMAT.md §7).
import { Buffer } from "node:buffer";
import { blake3 } from "@noble/hashes/blake3.js";
import type { KeyRing, MasterKey } from "./key_ring.ts";
import type { OwnerFingerprint } from "./owner_fingerprint.ts";
import { open, type OpenFailure, type Purpose, seal, sealedLength } from "./seal.ts";
import { timingSafeEqual } from "../platform/builtin.ts";
export { NONCE_BYTES } from "./xchacha.ts";

/** What can be carried; each has a purpose of its own, so that none is ever taken for another. */
export type CarriedKind = Extract<Purpose, "request-state" | "task" | "cursor">;

export const CARRIED_KINDS: readonly CarriedKind[] = ["request-state", "task", "cursor"];

/** Longest value of each kind, in bytes of its JSON text. A task's id travels in a header as well. */
export const MAX_CARRIED_BYTES: Readonly<Record<CarriedKind, number>> = {
  "request-state": 64 * 1024,
  task: 2 * 1024,
  cursor: 4 * 1024,
};

/** Who may bring a value back, where to, and with what. */
export interface Carriage {
  /** The caller's fingerprint under a key: the one that seals, or the one that has sealed. */
  readonly ownerUnder: (key: MasterKey) => OwnerFingerprint;
  /** See {@link upstreamTag}. */
  readonly upstream: Uint8Array;
  /** See {@link requestBinding}; undefined for what any request of its owner may bring back. Asked for at most once. */
  readonly binding: (() => Uint8Array) | undefined;
}

/** A value to be sealed. */
export interface Carried {
  /**
   * The JSON text of the value, byte for byte as the server wrote it. Of several servers behind one endpoint it is here
   * that a router notes which of them gave it: it puts the member's name in front, inside the string, and takes it off
   * again when the value comes back. Nobody but Signet can write there.
   */
  readonly token: Uint8Array;
  /** Seconds since the epoch; 0 for never. */
  readonly expiresAtS: number;
  /** {@link NONCE_BYTES} random bytes, for what need not be the same text twice; undefined for what must. */
  readonly nonce?: Uint8Array;
}

/** Why a value was not taken. For metrics only: outside, all are one. */
export type CarriedFailure = OpenFailure | "shape" | "owner" | "upstream" | "expired" | "binding";

export type OpenCarriedResult =
  | { readonly ok: true; readonly token: Uint8Array }
  | { readonly ok: false; readonly reason: CarriedFailure };

const FORM = 1;
const OWNER_BYTES = 16, TAG_BYTES = 8, EXPIRY_BYTES = 5, BINDING_BYTES = 16;
const OWNER_AT = 1, TAG_AT = OWNER_AT + OWNER_BYTES, EXPIRY_AT = TAG_AT + TAG_BYTES;
const BINDING_AT = EXPIRY_AT + EXPIRY_BYTES, TOKEN_AT = BINDING_AT + BINDING_BYTES;
const UNBOUND = new Uint8Array(BINDING_BYTES);

/** What is hashed begins with what it is for. Nothing here has to be secret: it stands inside a seal. */
const UPSTREAM = fieldOf(Buffer.from("upstream tag")), BINDING = fieldOf(Buffer.from("request binding"));

/** What stands for a server inside a value: of its address, so that a value of one that has moved leads nowhere. */
export function upstreamTag(address: string): Uint8Array {
  return blake3(Buffer.concat([UPSTREAM, fieldOf(Buffer.from(address))]), { dkLen: TAG_BYTES });
}

/**
 * What stands for a request inside a value.
 * @param parts its method, and, where they count, the JSON text of what it is about and its arguments in canonical form
 */
export function requestBinding(parts: readonly Uint8Array[]): Uint8Array {
  return blake3(Buffer.concat([BINDING, ...parts.map(fieldOf)]), { dkLen: BINDING_BYTES });
}

/** Its length (32 bits, little-endian) and its bytes: no two lists of fields give the same bytes. */
function fieldOf(part: Uint8Array): Uint8Array {
  const field = Buffer.allocUnsafe(4 + part.length);
  field.writeUInt32LE(part.length);
  field.set(part, 4);
  return field;
}

/** The text a client is given in place of a value. @throws RangeError if it is longer than its kind may be */
export function sealCarried(
  key: MasterKey,
  kind: CarriedKind,
  { token, expiresAtS, nonce }: Carried,
  for_: Carriage,
): string {
  if (token.length > MAX_CARRIED_BYTES[kind]) {
    throw new RangeError(
      `sealing a ${kind}: found ${token.length} bytes, want at most ${MAX_CARRIED_BYTES[kind]}`,
    );
  }
  const plaintext = Buffer.allocUnsafe(TOKEN_AT + token.length);
  plaintext[0] = FORM;
  plaintext.write(for_.ownerUnder(key), OWNER_AT, OWNER_BYTES, "base64url");
  plaintext.set(for_.upstream, TAG_AT);
  plaintext.writeUIntBE(expiresAtS, EXPIRY_AT, EXPIRY_BYTES);
  plaintext.set(for_.binding?.() ?? UNBOUND, BINDING_AT);
  plaintext.set(token, TOKEN_AT);
  return seal(key, kind, plaintext, nonce);
}

/**
 * The value that a text stands for, if it may come back here and now. Never throws but what `binding` does. A forgery
 * costs less than an authentic text, and of one the request is looked at last, when nothing else is left to refuse.
 */
export function openCarried(
  ring: KeyRing,
  kind: CarriedKind,
  text: string,
  at: Carriage & { readonly nowS: number },
): OpenCarriedResult {
  const opened = open(ring, kind, text, { maxLength: sealedLength(TOKEN_AT + MAX_CARRIED_BYTES[kind]) });
  if (!opened.ok) return opened;
  const plaintext = Buffer.from(opened.plaintext.buffer, opened.plaintext.byteOffset, opened.plaintext.length);
  if (plaintext.length <= TOKEN_AT || plaintext[0] !== FORM) return { ok: false, reason: "shape" };
  const owner = Buffer.from(at.ownerUnder(opened.key), "base64url");
  if (!timingSafeEqual(owner, plaintext.subarray(OWNER_AT, TAG_AT))) return { ok: false, reason: "owner" };
  if (!timingSafeEqual(at.upstream, plaintext.subarray(TAG_AT, EXPIRY_AT))) return { ok: false, reason: "upstream" };
  const expiresAtS = plaintext.readUIntBE(EXPIRY_AT, EXPIRY_BYTES);
  if (expiresAtS !== 0 && expiresAtS <= at.nowS) return { ok: false, reason: "expired" };
  const binding = at.binding?.() ?? UNBOUND;
  if (!timingSafeEqual(binding, plaintext.subarray(BINDING_AT, TOKEN_AT))) return { ok: false, reason: "binding" };
  return { ok: true, token: plaintext.subarray(TOKEN_AT) };
}
