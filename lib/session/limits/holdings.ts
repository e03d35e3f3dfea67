// What is reserved, of all and of each principal (docs/behaviour.md M1): plain counts, given back exactly once. A
// principal has an entry as long as it holds anything, so what bounds the counts bounds the map.
import type { OwnerKey, PrincipalKey } from "../caller.ts";

/** What can be held. */
export type Held = "sessions" | "streams" | "requests";

/** One unit of something limited. `release` gives it back; calling it again does nothing. */
export interface Reservation {
  release(): void;
  readonly released: boolean;
}

/** A session's place: one of the total and one of its principal's. */
export interface SessionReservation extends Reservation {
  readonly principalKey: PrincipalKey;
  /** Whose session it is for. Undefined: nobody's who could make room with it. */
  owner: OwnerKey | undefined;
  /** There is a session now that stands for it, to be given back by `Limits.releaseSession`: released from here on. */
  handOver(): void;
}

/** How many of one kind are out. */
export class Tally {
  taken = 0;
  refused = 0;
}

/** Of each kind, all principals' together. */
export type Tallies = Readonly<Record<Held, Tally>>;

/** What one principal holds. Shared by its reservations, so its key is stored once. */
export class Holding implements Record<Held, number> {
  readonly key: PrincipalKey;
  readonly tallies: Tallies;
  sessions = 0;
  streams = 0;
  requests = 0;
  /** Memory that its bodies take. */
  bytes = 0;
  readonly #all: Map<PrincipalKey, Holding>;

  constructor(key: PrincipalKey, tallies: Tallies, all: Map<PrincipalKey, Holding>) {
    this.key = key;
    this.tallies = tallies;
    this.#all = all;
  }

  /** So many more, of all and of this principal's. */
  take(what: Held, count: number): void {
    this.tallies[what].taken += count;
    this[what] += count;
  }

  /** So many less. */
  giveBack(what: Held, count = 1): void {
    this.tallies[what].taken -= count;
    this[what] -= count;
    this.drop();
  }

  /** To be called when it may have come to nothing. */
  drop(): void {
    if (this.sessions + this.streams + this.requests + this.bytes === 0) this.#all.delete(this.key);
  }
}

export class Holdings {
  readonly tallies: Tallies = { sessions: new Tally(), streams: new Tally(), requests: new Tally() };
  readonly #all = new Map<PrincipalKey, Holding>();

  /** Principals that hold anything. */
  get size(): number {
    return this.#all.size;
  }

  count(key: PrincipalKey, what: Held): number {
    return this.#all.get(key)?.[what] ?? 0;
  }

  /** To be taken from, or dropped again. */
  of(key: PrincipalKey): Holding {
    let holding = this.#all.get(key);
    if (holding === undefined) this.#all.set(key, holding = new Holding(key, this.tallies, this.#all));
    return holding;
  }
}

/** So many of one kind, most often one. */
export class Unit implements Reservation {
  readonly what: Held;
  readonly count: number;
  readonly #holding: Holding;
  #released = false;

  constructor(what: Held, holding: Holding, count = 1) {
    this.what = what;
    this.count = count;
    this.#holding = holding;
    holding.take(what, count);
  }

  get principalKey(): PrincipalKey {
    return this.#holding.key;
  }

  get released(): boolean {
    return this.#released;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#holding.giveBack(this.what, this.count);
  }

  handOver(): void {
    this.#released = true;
  }
}

export class SessionUnit extends Unit implements SessionReservation {
  owner: OwnerKey | undefined = undefined;
}

/**
 * What one thing of a principal's takes of the memory that the principal may have. Holds nothing until it is resized.
 */
export class ByteShare {
  readonly #holdings: Holdings;
  readonly #key: PrincipalKey;
  readonly #limit: () => number;
  #bytes = 0;

  constructor(holdings: Holdings, key: PrincipalKey, limit: () => number) {
    this.#holdings = holdings;
    this.#key = key;
    this.#limit = limit;
  }

  /** From now on `bytes` are held. @returns false, and nothing changes, if that is more than the principal may have */
  resize(bytes: number): boolean {
    const holding = this.#holdings.of(this.#key);
    const more = bytes - this.#bytes;
    const fits = more <= 0 || holding.bytes + more <= this.#limit();
    if (fits) {
      holding.bytes += more;
      this.#bytes = bytes;
    }
    holding.drop();
    return fits;
  }

  /** Again: nothing. */
  release(): void {
    this.resize(0);
  }
}
