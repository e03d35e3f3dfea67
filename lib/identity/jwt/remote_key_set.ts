// The public keys of an issuer by URL (RFC 7517 §5): fetched when first needed, again when they are old or a token names
// an unknown key, never more often than the cool-down allows. While the provider is down, keys it once gave are used on
// for a bounded time; after that nobody can be told apart and the answer is 503, not 401.
import { SignetError } from "../../errors.ts";
import { redactUrl } from "../../observe/redact.ts";
import { isWithin } from "../../platform/time/time_of_day.ts";
import { AnswerFault, fetchWhole } from "../whole_answer.ts";
import { type Keys, type KeySet, type MakeLookup, parseKeySet } from "./key_set.ts";

export interface RemoteKeySetOptions {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly makeLookup: MakeLookup;
  /** Whole time for one fetch, in ms. Default 5,000. */
  readonly timeoutMs?: number;
  /** How long keys are used without asking again, in ms. Default 10 min. */
  readonly freshMs?: number;
  /** How much longer they are used if asking again fails, in ms. Default 1 h. */
  readonly staleMs?: number;
  /**
   * Least time between a fetch and one for an unknown key, in ms. Default 30 s: tokens with invented key ids cannot make
   * us hammer the provider.
   */
  readonly cooldownMs?: number;
  /** Least time between a failed fetch and the next, in ms. Default 5 s. */
  readonly retryMs?: number;
  /** Longest answer read, in bytes. Default 1 MiB. */
  readonly maxBytes?: number;
}

type Settings = Required<RemoteKeySetOptions>;

export class RemoteKeySet implements KeySet {
  readonly #settings: Settings;
  #keys: Keys | undefined;
  #attemptMs = -Infinity;
  /** Of the last attempt; undefined if it succeeded. */
  #failure: SignetError | undefined;
  #fetching: Promise<Keys> | undefined;

  constructor(options: RemoteKeySetOptions) {
    this.#settings = {
      timeoutMs: 5_000,
      freshMs: 600_000,
      staleMs: 3_600_000,
      cooldownMs: 30_000,
      retryMs: 5_000,
      maxBytes: 1 << 20,
      ...options,
    };
  }

  current(nowMs: number): Keys | Promise<Keys> {
    const keys = this.#keys;
    return keys !== undefined && isWithin(nowMs, keys.asOfMs, this.#settings.freshMs) ? keys : this.#renew(nowMs);
  }

  async newer(nowMs: number): Promise<Keys | undefined> {
    const before = this.#keys;
    if (this.#fetching === undefined) {
      if (this.#failure !== undefined) this.#checkRetry(this.#failure, nowMs);
      else if (isWithin(nowMs, this.#attemptMs, this.#settings.cooldownMs)) return undefined;
    }
    const keys = await this.#fetchOnce(nowMs);
    return keys === before ? undefined : keys;
  }

  async #renew(nowMs: number): Promise<Keys> {
    const stale = this.#staleKeys(nowMs);
    const renewed = this.#askAgain(nowMs);
    // The provider failed before: while it does, nobody waits for it, lest each token take as long as its time-out.
    if (stale !== undefined && this.#failure !== undefined) {
      renewed.catch(() => {});
      return stale;
    }
    try {
      return await renewed;
    } catch (fault) {
      if (stale !== undefined) return stale;
      throw fault;
    }
  }

  /** Keys that are old and still used, as long as there are no others; what they prove lasts until the next attempt. */
  #staleKeys(nowMs: number): Keys | undefined {
    const { freshMs, staleMs, retryMs } = this.#settings;
    if (this.#keys === undefined || !isWithin(nowMs, this.#keys.asOfMs, freshMs + staleMs)) return undefined;
    return { lookup: this.#keys.lookup, asOfMs: nowMs - freshMs + retryMs };
  }

  async #askAgain(nowMs: number): Promise<Keys> {
    if (this.#fetching === undefined && this.#failure !== undefined) this.#checkRetry(this.#failure, nowMs);
    return await this.#fetchOnce(nowMs);
  }

  /** @throws the last failure if it is too recent to try again */
  #checkRetry(failure: SignetError, nowMs: number): void {
    if (isWithin(nowMs, this.#attemptMs, this.#settings.retryMs)) throw failure;
  }

  #fetchOnce(nowMs: number): Promise<Keys> {
    this.#fetching ??= this.#fetch(nowMs).finally(() => this.#fetching = undefined);
    return this.#fetching;
  }

  async #fetch(nowMs: number): Promise<Keys> {
    this.#attemptMs = nowMs;
    try {
      const text = await this.#download();
      this.#keys = { lookup: this.#settings.makeLookup(parseKeySet(text)), asOfMs: nowMs };
      this.#failure = undefined;
      return this.#keys;
    } catch (cause) {
      this.#failure = new SignetError("identity_unavailable", {
        retryAfterS: Math.max(1, Math.ceil(this.#settings.retryMs / 1000)),
        facts: { url: redactUrl(this.#settings.url), found: cause instanceof Error ? cause.message : String(cause) },
        remedy: "Check that the key set's URL (--jwt-jwks) can be reached from here and answers with a JWK Set.",
        cause,
      });
      throw this.#failure;
    }
  }

  async #download(): Promise<string> {
    const { url, fetch, timeoutMs, maxBytes } = this.#settings;
    const init = { headers: { accept: "application/jwk-set+json, application/json" } };
    const answer = await fetchWhole(fetch, { url, init }, { timeoutMs, maxBytes }).catch((fault) => {
      throw fault instanceof AnswerFault ? new Error(`fetching a key set: found ${fault.message}`) : fault;
    });
    if (answer.status !== 200) throw new Error(`fetching a key set: found status ${answer.status}, want 200`);
    return await answer.text();
  }
}
