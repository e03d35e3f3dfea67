// Verified JWTs as principals (docs/behaviour.md I1, O2): RFC 7519, RFC 8725, and RFC 9068 for access tokens.
// Signatures and claims are `jose`'s work; what is here is the policy: asymmetric algorithms from a list, issuer,
// audience and expiry always required. A key set that cannot be had is a 503, never a 401: the caller did nothing
// wrong.
import type { errors as JoseErrors, JWTPayload, jwtVerify, JWTVerifyOptions } from "jose";
import { SignetError } from "../../errors.ts";
import { MAX_TOKEN_LENGTH, readBearerToken, TOKEN_FIELDS, tokenSyntaxProblem } from "../bearer_token.ts";
import {
  boundToKey,
  claimAt,
  clientOf,
  holdsAudience,
  isName,
  issuerOf,
  keptClaims,
  partOf,
  scopesOf,
  signedWith,
} from "../claims.ts";
import { NONE, refused, refusedClaim, refusedTime, shownTime } from "../identifications.ts";
import type { CredentialView, Identification, VerifyingSource } from "../principal.ts";
import { JWT_ALGORITHMS } from "./jwt_algorithms.ts";
import { checkJwtOptions, type JwtOptions } from "./jwt_options.ts";
import { FileKeySet, type Keys, type KeySet } from "./key_set.ts";
import { RemoteKeySet } from "./remote_key_set.ts";

/**
 * Header `typ` of tokens meant for this: absent, JWT, and RFC 9068. Not `logout+jwt`, `dpop+jwt` and the like (RFC 8725
 * §3.11).
 */
const DEFAULT_TYPES: readonly string[] = ["jwt", "at+jwt"];
const DEFAULT_SKEW_MS = 30_000;
/** Keys of one set tried for a token that names none. */
const MAX_CANDIDATES = 16;

/** The part of `jose` that is used, imported when the first source is made: a process without JWTs never loads it. */
interface Jose {
  readonly jwtVerify: typeof jwtVerify;
  readonly errors: typeof JoseErrors;
}

/** Does not fetch yet: a provider that is down delays nobody's start. @throws ConfigError with every problem */
export async function createJwtSource(options: JwtOptions): Promise<JwtSource> {
  checkJwtOptions(options);
  const jose = await import("jose");
  const { jwks, keySet, fetch, readTextFile } = options;
  const makeLookup = jose.createLocalJWKSet;
  const keys = jwks.kind === "url"
    ? new RemoteKeySet({ ...keySet, url: jwks.url, fetch, makeLookup })
    : await FileKeySet.load({ path: jwks.path, readTextFile, makeLookup });
  return new JwtSource(options, { jose, keys });
}

export class JwtSource implements VerifyingSource {
  readonly name = "jwt";
  readonly fields = TOKEN_FIELDS;
  readonly takesBearer = true;
  readonly #jose: Jose;
  readonly #keys: KeySet;
  readonly #checks: JWTVerifyOptions;
  readonly #types: ReadonlySet<string>;
  readonly #options: JwtOptions;
  readonly #skewS: number;
  readonly #maxTokenLength: number;

  /** See {@link createJwtSource}. */
  constructor(options: JwtOptions, { jose, keys }: { jose: Jose; keys: KeySet }) {
    this.#jose = jose;
    this.#keys = keys;
    this.#options = options;
    this.#skewS = (options.clockSkewMs ?? DEFAULT_SKEW_MS) / 1000;
    this.#maxTokenLength = options.maxTokenLength ?? MAX_TOKEN_LENGTH;
    this.#types = new Set((options.types ?? DEFAULT_TYPES).map(plainType));
    this.#checks = {
      issuer: options.issuer,
      // Asked of the payload where it may be missing: `jose` would then want it.
      ...(options.allowNoAudience ? {} : { audience: bothSpellings(options.audiences) }),
      algorithms: [...(options.algorithms ?? JWT_ALGORITHMS)],
      clockTolerance: this.#skewS,
      requiredClaims: ["exp"],
    };
  }

  credential(view: CredentialView): string | Identification {
    return readBearerToken(view, this.#maxTokenLength);
  }

  /** `none` for a token that is no signed JWT at all: another source may know it. */
  verify(token: string, nowMs: number): Identification | Promise<Identification> {
    const problem = tokenSyntaxProblem(token);
    if (problem !== undefined) return problem;
    if (!isCompactJws(token)) return NONE;
    return this.#verifyJwt(token, nowMs).then((answer) => this.#naming(answer, token));
  }

  identify(view: CredentialView, nowMs: number): Identification | Promise<Identification> {
    const credential = this.credential(view);
    return typeof credential === "string" ? this.verify(credential, nowMs) : credential;
  }

  /** Keys that do not fit are most often another issuer's: the log says whose, by the token's own word. */
  #naming(answer: Identification, token: string): Identification {
    if (answer !== UNKNOWN_KEY && answer !== BAD_SIGNATURE) return answer;
    const { reason } = answer as Extract<Identification, { kind: "invalid" }>;
    const { issuer } = this.#options;
    const found = issuerOf(token);
    return refusedClaim(
      reason,
      found === issuer ? { found: signedWith(token), wanted: [`a key of ${issuer}`] } : {
        found,
        wanted: [issuer],
      },
    );
  }

  async #verifyJwt(token: string, nowMs: number): Promise<Identification> {
    const answer = await this.#answerBy(await this.#keys.current(nowMs), token, nowMs);
    if (answer !== UNKNOWN_KEY && answer !== BAD_SIGNATURE) return answer;
    // The issuer may have changed its keys, and kept their names, or has never had any.
    const newer = await this.#newerKeys(answer, nowMs);
    return newer === undefined ? answer : await this.#answerBy(newer, token, nowMs);
  }

  /** A signature that does not hold is told by the keys there are, whether or not it can be seen if there are others. */
  #newerKeys(answer: Identification, nowMs: number): Promise<Keys | undefined> {
    const newer = this.#keys.newer(nowMs);
    return answer === UNKNOWN_KEY ? newer : newer.catch(() => undefined);
  }

  async #answerBy(keys: Keys, token: string, nowMs: number): Promise<Identification> {
    try {
      return await this.#check(token, keys, nowMs);
    } catch (fault) {
      return this.#refusal(fault, nowMs);
    }
  }

  async #check(token: string, keys: Keys, nowMs: number): Promise<Identification> {
    const options = { ...this.#checks, currentDate: new Date(nowMs) };
    try {
      const { protectedHeader } = await this.#jose.jwtVerify(token, keys.lookup, options);
      return this.#principalOf(token, protectedHeader, keys);
    } catch (fault) {
      if (!(fault instanceof this.#jose.errors.JWKSMultipleMatchingKeys)) throw fault;
      return await this.#checkEach(token, fault, { keys, options });
    }
  }

  /**
   * A token that names no key, of an issuer that has several of its kind, or several of that name. One that cannot be used
   * harms none beside it (I6); where no other has signed the token it cannot be told who has.
   */
  async #checkEach(
    token: string,
    candidates: JoseErrors.JWKSMultipleMatchingKeys,
    { keys, options }: { keys: Keys; options: JWTVerifyOptions },
  ): Promise<Identification> {
    const { errors: { JOSEError, JWSSignatureVerificationFailed } } = this.#jose;
    let tried = 0;
    let unusable: unknown;
    for await (const key of candidates) {
      if (++tried > MAX_CANDIDATES) break;
      try {
        const { protectedHeader } = await this.#jose.jwtVerify(token, key, options);
        return this.#principalOf(token, protectedHeader, keys);
      } catch (fault) {
        // What is no error of `jose` is about the key: too short, or none that the runtime verifies with.
        if (!(fault instanceof JOSEError)) unusable = fault;
        else if (!(fault instanceof JWSSignatureVerificationFailed)) throw fault;
      }
    }
    if (unusable !== undefined) throw unusable;
    return BAD_SIGNATURE;
  }

  /** @param token that has been verified with one of `keys` */
  #principalOf(token: string, { typ }: { readonly typ?: string }, keys: Keys): Identification {
    const payload = partOf(token, 1) as JWTPayload | undefined;
    if (payload === undefined) return NOT_A_JWT;
    if (typ !== undefined && !(typeof typ === "string" && this.#types.has(plainType(typ)))) {
      return refusedClaim(WRONG_TYPE, { found: typ, wanted: [...this.#types] });
    }
    const { allowNoAudience, audiences, clients = [], scopeClaims, subjectClaim = "sub" } = this.#options;
    if (allowNoAudience && payload.aud !== undefined && !holdsAudience(payload.aud, audiences)) {
      return refusedClaim(WRONG_AUDIENCE, { found: payload.aud, wanted: audiences });
    }
    // `jose` leaves its type to us.
    const subject = claimAt(payload, subjectClaim);
    if (!isName(subject)) {
      const found = subject === undefined
        ? undefined
        : typeof subject === "string"
        ? "a text that is no name"
        : "no text";
      return refusedClaim(BAD_SUBJECT, { found, wanted: [`a name in ${subjectClaim}`] });
    }
    const bound = boundToKey(payload);
    if (bound !== undefined) return bound;
    const client = clientOf(payload);
    if (typeof client === "object") return client;
    if (clients.length > 0 && (client === undefined || !clients.includes(client))) {
      return refusedClaim(WRONG_CLIENT, { found: client, wanted: clients });
    }
    const claims = keptClaims(payload, this.#options.keepClaims ?? NO_CLAIMS);
    return {
      kind: "principal",
      principal: {
        source: this.name,
        ...(claims === undefined ? {} : { claims }),
        issuer: payload.iss ?? "",
        subject,
        ...(client === undefined ? {} : { clientId: client }),
        scopes: scopesOf(payload, scopeClaims),
        // The instant from which `jose`, which counts whole seconds, would refuse it.
        expiresAtMs: Math.ceil((payload.exp ?? 0) + this.#skewS) * 1000,
        provenAtMs: keys.asOfMs,
      },
    };
  }

  #refusal(fault: unknown, nowMs: number): Identification {
    const { errors } = this.#jose;
    if (fault instanceof errors.JWTExpired) return this.#expired(fault.payload, nowMs);
    if (fault instanceof errors.JWTClaimValidationFailed) return this.#claimRefusal(fault, nowMs);
    if (fault instanceof errors.JWSSignatureVerificationFailed) return BAD_SIGNATURE;
    if (fault instanceof errors.JOSEAlgNotAllowed || fault instanceof errors.JOSENotSupported) return BAD_ALGORITHM;
    if (fault instanceof errors.JWSInvalid || fault instanceof errors.JWTInvalid) return NOT_A_JWT;
    if (fault instanceof errors.JWKSNoMatchingKey) return UNKNOWN_KEY;
    // What is left is about the issuer's keys, not about the token: a key that cannot be imported, is too short, is
    // private.
    throw new SignetError("identity_unavailable", {
      facts: { found: fault instanceof Error ? fault.message : String(fault) },
      remedy: "The issuer's key set holds a key that cannot be used; see the cause.",
      cause: fault,
    });
  }

  /** The signature has held, so that what is found is what the issuer wrote. */
  #claimRefusal({ claim, payload }: JoseErrors.JWTClaimValidationFailed, nowMs: number): Identification {
    const { issuer, audiences } = this.#options;
    if (claim === "iss") return refusedClaim(WRONG_ISSUER, { found: payload.iss, wanted: [issuer] });
    if (claim === "aud") return refusedClaim(WRONG_AUDIENCE, { found: payload.aud, wanted: audiences });
    if (claim === "nbf" && payload.nbf !== undefined) {
      const latest = shownTime(Math.floor(nowMs / 1000) + this.#skewS);
      return refusedTime(NOT_YET, { found: payload.nbf, wanted: `nbf no later than ${latest}` });
    }
    return claim === "exp" ? NO_EXPIRY : BAD_CLAIM;
  }

  #expired({ exp }: JWTPayload, nowMs: number): Identification {
    const earliest = shownTime(Math.floor(nowMs / 1000) - this.#skewS);
    return refusedTime(EXPIRED, { found: exp, wanted: `exp later than ${earliest}` });
  }
}

const NO_CLAIMS: ReadonlySet<string> = new Set();
const EXPIRED = "the token has expired";
const NOT_YET = "the token is not valid yet";
const NO_EXPIRY = refused("the token has no expiry");
const BAD_SIGNATURE = refused("the token's signature does not hold");
const BAD_ALGORITHM = refused("the token is signed with an algorithm that is not accepted");
const NOT_A_JWT = refused("the token is not a valid JWT");
const UNKNOWN_KEY = refused("the token is signed with a key the issuer does not publish");
const WRONG_TYPE = "the token is of a type that is not accepted";
const BAD_SUBJECT = "the token has no usable subject";
const WRONG_ISSUER = "the token is from another issuer";
const WRONG_AUDIENCE = "the token is for another audience";
const WRONG_CLIENT = "the token is of a client that is not accepted";
const BAD_CLAIM = refused("a claim of the token does not hold");

/**
 * Three base64url segments. The signature may be empty: an unsigned token is a JWT that does not hold, not another
 * kind.
 */
export function isCompactJws(token: string): boolean {
  return /^[\w-]+\.[\w-]*\.[\w-]*$/.test(token);
}

/** RFC 7515 §4.1.9: media types may leave `application/` out. */
function plainType(type: string): string {
  return type.toLowerCase().replace(/^application\//, "");
}

/** With and without the slash that ends it, both are one resource (I6). */
function bothSpellings(audiences: readonly string[]): string[] {
  return audiences.flatMap((audience) => [audience, audience.endsWith("/") ? audience.slice(0, -1) : `${audience}/`]);
}
