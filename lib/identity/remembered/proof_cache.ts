// What one verifying source has proven or refused, by the SHA-256 of the credential: credentials themselves are not kept.
// Bounded in entries and in age; many requests with one new credential are one verification.
import { SignetError } from "../../errors.ts";
import { LruMap } from "../../platform/memory/lru_map.ts";
import {
  believedFrom,
  believedUntil,
  type Identification,
  isInTerm,
  type Term,
  type VerifyingSource,
} from "../principal.ts";

export interface ProofCacheOptions {
  readonly maxVerified: number;
  readonly maxRefused: number;
  readonly maxPending: number;
  /** Longest age of a proof, in ms. */
  readonly maxAgeMs: number;
  /** Longest age of a refusal, in ms. */
  readonly refusedMs: number;
}

interface Remembered extends Term {
  readonly answer: Identification;
}

export class ProofCache {
  readonly #source: VerifyingSource;
  readonly #options: ProofCacheOptions;
  readonly #verified: LruMap<Remembered>;
  /** Apart from the proofs, so that a flood of bad credentials pushes no good one out. */
  readonly #refused: LruMap<Remembered>;
  readonly #pending = new Map<string, Promise<Identification>>();

  constructor(source: VerifyingSource, options: ProofCacheOptions) {
    this.#source = source;
    this.#options = options;
    this.#verified = new LruMap({ max: options.maxVerified });
    this.#refused = new LruMap({ max: options.maxRefused });
  }

  get sizes(): { verified: number; refused: number; pending: number } {
    return { verified: this.#verified.size, refused: this.#refused.size, pending: this.#pending.size };
  }

  /** @param digest of `credential`. @throws SignetError `identity_unavailable`, also as a rejection */
  identify(credential: string, digest: string, nowMs: number): Identification | Promise<Identification> {
    const known = this.#verified.get(digest) ?? this.#refused.get(digest);
    if (known !== undefined && isInTerm(known, nowMs)) return known.answer;
    const pending = this.#pending.get(digest);
    if (pending !== undefined) return pending;
    // One that held before has a place of its own: there are at most `maxVerified` of them, and a flood of new credentials
    // must not keep out a caller whose proof has only grown old.
    if (this.#pending.size >= this.#options.maxPending && !this.#verified.has(digest)) {
      throw new SignetError("identity_unavailable", {
        publicMessage: "Too many credentials are being verified",
        retryAfterS: 1,
        facts: { limit: this.#options.maxPending },
      });
    }
    const answer = this.#source.verify(credential, nowMs);
    if (!(answer instanceof Promise)) return this.#remember(digest, answer, nowMs);
    return this.#await(digest, answer, nowMs);
  }

  #await(digest: string, answer: Promise<Identification>, nowMs: number): Promise<Identification> {
    const settled = answer.then(
      (answer) => {
        this.#pending.delete(digest);
        return this.#remember(digest, answer, nowMs);
      },
      (fault) => {
        this.#pending.delete(digest);
        throw fault;
      },
    );
    this.#pending.set(digest, settled);
    return settled;
  }

  #remember(digest: string, answer: Identification, nowMs: number): Identification {
    const { maxAgeMs, refusedMs } = this.#options;
    if (answer.kind === "principal") {
      const untilMs = believedUntil(answer.principal, nowMs, maxAgeMs);
      this.#refused.delete(digest);
      this.#verified.set(digest, { answer, fromMs: believedFrom(answer.principal, nowMs), untilMs });
    } else if (answer.kind === "invalid") {
      this.#verified.delete(digest);
      this.#refused.set(digest, { answer, fromMs: nowMs - refusedMs, untilMs: nowMs + refusedMs });
    }
    return answer;
  }
}
