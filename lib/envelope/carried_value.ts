// What a server without sessions gives a client to bring back: a request's state, a task's id, a place in a list. Sealed,
// it comes back to the server byte for byte, from its owner alone, to the server that gave it, for what it was given for
// (docs/behaviour.md S1; docs/protocol.md 33, 34, 39; tests/vectors/FORMAT.md §7).
import { Buffer } from "node:buffer";
import { sha256Into } from "../platform/runtime/builtin.ts";
import { type CarriedKind, equalBytes, open, seal, type SealFailure } from "./carried_seal.ts";
import type { KeyRing, MasterKey } from "./key_ring.ts";
import type { OwnerFingerprint } from "./owner_fingerprint.ts";
export type { CarriedKind } from "./carried_seal.ts";

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
}

/** Why a value was not taken. For metrics only: outside, all are one. */
export type CarriedFailure = SealFailure | Refusal;

type Refusal = "shape" | "owner" | "upstream" | "expired" | "binding";

export type OpenCarriedResult =
  | { readonly ok: true; readonly token: Uint8Array }
  | { readonly ok: false; readonly reason: CarriedFailure };

const FORM = 1;
const OWNER_BYTES = 16, TAG_BYTES = 8, EXPIRY_BYTES = 5, BINDING_BYTES = 16;
const OWNER_AT = 1, TAG_AT = OWNER_AT + OWNER_BYTES, EXPIRY_AT = TAG_AT + TAG_BYTES;
const BINDING_AT = EXPIRY_AT + EXPIRY_BYTES, TOKEN_AT = BINDING_AT + BINDING_BYTES;
const UNBOUND = new Uint8Array(BINDING_BYTES);

/** What is hashed begins with what it is for. Nothing here has to be secret: it stands inside a seal. */
const UPSTREAM = Buffer.from("upstream tag"), BINDING = Buffer.from("request binding");

/** What stands for a server inside a value: of its address, so that a value of one that has moved leads nowhere. */
export function upstreamTag(address: string): Uint8Array {
  return digestOf([UPSTREAM, Buffer.from(address)], TAG_BYTES);
}

/**
 * What stands for a request inside a value.
 * @param parts its method, and, where they count, the JSON text of what it is about and its arguments in canonical form
 */
export function requestBinding(parts: readonly Uint8Array[]): Uint8Array {
  return digestOf([BINDING, ...parts], BINDING_BYTES);
}

// Scratch: nothing here awaits. Of a request whose arguments are longer nothing is kept: they may be as long as any body.
const digest = new Uint8Array(32);
const scratch = new Uint8Array(16 * 1024);

/** Of each part its length (32 bits, little-endian) and its bytes: no two lists of parts give the same bytes. */
function digestOf(parts: readonly Uint8Array[], length: number): Uint8Array {
  let size = 0;
  for (const part of parts) size += 4 + part.length;
  const fields = size <= scratch.length ? scratch : new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    for (let i = 0; i < 4; i++) fields[at++] = part.length >>> (8 * i);
    fields.set(part, at);
    at += part.length;
  }
  sha256Into(fields.subarray(0, size), digest);
  return digest.slice(0, length);
}

/** The text a client is given in place of a value. @throws RangeError if it is longer than its kind may be */
export function sealCarried(key: MasterKey, kind: CarriedKind, { token, expiresAtS }: Carried, for_: Carriage): string {
  if (token.length > MAX_CARRIED_BYTES[kind]) {
    throw new RangeError(
      `sealing a ${kind}: found ${token.length} bytes, want at most ${MAX_CARRIED_BYTES[kind]}`,
    );
  }
  const bound = boundTo(key, for_);
  return seal(key, kind, TOKEN_AT + token.length, (room, at) => {
    room.set(bound, at);
    for (let i = EXPIRY_BYTES - 1, rest = expiresAtS; i >= 0; i--, rest = Math.floor(rest / 256)) {
      room[at + EXPIRY_AT + i] = rest;
    }
    room.set(token, at + TOKEN_AT);
  });
}

/** What a value begins with, its expiry aside. Scratch: nothing here awaits. */
const begins = Buffer.alloc(TOKEN_AT);
/** Whose fingerprint stands there: a value that is opened and the next that is sealed are most often of one caller. */
let owner: OwnerFingerprint | undefined;

function boundTo(key: MasterKey, { ownerUnder, upstream, binding }: Carriage): Uint8Array {
  const request = binding?.() ?? UNBOUND;
  begins[0] = FORM;
  const theirs = ownerUnder(key);
  if (theirs !== owner) begins.write(owner = theirs, OWNER_AT, OWNER_BYTES, "base64url");
  for (let i = 0; i < TAG_BYTES; i++) begins[TAG_AT + i] = upstream[i]!;
  for (let i = 0; i < BINDING_BYTES; i++) begins[BINDING_AT + i] = request[i]!;
  return begins;
}

/**
 * The value that a text stands for, if it may come back here and now. Never throws but what `binding` does. All that can
 * be wrong is looked at, whatever else is: who brings a text learns from the time no more than from the answer (S1).
 */
export function openCarried(
  ring: KeyRing,
  kind: CarriedKind,
  text: string,
  at: Carriage & { readonly nowS: number },
): OpenCarriedResult {
  const opened = open(ring, kind, text, {
    minBytes: TOKEN_AT + 1,
    maxBytes: TOKEN_AT + MAX_CARRIED_BYTES[kind],
    judge: (room, from, key) => judge(room, from, boundTo(key, at), at.nowS),
    handedFrom: TOKEN_AT,
  });
  return opened.ok ? { ok: true, token: opened.plaintext } : opened;
}

/** What is wrong with the plaintext that stands in `room` from `from` on. */
function judge(room: Uint8Array, from: number, wanted: Uint8Array, nowS: number): Refusal | undefined {
  const isOwners = equalBytes(wanted, OWNER_AT, room, from + OWNER_AT, OWNER_BYTES);
  const isUpstreams = equalBytes(wanted, TAG_AT, room, from + TAG_AT, TAG_BYTES);
  const isBound = equalBytes(wanted, BINDING_AT, room, from + BINDING_AT, BINDING_BYTES);
  let expiresAtS = 0;
  for (let i = 0; i < EXPIRY_BYTES; i++) expiresAtS = expiresAtS * 256 + room[from + EXPIRY_AT + i]!;
  if (room[from] !== FORM) return "shape";
  if (!isOwners) return "owner";
  if (!isUpstreams) return "upstream";
  if (expiresAtS !== 0 && expiresAtS <= nowS) return "expired";
  return isBound ? undefined : "binding";
}
