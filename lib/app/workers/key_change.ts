// Another key ring for all workers: before any seals with a key that is new, all open with it, so that no id is given that
// another worker does not know. Guarantees: where the change fails, none of them opens with that key any more
// (docs/behaviour.md R4).
import { EndGone } from "./channel.ts";
import { type KeysOnWire, TO_WORKER } from "./messages.ts";
import type { Slot } from "./slot.ts";

export interface KeyChange {
  /** In force now. */
  readonly before: KeysOnWire;
  readonly next: KeysOnWire;
}

/**
 * @param change puts the next ring in force, or throws where the one before stays
 * @throws what `change` throws; Error if a worker could not be told
 */
export async function changeKeys(
  workers: readonly Pick<Slot, "ask" | "replace">[],
  { before, next }: KeyChange,
  change: () => Promise<void>,
): Promise<void> {
  try {
    await Promise.all(workers.map((worker) => worker.ask(TO_WORKER.openAlsoWith, next).catch(unlessGone)));
    await change();
  } catch (refusal) {
    // Whoever does not take it back makes room for one that never had it. What one was told before is heard before.
    await Promise.all(
      workers.map((worker) => worker.ask(TO_WORKER.openOnlyWith, before).catch(() => worker.replace())),
    );
    throw refusal;
  }
}

/** Who has ended opens nothing, and whoever takes its place waits for the change: a key is withdrawn whoever dies meanwhile. */
function unlessGone(fault: unknown): void {
  if (!(fault instanceof EndGone)) throw fault;
}
