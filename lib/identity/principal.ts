// Who is calling. A principal is what a source could prove; a session is bound to it (docs/behaviour.md O2, I1).

/**
 * A proven caller. Two principals are the same owner exactly if `source`-independent `issuer` and `subject` are equal.
 */
export interface Principal {
  /** Which source proved it: `jwt`, `header`, `bearer`, `anonymous`, … Bounded set, fit for a metric label. */
  readonly source: string;
  /** Who vouches: a JWT's `iss`; for other sources a constant of the form `signet:<source>`. */
  readonly issuer: string;
  /** Who it is, unique within `issuer`. Never blank. */
  readonly subject: string;
  /** OAuth client id, where the credential carries one. */
  readonly clientId?: string;
  /**
   * What logs have in place of the subject, where that is made of a credential: a name that nobody can find again by
   * guessing who has not the key ring. Of the ring's first key, so another one once that is.
   */
  readonly keyedName?: string;
  readonly scopes: readonly string[];
  /** What else its issuer says of it, as far as rules read it; absent where they do not, or nobody says anything. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** When the credential ends, in ms since the epoch; Infinity if it does not say. `now >= expiresAtMs` is expired. */
  readonly expiresAtMs: number;
  /**
   * When the credential itself ends, where that is later than `expiresAtMs`, because it must be asked about again
   * before.
   */
  readonly credentialExpiresAtMs?: number;
  /**
   * As of when the proof holds, in ms since the epoch: when somebody was asked, or when the keys were fetched. Whoever
   * remembers the principal counts from here and never from when it met him. Absent: the source looks on every request.
   */
  readonly provenAtMs?: number;
}

/** For how long what was proven may be believed unasked: between two instants, in ms since the epoch. */
export interface Term {
  /** Up to this one it is of another clock, and must be proven again, too. */
  readonly fromMs: number;
  /** From this one on it must be proven again. */
  readonly untilMs: number;
}

export function isInTerm({ fromMs, untilMs }: Term, nowMs: number): boolean {
  return nowMs < untilMs && nowMs > fromMs;
}

/**
 * Until when a principal met at `nowMs` may be believed unasked, in ms since the epoch: `maxAgeMs` of when it was
 * proven.
 */
export function believedUntil(principal: Principal, nowMs: number, maxAgeMs: number): number {
  return Math.min(principal.expiresAtMs, (principal.provenAtMs ?? nowMs) + maxAgeMs);
}

/** How far behind its proof somebody may ask: a call that is finished is asked about as of a minute ago. */
const BEHIND_MS = 120_000;

/**
 * From when on a principal met at `nowMs` may be believed unasked, in ms since the epoch: one that was proven in what is
 * the future by now was proven by a clock that has been set back since, and its term would last that much longer.
 */
export function believedFrom(principal: Principal, nowMs: number): number {
  return (principal.provenAtMs ?? nowMs) - BEHIND_MS;
}

/**
 * What a source needs to see of a request. Field values are latin1 strings; `get` returns undefined when absent or
 * repeated.
 */
export interface CredentialView {
  /** One field value by lower-case name. A repeated field is returned by no source: see `count`. */
  get(name: string): string | undefined;
  /** How often a field occurs. */
  count(name: string): number;
  /** Address of the TCP peer, without a port. */
  readonly remoteAddress: string;
}

/**
 * The outcome of one source.
 * - a principal: proven
 * - `none`: the request carries nothing for this source; the next one is asked
 * - `invalid`: it carries a credential of this source's kind that does not hold; nobody else is asked (I3)
 */
export type Identification =
  | { readonly kind: "principal"; readonly principal: Principal }
  | { readonly kind: "none" }
  | {
    readonly kind: "invalid";
    /** RFC 6750 §3.1 error code. */
    readonly error: "invalid_request" | "invalid_token";
    /** For the log and `error_description`; never quotes the credential. */
    readonly reason: string;
    /** For the log alone: what was found, and what is wanted, where neither is a secret (V1). */
    readonly facts?: { readonly found: string; readonly wanted: string };
  };

/** One way to prove a caller. Answers synchronously when it can: the fast lane does not await. */
export interface PrincipalSource {
  readonly name: string;
  /**
   * Lower-case names of the fields its answer depends on, besides `remoteAddress`. Whoever remembers answers compares
   * all of them; a source that does not say cannot be remembered by others.
   */
  readonly fields?: readonly string[];
  /**
   * Whether it takes bearer tokens, of whatever kind. A token that no such source finds to be its own is refused: with
   * a bearer source configured, it is a credential that does not hold (I3).
   */
  readonly takesBearer?: boolean;
  /** Principals it holds in memory, for a metric. */
  readonly remembered?: number;
  /**
   * Whether a principal that it has proven holds still, where it looks on every request: whoever remembers one asks.
   * @throws SignetError `identity_unavailable`, also as a rejection
   */
  holds?(principal: Principal): boolean | Promise<boolean>;
  /** @throws SignetError `identity_unavailable` if it cannot be told at all */
  identify(view: CredentialView, nowMs: number): Identification | Promise<Identification>;
}

/**
 * A source whose proof costs enough to be remembered: the `Authenticator` keeps what `verify` answers by the
 * credential's SHA-256. `identify` does the same without a memory.
 */
export interface VerifyingSource extends PrincipalSource {
  /** The credential of this source's kind as it was sent; or `none` or `invalid` where there is none to verify. */
  credential(view: CredentialView): string | Identification;
  /**
   * `none`: not of this source's kind after all. @throws SignetError `identity_unavailable` if it cannot be told at all
   */
  verify(credential: string, nowMs: number): Identification | Promise<Identification>;
}
