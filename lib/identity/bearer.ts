// Opaque bearer tokens as principals of last resort (docs/behaviour.md O2): nothing is verified, the token's digest is
// the subject. Whoever holds the same token is the same caller, and a refreshed token is a new one: its sessions end.
import { MAX_TOKEN_LENGTH, readBearerToken, TOKEN_FIELDS, tokenSyntaxProblem } from "./bearer_token.ts";
import type { CredentialView, Identification, VerifyingSource } from "./principal.ts";
import { hash } from "../platform/builtin.ts";

export interface BearerOptions {
  /** Longest token looked at, in characters. Default 8,192. */
  readonly maxTokenLength?: number;
}

export class BearerSource implements VerifyingSource {
  readonly name = "bearer";
  readonly fields = TOKEN_FIELDS;
  readonly takesBearer = true;
  readonly #maxTokenLength: number;

  constructor(options: BearerOptions = {}) {
    this.#maxTokenLength = options.maxTokenLength ?? MAX_TOKEN_LENGTH;
  }

  credential(view: CredentialView): string | Identification {
    return readBearerToken(view, this.#maxTokenLength);
  }

  verify(token: string): Identification {
    const problem = tokenSyntaxProblem(token);
    if (problem !== undefined) return problem;
    return {
      kind: "principal",
      principal: {
        source: this.name,
        issuer: "signet:bearer",
        subject: hash("sha256", token, "hex"),
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
