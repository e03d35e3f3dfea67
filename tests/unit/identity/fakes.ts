// Requests, issuers and key servers for the tests of lib/identity.
import { CompactSign, exportJWK, generateKeyPair, type JWK } from "jose";
import type { CredentialView, Identification, Principal } from "../../../lib/identity/principal.ts";

export const NOW_MS = 1_800_000_000_000;
export const NOW_S = NOW_MS / 1000;
export const ISSUER = "https://issuer.example";
export const AUDIENCE = "https://mcp.example/mcp";

/** A request with these fields, names in lower case, in this order. */
export function request(fields: readonly (readonly [string, string])[], remoteAddress = "192.0.2.1"): CredentialView {
  const valuesOf = (name: string) => fields.filter(([found]) => found === name).map(([, value]) => value);
  return {
    get: (name) => valuesOf(name).length === 1 ? valuesOf(name)[0] : undefined,
    count: (name) => valuesOf(name).length,
    remoteAddress,
  };
}

export const withToken = (token: string) => request([["authorization", `Bearer ${token}`]]);

/** The principal of an answer, or a failed test that names what came instead. */
export function principalOf(answer: Identification): Principal {
  if (answer.kind !== "principal") throw new Error(`want a principal, got ${JSON.stringify(answer)}`);
  return answer.principal;
}

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
    const kid = this.publicJwk.kid;
    return new CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader({ alg: this.#alg, ...(kid === undefined ? {} : { kid }), ...header })
      .sign(this.#privateKey);
  }
}

export const keySetOf = (...issuers: readonly Issuer[]) =>
  JSON.stringify({ keys: issuers.map((issuer) => issuer.publicJwk) });

/** A key server: answers what `answer` gives, counts how often it is asked. */
export class KeyServer {
  calls = 0;
  readonly requests: { url: string; init: RequestInit | undefined }[] = [];
  answer: () => Response | Promise<Response>;

  constructor(answer: () => Response | Promise<Response>) {
    this.answer = answer;
  }

  readonly fetch = (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    this.calls++;
    this.requests.push({ url: String(url), init });
    return Promise.resolve().then(() => this.answer());
  };

  serve(...issuers: readonly Issuer[]): void {
    this.answer = () => new Response(keySetOf(...issuers));
  }

  breakDown(): void {
    this.answer = () => Promise.reject(new TypeError("connection refused"));
  }
}
