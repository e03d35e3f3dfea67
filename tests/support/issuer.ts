// Somebody who signs tokens: a key pair of any algorithm, and whatever claims a test wants, right or wrong.
import { CompactSign, exportJWK, generateKeyPair, type JWK } from "jose";

export const NOW_MS = 1_800_000_000_000;
export const NOW_S = NOW_MS / 1000;
export const ISSUER = "https://issuer.example";
export const AUDIENCE = "https://signet.example/mcp";

/** Any claims at all, right or wrong; undefined leaves one out. */
export type Claims = Readonly<Record<string, unknown>>;

/** Somebody who signs tokens. */
export class Issuer {
  readonly publicJwk: JWK;
  readonly #privateKey: CryptoKey;
  readonly #alg: string;

  private constructor(publicJwk: JWK, privateKey: CryptoKey, alg: string) {
    this.publicJwk = publicJwk;
    this.#privateKey = privateKey;
    this.#alg = alg;
  }

  static async create(kid: string | undefined, alg = "ES256"): Promise<Issuer> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...await exportJWK(publicKey), ...(kid === undefined ? {} : { kid }) };
    return new Issuer(jwk, privateKey, alg);
  }

  /** A token that holds at NOW_MS for an hour, but for what `claims` and `header` say. */
  sign(claims: Claims = {}, header: Claims = {}): Promise<string> {
    const payload = { iss: ISSUER, aud: AUDIENCE, sub: "alice", exp: NOW_S + 3600, ...claims };
    return this.signText(JSON.stringify(payload), header);
  }

  /** The same of a payload as it is written. */
  signText(payload: string | Uint8Array, header: Claims = {}): Promise<string> {
    const kid = this.publicJwk.kid;
    return new CompactSign(typeof payload === "string" ? new TextEncoder().encode(payload) : payload)
      .setProtectedHeader({ alg: this.#alg, ...(kid === undefined ? {} : { kid }), ...header })
      .sign(this.#privateKey);
  }
}

export const keySetOf = (...issuers: readonly Issuer[]) =>
  JSON.stringify({ keys: issuers.map((issuer) => issuer.publicJwk) });
