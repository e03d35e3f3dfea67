// What is so of one of several processes that serve as one.
import type { Store } from "../store/store.ts";

/** What it shares with the others, and where it is reached for itself. */
export interface WorkerPlace {
  /** From 1. */
  readonly number: number;
  /** The store that all of them share; undefined where the settings name one. */
  readonly store: Store | undefined;
  /** Where the others pass requests on to it, on loopback. */
  readonly hop: { readonly hostname: string; readonly port: number };
  /** A file that is read once, as it was when all of them began: the same to each, whenever it starts. */
  readonly readOnce: (path: string) => Promise<string>;
  /** A file that a reload reads anew, as it was at the last one: the same to each. */
  readonly readAnew: (path: string) => Promise<string>;
  /** Settles when it may listen on the port that all share. */
  readonly mayListen: Promise<void>;
  /** Told once all is there but for that. */
  readonly onPrepared: () => void;
}
