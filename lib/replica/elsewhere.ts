// What a stateless client wants is at another replica: a call of his that waits there, or the peers of his pool. Whoever
// has sent the request passes it on, and says who was asked when that one does not have it (R1, S3, S4).

/** Thrown by a bridge before anything was run. */
export class Elsewhere extends Error {
  override readonly name = "Elsewhere";
  /** The replica's address. */
  readonly home: string;

  constructor(home: string) {
    super("a stateless client's request belongs to another replica");
    this.home = home;
  }
}

/** What is known already of where a request belongs. */
export interface Whereabouts {
  /** Addresses of replicas that are gone, or do not have what they were asked for. */
  readonly gone: readonly string[];
  /**
   * Whether another replica has passed it on: it has asked where the state says that a call waits, and this one would not
   * be asked if that were not here, or gone.
   */
  readonly isPassedOn: boolean;
}

/** This replica among those that its clients reach. */
export interface Here {
  /** As the others reach it. */
  readonly home: string;
  /** Which of them has the peers of each pool; undefined where they share no store. */
  readonly homes: Homes | undefined;
}

/** Which replica has the peers of a pool. */
export interface Homes {
  /**
   * The pool's peers are here from now on.
   * @throws Elsewhere where they are at a replica that is not known to be gone
   */
  claim(pool: string, gone: readonly string[]): Promise<Claim>;
}

/** One pool's peers are here. */
export interface Claim {
  /** Whether another replica has them by now: it could not reach this one. */
  readonly isMoved: boolean;
  /** They are in use. */
  use(): void;
  /** There are none here any more. */
  end(): void;
}
