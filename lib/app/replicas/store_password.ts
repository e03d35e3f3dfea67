// The shared store's password, as its file has it when a connection is let in: who rotates it there needs no restart
// (docs/behaviour.md P2). What cannot be read, or is none, leaves the one before it: a file may be half written.
import { parseStorePassword } from "../../config/named/secrets.ts";

export interface StorePasswordOptions {
  /** undefined: nothing to be read again. */
  readonly readAgain: (path: string) => Promise<string | undefined>;
  /** The monotonic clock, in ms. */
  readonly clock: () => number;
}

/** All connections that come up within so many ms are let in by one look at the file: a cluster's nodes, a start's. */
const LOOK_HOLDS_MS = 500;

/**
 * @param first what was read of the file just now
 * @returns what is to be shown at the moment; never rejects
 */
export function storePasswordOf(
  path: string,
  first: string | undefined,
  { readAgain, clock }: StorePasswordOptions,
): () => Promise<string | undefined> {
  let last = first;
  let lookedAtMs = clock();
  let look: Promise<void> = Promise.resolve();
  const lookAgain = async () => {
    try {
      const text = await readAgain(path);
      if (text !== undefined) last = parseStorePassword(text, path);
    } catch {
      // Where it is wrong the store says so, and what a reload finds wrong with the file it refuses.
    }
  };
  return async () => {
    if (clock() - lookedAtMs >= LOOK_HOLDS_MS) {
      lookedAtMs = clock();
      look = lookAgain();
    }
    await look;
    return last;
  };
}
