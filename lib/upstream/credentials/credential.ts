// The credential Signet itself presents to an MCP server: environment variables of a process, or header fields.
// Obtained from somewhere, valid for a time, renewed before it ends (docs/behaviour.md B4).
import type { Fields } from "../../http1/types.ts";
import { isWithin } from "../../platform/time/time_of_day.ts";
import type { Timers } from "../../platform/time/timers.ts";

/** Times are in ms since the epoch. */
export interface Credential {
  /** Name → value: of environment variables, or of header fields. */
  readonly values: Readonly<Record<string, string>>;
  readonly obtainedAtMs: number;
  /** `now >= expiresAtMs` is expired; Infinity if it does not say. */
  readonly expiresAtMs: number;
}

/** Who gives the credential says that there will be none any more: asking again would change nothing. */
export class CredentialRejectedError extends Error {
  override readonly name = "CredentialRejectedError";
}

export interface CredentialSource {
  /**
   * The credential as it is; obtained first, or anew, where there is none that is valid.
   * @throws CredentialRejectedError; Error where it could not be had this time
   */
  current(): Promise<Credential>;
  /** The credential if it can be told without waiting, and is valid. */
  peek(): Credential | undefined;
  /**
   * Obtains a new one, whether or not the old one is valid; all who ask meanwhile get the same. @throws as `current`
   */
  refresh(): Promise<Credential>;
  /** Hears each request of whose it is, where what comes next depends on what they present. On loan: it copies. */
  hear?(fields: Fields): void;
}

/** One that was given once and for all. */
export function fixedCredential(values: Readonly<Record<string, string>>): CredentialSource {
  const credential: Credential = { values, obtainedAtMs: 0, expiresAtMs: Infinity };
  const given = () => Promise.resolve(credential);
  return { current: given, refresh: given, peek: () => credential };
}

/** Obtains one credential. @throws as `CredentialSource.current` */
export type Obtain = () => Promise<Omit<Credential, "obtainedAtMs">>;

/** For how long whoever gives credentials is left alone that has failed twice, in ms: each request would ask him. */
const QUIET_MS = 1_000;

/** Keeps what `obtain` gives for as long as it is valid. */
export class CachedCredential implements CredentialSource {
  readonly #obtain: Obtain;
  readonly #timers: Timers;
  #credential: Credential | undefined;
  #obtaining: Promise<Credential> | undefined;
  /** In a row: one alone may pass at once. */
  #failures = 0;
  #failure: unknown;
  #failedAtMs = -Infinity;

  constructor(obtain: Obtain, timers: Timers) {
    this.#obtain = obtain;
    this.#timers = timers;
  }

  peek(): Credential | undefined {
    const credential = this.#credential;
    return credential !== undefined && this.#timers.now() < credential.expiresAtMs ? credential : undefined;
  }

  current(): Promise<Credential> {
    const credential = this.peek();
    return credential === undefined ? this.refresh() : Promise.resolve(credential);
  }

  refresh(): Promise<Credential> {
    const isLeftAlone = this.#failures >= 2 && isWithin(this.#timers.now(), this.#failedAtMs, QUIET_MS);
    if (this.#obtaining === undefined && isLeftAlone) return Promise.reject(this.#failure);
    this.#obtaining ??= this.#renew().finally(() => this.#obtaining = undefined);
    return this.#obtaining;
  }

  async #renew(): Promise<Credential> {
    const obtainedAtMs = this.#timers.now();
    try {
      this.#credential = { ...await this.#obtain(), obtainedAtMs };
    } catch (failure) {
      this.#failures++;
      this.#failure = failure;
      this.#failedAtMs = this.#timers.now();
      throw failure;
    }
    this.#failures = 0;
    return this.#credential;
  }
}

/**
 * How long before its end a credential is renewed, in ms: half its life at most, so that a short one is used at all.
 */
export function isDue({ obtainedAtMs, expiresAtMs }: Credential, leadMs: number, nowMs: number): boolean {
  // Obtained before the clock was set back: it ends sooner than it says by now.
  return nowMs < obtainedAtMs || nowMs >= expiresAtMs - Math.min(leadMs, (expiresAtMs - obtainedAtMs) / 2);
}
