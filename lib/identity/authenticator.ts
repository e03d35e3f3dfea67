// Who is calling, asked of the configured sources in order (BEHAVIOUR.md I1, I3). What was proven once is remembered by
// the credential's SHA-256 until it ends, so that a known caller is answered synchronously and no signature verified twice.
import type { CredentialView, Identification, PrincipalSource, VerifyingSource } from "./principal.ts";

export interface AuthenticatorOptions {
  /** Proven credentials remembered. Default 10,000. */
  readonly maxVerified?: number;
  /** Refused credentials remembered. Default 1,000. */
  readonly maxRefused?: number;
  /** Longest time a proof is believed without asking again, in ms. Default 10 min: bounds how long a withdrawn key counts. */
  readonly maxAgeMs?: number;
  /** How long a refusal is believed, in ms. Default 10 s. */
  readonly refusedMs?: number;
  /** Distinct credentials being verified at once. Default 1,000. */
  readonly maxPending?: number;
}

/**
 * Answers synchronously whenever no source has to be awaited. A memo of an answer (such as the one a connection keeps) is
 * good while `epoch` is the same, `nowMs < principal.expiresAtMs` and it is younger than `maxAgeMs`.
 */
export class Authenticator {
  /** Rises with every {@link clear}. */
  epoch = 0;
  readonly maxAgeMs: number = 600_000;

  constructor(_sources: readonly (PrincipalSource | VerifyingSource)[], _options: AuthenticatorOptions = {}) {}

  /** @throws SignetError `identity_unavailable` (or a promise of it) */
  identify(_view: CredentialView, _nowMs: number): Identification | Promise<Identification> {
    return { kind: "none" };
  }

  /** Forgets everything: after a reload of keys or configuration. */
  clear(): void {
    this.epoch++;
  }

  /** Entries held, for metrics. */
  sizes(): { verified: number; refused: number; pending: number } {
    return { verified: 0, refused: 0, pending: 0 };
  }
}
