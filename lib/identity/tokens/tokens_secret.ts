// The secret session tokens are signed with. It never prints: the bytes live in a private field, as a derived key only.
// HKDF-SHA256 (RFC 5869) keeps it apart from whatever else the same secret may be used for; HMAC-SHA256 (RFC 2104) signs.
import { Buffer } from "node:buffer";
import { createHmac, hkdfSync } from "../../platform/runtime/builtin.ts";

/** T4: the least that can be a secret, in bytes. */
export const MIN_SECRET_BYTES = 32;

const PURPOSE = "signet session token v1";

export class TokenSecret {
  readonly #key: Uint8Array;

  /** @throws RangeError if `secret` is shorter than {@link MIN_SECRET_BYTES} */
  constructor(secret: Uint8Array) {
    if (secret.length < MIN_SECRET_BYTES) {
      throw new RangeError(`reading a token secret: found ${secret.length} bytes, want at least ${MIN_SECRET_BYTES}`);
    }
    this.#key = new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), PURPOSE, 32));
  }

  /** Of a text such as `openssl rand -base64 32` prints; surrounding blanks do not count. @throws RangeError */
  static fromText(text: string): TokenSecret {
    return new TokenSecret(Buffer.from(text.trim(), "utf8"));
  }

  /** 32 bytes over the UTF-8 of `text`. */
  mac(text: string): Uint8Array {
    return createHmac("sha256", this.#key).update(text, "utf8").digest();
  }

  toString(): string {
    return "TokenSecret(hidden)";
  }

  toJSON(): string {
    return this.toString();
  }
}
