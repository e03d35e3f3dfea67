// Who owns a session, as a keyed hash: it can be compared but not turned back into a name (docs/behaviour.md O2, E4;
// tests/vectors/FORMAT.md §6).
import { Buffer } from "node:buffer";
import { keyedBlake3 } from "./blake3.ts";
import type { MasterKey } from "./key_ring.ts";

/** base64url of 16 bytes: 22 characters. Comparable only with fingerprints made under the same key. */
export type OwnerFingerprint = string & { readonly __brand: "OwnerFingerprint" };

/** What makes two callers the same owner. A `Principal` fits. */
export interface OwnerIdentity {
  readonly issuer: string;
  readonly subject: string;
  /** Only where sessions are bound to the OAuth client as well. Absent and present are different owners. */
  readonly clientId?: string;
}

/** 128 bits: nobody without the key can search for a second owner of the same fingerprint. */
const FINGERPRINT_BYTES = 16;

/**
 * The fingerprint of an owner under a master key. Which members take part is the caller's policy: pass
 * `{ issuer, subject }` to leave a client id out.
 *
 * @throws TypeError if a field is blank (O4: fail closed), or holds a lone surrogate: UTF-8 would merge such names
 */
export function fingerprintOwner(key: MasterKey, owner: OwnerIdentity): OwnerFingerprint {
  const fields = [lengthPrefixed("issuer", owner.issuer), lengthPrefixed("subject", owner.subject)];
  if (owner.clientId !== undefined) fields.push(lengthPrefixed("clientId", owner.clientId));
  const digest = keyedBlake3(key.fingerprintKey, Buffer.concat(fields), FINGERPRINT_BYTES);
  return Buffer.from(digest).toString("base64url") as OwnerFingerprint;
}

/** Length in bytes (32 bits, little-endian) and UTF-8 of one field: no two lists of fields give the same bytes. */
function lengthPrefixed(name: string, value: string): Buffer {
  if (value.trim() === "") throw new TypeError(`fingerprinting an owner: found a blank ${name}, want a name`);
  if (!value.isWellFormed()) {
    throw new TypeError(`fingerprinting an owner: found a lone surrogate in ${name}, want well-formed Unicode`);
  }
  const length = Buffer.byteLength(value);
  const field = Buffer.allocUnsafe(4 + length);
  field.writeUInt32LE(length);
  field.write(value, 4);
  return field;
}
