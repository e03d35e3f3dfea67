// Credentials renewed ahead of their end, and put to use without a session noticing (docs/behaviour.md B4): every
// minute, whatever ends within five. A passing failure is tried again until the old credential ends; a final one ends
// its holder.
import type { Logger } from "../../observe/log.ts";
import { OwnedTimer, type Timers } from "../../platform/time/timers.ts";
import { type Credential, CredentialRejectedError, type CredentialSource, isDue } from "./credential.ts";

/** Somebody who works with a credential. */
export interface CredentialHolder {
  readonly source: CredentialSource;
  /** The one in use; undefined while there is none, and then nothing to renew. */
  readonly credential: Credential | undefined;
  /** Puts the source's new credential to use. @throws if that failed this time */
  apply(): Promise<void>;
  /** There is no valid credential any more, and will be none. */
  end(reason: "rejected" | "expired"): void;
  readonly facts: () => Readonly<Record<string, string | number>>;
}

export interface RotationOptions {
  readonly timers: Timers;
  readonly log: Logger;
  /** Default 1 min. */
  readonly sweepMs?: number;
  /** Default 5 min. */
  readonly leadMs?: number;
}

const DEFAULT_ROTATION = { sweepMs: 60_000, leadMs: 5 * 60_000 } as const;

export class Rotation {
  readonly #options: Required<RotationOptions>;
  readonly #holders = new Set<CredentialHolder>();
  readonly #busy = new Set<CredentialHolder>();
  readonly #nextSweep: OwnedTimer;

  constructor(options: RotationOptions) {
    this.#options = { ...DEFAULT_ROTATION, ...options };
    this.#nextSweep = new OwnedTimer(options.timers);
  }

  get size(): number {
    return this.#holders.size;
  }

  add(holder: CredentialHolder): void {
    this.#holders.add(holder);
    this.#schedule();
  }

  remove(holder: CredentialHolder): void {
    this.#holders.delete(holder);
    if (this.#holders.size === 0) this.#nextSweep.clear();
  }

  /** Renews whatever is due. Holders are independent: one that takes long, or fails, holds up none of the others. */
  async sweep(): Promise<void> {
    await Promise.all([...this.#holders].map((holder) => this.#renew(holder)));
  }

  #schedule(): void {
    if (this.#nextSweep.isSet) return;
    this.#nextSweep.set(this.#options.sweepMs, () => {
      void this.sweep();
      if (this.#holders.size > 0) this.#schedule();
    });
  }

  async #renew(holder: CredentialHolder): Promise<void> {
    const { timers, leadMs } = this.#options;
    const held = holder.credential;
    if (held === undefined || this.#busy.has(holder) || !isDue(held, leadMs, timers.now())) return;
    this.#busy.add(holder);
    try {
      await this.#obtain(holder);
      await holder.apply();
      this.#options.log.info("credential renewed", holder.facts());
    } catch (error) {
      this.#fail(holder, held, error);
    } finally {
      this.#busy.delete(holder);
    }
  }

  /** Another holder of the same source may have renewed it already. */
  async #obtain({ source }: CredentialHolder): Promise<void> {
    const known = source.peek();
    if (known === undefined || isDue(known, this.#options.leadMs, this.#options.timers.now())) await source.refresh();
  }

  #fail(holder: CredentialHolder, held: Credential, error: unknown): void {
    const { timers, log } = this.#options;
    const cause = (error as Error).message;
    if (!this.#holders.has(holder)) return;
    if (error instanceof CredentialRejectedError) {
      log.warn("credential refused for good", { ...holder.facts(), cause });
      return holder.end("rejected");
    }
    if (timers.now() < held.expiresAtMs) {
      return log.warn("credential not renewed: will be tried again", { ...holder.facts(), cause });
    }
    log.error("credential expired", { ...holder.facts(), cause });
    holder.end("expired");
  }
}
