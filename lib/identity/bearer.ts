// Opaque bearer tokens as principals of last resort (docs/behaviour.md O2): nothing is verified, the token's digest is
// the subject. Whoever holds the same token is the same caller, and a refreshed token is a new one: its sessions end.
import { hash } from "../platform/runtime/builtin.ts";
import { MAX_TOKEN_LENGTH, readBearerToken, TOKEN_FIELDS, tokenSyntaxProblem } from "./bearer_token.ts";
import type { CredentialView, Identification, VerifyingSource } from "./principal.ts";

export const BEARER_ISSUER = "signet:bearer";

export interface BearerOptions {
  /** Makes `Principal.keyedName`. Default: there is none. */
  readonly keyedName?: (caller: { readonly issuer: string; readonly subject: string }) => string;
  /** Longest token looked at, in characters. Default 8,192. */
  readonly maxTokenLength?: number;
}

export class BearerSource implements VerifyingSource {
  readonly name = "bearer";
  readonly fields = TOKEN_FIELDS;
  readonly takesBearer = true;
  readonly #maxTokenLength: number;
  readonly #keyedName: BearerOptions["keyedName"];

  constructor(options: BearerOptions = {}) {
    this.#keyedName = options.keyedName;
    this.#maxTokenLength = options.maxTokenLength ?? MAX_TOKEN_LENGTH;
  }

  credential(view: CredentialView): string | Identification {
    return readBearerToken(view, this.#maxTokenLength);
  }

  verify(token: string): Identification {
    const problem = tokenSyntaxProblem(token);
    if (problem !== undefined) return problem;
    const names = { issuer: BEARER_ISSUER, subject: hash("sha256", token, "hex") };
    return {
      kind: "principal",
      principal: {
        source: this.name,
        ...names,
        ...(this.#keyedName === undefined ? {} : { keyedName: this.#keyedName(names) }),
        scopes: [],
        expiresAtMs: Infinity,
      },
    };
  }

  identify(view: CredentialView): Identification {
    const credential = this.credential(view);
    return typeof credential === "string" ? this.verify(credential) : credential;
  }
}
