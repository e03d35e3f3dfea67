// Revocations held in memory: what the memory store keeps, and what a store behind a network can mirror.
// Bounded. What an operator revoked is never forgotten: without room it is refused. Deleted sessions are forgotten
// oldest first, and counted; only their own owner could open such an id again (docs/behaviour.md L6, M3).
import { type Revocation, type RevocationSubject, StoreError } from "../store.ts";

interface Cutoff {
  readonly beforeMs: number;
  readonly untilMs: number;
}

export interface RevocationSetOptions {
  /** Deleted sessions kept, and as many revoked ones; some 100 bytes each. */
  readonly maxSessions: number;
  /** Principals with a cut-off. */
  readonly maxPrincipals: number;
}

export const DEFAULT_SET_OPTIONS: RevocationSetOptions = { maxSessions: 250_000, maxPrincipals: 100_000 };

export class RevocationSet {
  /** sid → untilMs, in the order added. */
  readonly #deleted = new Map<string, number>();
  readonly #revoked = new Map<string, number>();
  readonly #principals = new Map<string, Cutoff>();
  #all: Cutoff | undefined;
  #forgotten = 0;
  readonly #options: RevocationSetOptions;

  constructor(options: RevocationSetOptions = DEFAULT_SET_OPTIONS) {
    this.#options = options;
  }

  get size(): number {
    return this.#deleted.size + this.#revoked.size + this.#principals.size + (this.#all ? 1 : 0);
  }

  /** Deleted sessions dropped for want of room since the set was made. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /**
   * Returns whether it refuses anything that was not refused before.
   * @throws StoreError `full` for an operator's revocation without room
   */
  add(revocation: Revocation): boolean {
    switch (revocation.kind) {
      case "session":
        return revocation.by === "operator"
          ? this.#revoke(revocation.sid, revocation.untilMs)
          : this.#delete(revocation.sid, revocation.untilMs);
      case "principal": {
        const held = this.#principals.get(revocation.owner);
        if (held && covers(held, revocation)) return false;
        if (!held) this.#requireRoom(this.#principals.size, this.#options.maxPrincipals);
        this.#principals.set(revocation.owner, later(held, revocation));
        return true;
      }
      case "all":
        if (this.#all && covers(this.#all, revocation)) return false;
        this.#all = later(this.#all, revocation);
        return true;
    }
  }

  /** Entries past their `untilMs` still match: the sessions they concern have expired by then, so it cannot matter. */
  find(subject: RevocationSubject): Revocation["kind"] | undefined {
    if (this.#all && subject.issuedAtMs <= this.#all.beforeMs) return "all";
    const cutoff = this.#principals.get(subject.owner);
    if (cutoff && subject.issuedAtMs <= cutoff.beforeMs) return "principal";
    return this.#deleted.has(subject.sid) || this.#revoked.has(subject.sid) ? "session" : undefined;
  }

  /** Drops what is past its `untilMs`; returns how many. */
  purge(nowMs: number): number {
    let dropped = purgeMap(this.#deleted, (untilMs) => untilMs <= nowMs);
    dropped += purgeMap(this.#revoked, (untilMs) => untilMs <= nowMs);
    dropped += purgeMap(this.#principals, (cutoff) => cutoff.untilMs <= nowMs);
    if (this.#all && this.#all.untilMs <= nowMs) {
      this.#all = undefined;
      dropped++;
    }
    return dropped;
  }

  #delete(sid: string, untilMs: number): boolean {
    const held = this.#deleted.get(sid);
    if (held !== undefined && held >= untilMs) return false;
    if (held === undefined && this.#deleted.size >= this.#options.maxSessions) {
      const oldest = this.#deleted.keys().next();
      if (!oldest.done) this.#deleted.delete(oldest.value);
      this.#forgotten++;
    }
    this.#deleted.set(sid, untilMs);
    return true;
  }

  #revoke(sid: string, untilMs: number): boolean {
    const held = this.#revoked.get(sid);
    if (held !== undefined && held >= untilMs) return false;
    if (held === undefined) this.#requireRoom(this.#revoked.size, this.#options.maxSessions);
    this.#revoked.set(sid, untilMs);
    return true;
  }

  #requireRoom(size: number, limit: number): void {
    if (size < limit) return;
    throw new StoreError("full", `A revocation was refused: ${limit} are held in memory already`, {
      remedy: "Revoke everything before a moment instead, or configure a state file.",
    });
  }
}

function covers(held: Cutoff, added: Cutoff): boolean {
  return held.beforeMs >= added.beforeMs && held.untilMs >= added.untilMs;
}

function later(held: Cutoff | undefined, added: Cutoff): Cutoff {
  return {
    beforeMs: Math.max(held?.beforeMs ?? added.beforeMs, added.beforeMs),
    untilMs: Math.max(held?.untilMs ?? added.untilMs, added.untilMs),
  };
}

function purgeMap<V>(map: Map<string, V>, isOver: (value: V) => boolean): number {
  const before = map.size;
  for (const [key, value] of map) if (isOver(value)) map.delete(key);
  return before - map.size;
}
