// Verified JWTs of several issuers, each with keys, audiences and claims of its own (docs/behaviour.md I6). The token
// says by `iss` who is asked to vouch for it, which proves nothing yet: whoever is asked compares it again, under his
// own keys.
import { MAX_TOKEN_LENGTH, readBearerToken, TOKEN_FIELDS, tokenSyntaxProblem } from "../bearer_token.ts";
import { issuerOf } from "../claims.ts";
import { NONE, refused, refusedClaim } from "../identifications.ts";
import type { CredentialView, Identification, VerifyingSource } from "../principal.ts";
import { createJwtSource, isCompactJws, type JwtSource } from "./jwt.ts";
import type { JwtOptions } from "./jwt_options.ts";

const UNKNOWN_ISSUER = "the token is from another issuer";
const UNREADABLE = refused("the token is not a valid JWT");

/** One source for one or several issuers. @throws ConfigError with every problem of the first that cannot be used */
export async function createJwtIssuers(issuers: readonly JwtOptions[]): Promise<VerifyingSource> {
  const [first, ...others] = await Promise.all(
    issuers.map(async (options) => [options.issuer, await createJwtSource(options)] as const),
  );
  if (first === undefined) throw new RangeError("verifying JWTs: found no issuer configured, want at least one");
  return others.length === 0 ? first[1] : new JwtIssuers(new Map([first, ...others]));
}

export class JwtIssuers implements VerifyingSource {
  readonly name = "jwt";
  readonly fields = TOKEN_FIELDS;
  readonly takesBearer = true;
  readonly #issuers: ReadonlyMap<string, JwtSource>;

  /** @param issuers by exactly what stands in `iss` */
  constructor(issuers: ReadonlyMap<string, JwtSource>) {
    this.#issuers = issuers;
  }

  credential(view: CredentialView): string | Identification {
    return readBearerToken(view, MAX_TOKEN_LENGTH);
  }

  verify(token: string, nowMs: number): Identification | Promise<Identification> {
    const problem = tokenSyntaxProblem(token);
    if (problem !== undefined) return problem;
    if (!isCompactJws(token)) return NONE;
    const issuer = issuerOf(token);
    if (issuer === undefined) return UNREADABLE;
    return this.#issuers.get(issuer)?.verify(token, nowMs) ??
      refusedClaim(UNKNOWN_ISSUER, { found: issuer, wanted: [...this.#issuers.keys()] });
  }

  identify(view: CredentialView, nowMs: number): Identification | Promise<Identification> {
    const credential = this.credential(view);
    return typeof credential === "string" ? this.verify(credential, nowMs) : credential;
  }
}
