// What `decryptInPlace` makes of its parts, each in memory of its own, as the published vectors have them.
import { type CipherParams, decryptInPlace, NONCE_BYTES } from "../../lib/envelope/xchacha.ts";

/** The plaintext; undefined if the tag does not hold, and then nothing was changed. */
export function decrypt({ key, nonce, associatedData }: CipherParams, sealed: Uint8Array): Uint8Array | undefined {
  const text = new Uint8Array(NONCE_BYTES + sealed.length + 1);
  text.set(nonce);
  text.set(sealed, NONCE_BYTES);
  const before = text.slice();
  const end = decryptInPlace(key, associatedData, { text, from: 0, to: text.length - 1 });
  if (end >= 0) return text.slice(NONCE_BYTES, end);
  if (!text.every((byte, at) => byte === before[at])) throw new Error("deciphering: found what was refused changed");
  return undefined;
}
