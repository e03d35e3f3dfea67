// Who is calling, asked of the configured sources in order (docs/behaviour.md I1, I3). What was proven once is
// remembered by the credential's SHA-256 until it ends, so that a known caller is answered synchronously and no
// signature verified twice.
import { hash } from "../platform/runtime/builtin.ts";
import { readBearerToken } from "./bearer_token.ts";
import { NONE, refused } from "./identifications.ts";
import type { CredentialView, Identification, Principal, PrincipalSource, VerifyingSource } from "./principal.ts";
import { ProofCache } from "./remembered/proof_cache.ts";

export interface AuthenticatorOptions {
  /** Proven credentials remembered, of each source. Default 10,000. */
  readonly maxVerified?: number;
  /** Refused credentials remembered, of each source. Default 1,000. */
  readonly maxRefused?: number;
  /** Distinct credentials never proven before that are being verified at once, by each source. Default 1,000. */
  readonly maxPending?: number;
  /**
   * Longest time a proof is believed without asking again, in ms. Default 10 min: bounds how long a withdrawn key
   * counts.
   */
  readonly maxAgeMs?: number;
  /** How long a refusal is believed, in ms. Default 10 s. */
  readonly refusedMs?: number;
  /** Refuses a credential that names no client, by whatever source: sessions are bound to one (I7). Default false. */
  readonly requireClient?: boolean;
}

/** One source and, where its proofs are worth it, their memory. */
interface Step {
  readonly source: PrincipalSource;
  readonly verifying: { readonly source: VerifyingSource; readonly proofs: ProofCache } | undefined;
}

/** Where the questioning stands: kept only across an await. */
interface Round {
  readonly view: CredentialView;
  readonly nowMs: number;
  /** A verifying source saw a credential and found it not of its kind. */
  unclaimed: boolean;
  /** Credentials are hashed once, not once a source. */
  credential: string | undefined;
  digest: string;
}

const UNCLAIMED = refused("the credential is of no kind that is accepted here");
const NO_CLIENT = refused("the credential names no OAuth client, and sessions are bound to one here");

/**
 * Answers synchronously whenever no source has to be awaited.
 *
 * An answer of kind `principal` may be remembered by others, such as for the length of a connection, as long as every
 * one of {@link fields} and the peer's address are the same, and `nowMs` is behind what `believedFrom` says and before
 * what `believedUntil` says with {@link maxAgeMs}: to remember begins no new term. A reload makes a new authenticator, which believes nothing of what
 * the old one has proven.
 */
export class Authenticator {
  /**
   * Names of all fields an answer depends on, lower-case; undefined if a source does not say: then remember nothing.
   */
  readonly fields: readonly string[] | undefined;
  readonly maxAgeMs: number;
  readonly #steps: readonly Step[];
  /** Index of the last source that might claim a credential nobody has claimed yet. */
  readonly #lastClaimant: number;
  readonly #takesBearer: boolean;
  readonly #requireClient: boolean;

  constructor(sources: readonly (PrincipalSource | VerifyingSource)[], options: AuthenticatorOptions = {}) {
    this.maxAgeMs = options.maxAgeMs ?? 600_000;
    this.#requireClient = options.requireClient ?? false;
    const cacheOptions = {
      maxVerified: options.maxVerified ?? 10_000,
      maxRefused: options.maxRefused ?? 1_000,
      maxPending: options.maxPending ?? 1_000,
      maxAgeMs: this.maxAgeMs,
      refusedMs: options.refusedMs ?? 10_000,
    };
    this.#steps = sources.map((source) => ({
      source,
      verifying: "verify" in source ? { source, proofs: new ProofCache(source, cacheOptions) } : undefined,
    }));
    this.#takesBearer = sources.some((source) => source.takesBearer);
    // A source that does not say what it looks at may look at anything.
    this.#lastClaimant = this.#steps.findLastIndex(({ source, verifying }) =>
      verifying !== undefined || source.takesBearer || source.fields === undefined
    );
    const fields = sources.map((source) => source.fields);
    this.fields = fields.includes(undefined) ? undefined : [...new Set(fields.flatMap((names) => names ?? []))];
  }

  /**
   * The first source that finds something of its kind decides; a credential that is present and does not hold, or that
   * no source takes for its own, is `invalid` and nothing else is tried (I3).
   * @throws SignetError `identity_unavailable`, also as a rejection
   */
  identify(view: CredentialView, nowMs: number): Identification | Promise<Identification> {
    return this.#ask(0, { view, nowMs, unclaimed: false, credential: undefined, digest: "" });
  }

  /**
   * Whether a principal that was proven here, and is remembered beside its credential, holds still.
   * @throws SignetError `identity_unavailable`, also as a rejection
   */
  holds(principal: Principal): boolean | Promise<boolean> {
    const source = this.#steps.find(({ source }) => source.name === principal.source)?.source;
    return source?.holds?.(principal) ?? source !== undefined;
  }

  /** Entries held, for metrics. */
  sizes(): { verified: number; refused: number; pending: number; principals: number } {
    const total = { verified: 0, refused: 0, pending: 0, principals: 0 };
    for (const { source, verifying } of this.#steps) {
      total.principals += source.remembered ?? 0;
      if (verifying === undefined) continue;
      const { verified, refused, pending } = verifying.proofs.sizes;
      total.verified += verified;
      total.refused += refused;
      total.pending += pending;
    }
    return total;
  }

  #ask(from: number, round: Round): Identification | Promise<Identification> {
    for (let i = from; i < this.#steps.length; i++) {
      const step = this.#steps[i]!;
      const answer = step.verifying === undefined
        ? step.source.identify(round.view, round.nowMs)
        : this.#verify(step.verifying, round);
      if (answer instanceof Promise) {
        return answer.then((late) => this.#judge(late, i, round) ?? this.#ask(i + 1, round));
      }
      const verdict = this.#judge(answer, i, round);
      if (verdict !== undefined) return verdict;
    }
    return NONE;
  }

  #verify(
    { source, proofs }: NonNullable<Step["verifying"]>,
    round: Round,
  ): Identification | Promise<Identification> {
    const credential = source.credential(round.view);
    if (typeof credential !== "string") return credential;
    // Counts only if nobody answers: see `#judge`.
    round.unclaimed = true;
    if (credential !== round.credential) {
      round.credential = credential;
      round.digest = hash("sha256", credential, "hex");
    }
    return proofs.identify(credential, round.digest, round.nowMs);
  }

  /** @returns undefined if the next source is to be asked */
  #judge(answer: Identification, index: number, round: Round): Identification | undefined {
    if (answer.kind === "principal" && this.#requireClient && answer.principal.clientId === undefined) return NO_CLIENT;
    if (answer.kind !== "none") return answer;
    if (index !== this.#lastClaimant) return undefined;
    if (round.unclaimed) return UNCLAIMED;
    if (!this.#takesBearer) return undefined;
    const token = readBearerToken(round.view, Infinity);
    if (typeof token === "string") return UNCLAIMED;
    return token.kind === "none" ? undefined : token;
  }
}
