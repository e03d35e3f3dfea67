// What tokens of one issuer are held to, and what cannot be asked of any (docs/behaviour.md I1, I6).
import { ConfigError } from "../../errors.ts";
import type { WantedClaims } from "../claims.ts";
import { JWT_ALGORITHMS } from "./jwt_algorithms.ts";
import type { RemoteKeySetOptions } from "./remote_key_set.ts";

export interface JwtOptions {
  /** Exactly as in `iss`. */
  readonly issuer: string;
  /**
   * One of them must stand in `aud`, with or without a slash at its end: Signet's own canonical URI (docs/protocol.md
   * 21).
   */
  readonly audiences: readonly string[];
  /** Takes tokens without `aud`, which only makes sense where `clients` says whose (I6). Default false. */
  readonly allowNoAudience?: boolean;
  /** OAuth clients whose tokens are taken; those of any if empty. Default none. */
  readonly clients?: readonly string[];
  /** The claim that names the caller. Default `sub`; others for issuers that leave it out. */
  readonly subjectClaim?: string;
  /** Claims that count as scopes, besides `scope` and `scp`: by name, or by path (`realm_access.roles`). */
  readonly scopeClaims?: readonly string[];
  /** Claims that are kept for rules. Default none. */
  readonly keepClaims?: WantedClaims;
  /** The issuer's public keys. */
  readonly jwks: { readonly kind: "url"; readonly url: string } | { readonly kind: "file"; readonly path: string };
  readonly fetch: typeof fetch;
  readonly readTextFile: (path: string) => Promise<string>;
  /** Default: all of {@link JWT_ALGORITHMS}. */
  readonly algorithms?: readonly string[];
  /** By how much clocks may differ, in ms. Default 30,000. */
  readonly clockSkewMs?: number;
  /** Longest token looked at, in characters. Default 8,192. */
  readonly maxTokenLength?: number;
  /** Header `typ` values taken, any letter case, `application/` left out. A token without `typ` is always taken. */
  readonly types?: readonly string[];
  /** Time-outs and ages of a fetched key set. */
  readonly keySet?: Omit<RemoteKeySetOptions, "url" | "fetch" | "makeLookup">;
}

/** @throws ConfigError with every problem */
export function checkJwtOptions(options: JwtOptions): void {
  const problems = [];
  if (options.issuer.trim() === "") {
    problems.push({
      place: "--jwt-issuer",
      problem: "the issuer is blank",
      remedy: "Give the URL the tokens have in iss.",
    });
  }
  if (
    (options.audiences.length === 0 && !options.allowNoAudience) ||
    options.audiences.some((audience) => audience.trim() === "")
  ) {
    problems.push({
      place: "--jwt-audience",
      problem: "the audience is missing or blank",
      remedy: "Give the URI that names this server in the tokens' aud.",
    });
  }
  if (options.allowNoAudience && (options.clients ?? []).length === 0) {
    problems.push({
      place: "--jwt-allow-no-audience",
      problem: "no client is named whose tokens may lack an audience",
      remedy: "Name each with --jwt-client: without one, the issuer's tokens for anybody else would be taken.",
    });
  }
  const known: readonly string[] = JWT_ALGORITHMS;
  const foreign = (options.algorithms ?? known).filter((algorithm) => !known.includes(algorithm));
  if (foreign.length > 0 || options.algorithms?.length === 0) {
    problems.push({
      place: "--jwt-algorithms",
      problem: `not an accepted signature algorithm: ${foreign.join(", ") || "(none given)"}`,
      remedy: `Choose of ${known.join(", ")}.`,
    });
  }
  if (problems.length > 0) throw new ConfigError(problems);
}
