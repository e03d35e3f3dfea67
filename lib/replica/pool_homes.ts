// Which replica has the peers of a stateless client, told to all by the store they share, so that his state is in one place
// and whatever a server asks or tells in his session is heard where his calls are (docs/behaviour.md R1, S3). Sealed with
// its place inside, as moves are. Without the store each replica has peers of its own, which is counted.
import type { StoreSeal } from "../envelope/store_seal.ts";
import { createHash } from "../platform/runtime/builtin.ts";
import { leftOf } from "../platform/time/time_of_day.ts";
import type { Timers } from "../platform/time/timers.ts";
import { ignoreStoreError } from "../store/fail_closed.ts";
import type { AliasStore } from "../store/shared.ts";
import { StoreError } from "../store/store.ts";
import { waitForTurn } from "../store/turns.ts";
import { type Claim, Elsewhere, type Homes } from "./elsewhere.ts";

export interface PoolHomesOptions {
  readonly store: AliasStore;
  readonly seal: StoreSeal;
  /** This replica, as others reach it. */
  readonly self: string;
  /** This process. */
  readonly holder: string;
  /** The server behind it: another one has pools of its own. */
  readonly server: string;
  /** How long peers are kept that nobody uses, in ms. */
  readonly idleMs: number;
  readonly timers: Timers;
  readonly onUnshared: () => void;
}

/** A turn lasts as long as it takes to write one text, in ms. */
const TURN_MS = 2000;
/** What the store could not be told is told it again after so long, in ms. */
const AGAIN_MS = 5000;
/** So many times within its idle time a pool that is used is said to be. */
const TOUCHES = 10;

export class PoolHomes implements Homes {
  readonly #options: PoolHomesOptions;
  readonly #claims = new Map<string, PoolClaim>();

  constructor(options: PoolHomesOptions) {
    this.#options = options;
    options.store.watch((text) => this.#heed(text));
  }

  async claim(pool: string, gone: readonly string[]): Promise<Claim> {
    const { store, holder, timers, server, onUnshared } = this.#options;
    const key = createHash("sha256").update(JSON.stringify(["home", pool, server])).digest("base64url");
    let found: Found = { text: undefined, home: undefined };
    const isDone = async () => (found = await this.#lookAt(key, gone)).home !== undefined;
    const claim = new PoolClaim(key, this.#options, () => this.#forget(key, claim));
    try {
      const isTurn = !await isDone() &&
        await waitForTurn(store, { sid: key, holder, turnMs: TURN_MS, timers, isDone });
      if (!isTurn) throw new Elsewhere(found.home!);
      try {
        if (!await claim.tell(found.text) && await isDone()) throw new Elsewhere(found.home!);
      } finally {
        store.giveTurnBack(key, holder).catch(ignoreStoreError);
      }
    } catch (fault) {
      if (!(fault instanceof StoreError)) throw fault;
      onUnshared();
    }
    this.#claims.set(key, claim);
    return claim;
  }

  /** @throws StoreError */
  async #lookAt(key: string, gone: readonly string[]): Promise<Found> {
    const { store, seal, self } = this.#options;
    const text = await store.get(key);
    const told = text === undefined ? undefined : readHome(seal, text);
    // Whoever writes to the store can copy what is another's to where this one is looked for.
    const isOther = told !== undefined && told.of === key && told.home !== self && !gone.includes(told.home);
    return { text, home: isOther ? told.home : undefined };
  }

  #heed(text: string): void {
    const { seal, self } = this.#options;
    const told = readHome(seal, text);
    if (told !== undefined && told.home !== self) this.#claims.get(told.of)?.lose();
  }

  #forget(key: string, claim: PoolClaim): void {
    if (this.#claims.get(key) === claim) this.#claims.delete(key);
  }
}

class PoolClaim implements Claim {
  isMoved = false;
  readonly #key: string;
  readonly #options: PoolHomesOptions;
  readonly #onEnd: () => void;
  #text: string | undefined;
  #dueAtMs: number;
  #isTouching = false;
  #hasEnded = false;

  constructor(key: string, options: PoolHomesOptions, onEnd: () => void) {
    this.#key = key;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#dueAtMs = options.timers.now() + AGAIN_MS;
  }

  /** @param before what was found there. @returns false if it is not there any more. @throws StoreError */
  async tell(before: string | undefined): Promise<boolean> {
    const { store, seal, self: home } = this.#options;
    const text = seal.seal(JSON.stringify({ of: this.#key, home }));
    const isTold = await store.replace(this.#key, { before, text, ttlMs: this.#ttlMs });
    if (isTold) this.#told(text);
    return isTold;
  }

  use(): void {
    const nowMs = this.#options.timers.now();
    const longestMs = Math.max(AGAIN_MS, this.#touchEveryMs);
    if (this.#hasEnded || this.isMoved || this.#isTouching || leftOf(longestMs, this.#dueAtMs, nowMs) > 0) return;
    // If nothing comes of it.
    this.#dueAtMs = nowMs + AGAIN_MS;
    this.#isTouching = true;
    void this.#touch().finally(() => this.#isTouching = false);
  }

  lose(): void {
    this.isMoved = true;
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd();
    if (this.#text === undefined || this.isMoved) return;
    this.#options.store.removeUnused(this.#key, this.#text, 2 * this.#ttlMs).catch(ignoreStoreError);
  }

  get #ttlMs(): number {
    return this.#options.idleMs + 2 * this.#touchEveryMs;
  }

  get #touchEveryMs(): number {
    return this.#options.idleMs / TOUCHES;
  }

  #told(text: string): void {
    this.#text = text;
    this.#dueAtMs = this.#options.timers.now() + this.#touchEveryMs;
  }

  /** Says that it is in use, or finds out that another replica has it by now. Never rejects. */
  async #touch(): Promise<void> {
    const { store, seal, self, onUnshared } = this.#options;
    try {
      if (this.#text !== undefined && await store.touch(this.#key, this.#text, this.#ttlMs)) {
        return this.#told(this.#text);
      }
      const found = await store.get(this.#key);
      const told = found === undefined ? undefined : readHome(seal, found);
      if (told?.of === this.#key && told.home !== self) this.isMoved = true;
      else if (!this.#hasEnded) await this.tell(found);
    } catch (fault) {
      ignoreStoreError(fault);
      onUnshared();
    }
  }
}

interface Found {
  readonly text: string | undefined;
  /** The replica that says it has them, if that is another one. */
  readonly home: string | undefined;
}

interface ToldHome {
  /** The key it is kept under (as `Move.sid`). */
  readonly of: string;
  readonly home: string;
}

function readHome(seal: StoreSeal, text: string): ToldHome | undefined {
  const { of, home } = seal.membersOf(text);
  return typeof of === "string" && typeof home === "string" ? { of, home } : undefined;
}
