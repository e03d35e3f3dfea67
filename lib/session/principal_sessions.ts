// Which sessions each principal has here, to find what one at its cap can give up. Arrays with each session's place in
// them kept in the session: one entry costs a few words, and leaving is O(1) however many there are.
import type { OwnerKey } from "./caller.ts";

/** What can be listed; in one listing at a time. */
export interface Listed {
  /** Its place among its principal's; −1 in none. */
  slot: number;
  readonly inFlight: number;
  readonly lastActiveMs: number;
  /** Whose it is, of its principal's; undefined: nobody's. */
  readonly owner: OwnerKey | undefined;
}

export class PrincipalSessions<Item extends Listed> {
  readonly #lists = new Map<string, Item[]>();

  /** Principals with a session here: entries vanish with their last one. */
  get size(): number {
    return this.#lists.size;
  }

  /** @param item must be listed nowhere */
  add(key: string, item: Item): void {
    const list = this.#lists.get(key);
    item.slot = list?.length ?? 0;
    if (list === undefined) this.#lists.set(key, [item]);
    else list.push(item);
  }

  /** @param item must be listed under `key` */
  remove(key: string, item: Item): void {
    const list = this.#lists.get(key);
    const last = list?.pop();
    if (list === undefined || last === undefined) return;
    if (last !== item) {
      list[item.slot] = last;
      last.slot = item.slot;
    }
    item.slot = -1;
    if (list.length === 0) this.#lists.delete(key);
  }

  /**
   * The one with nothing in flight for the longest time; undefined if all are busy.
   * @param owner who alone is to make room: the principal through one of its clients. Default: any of the principal's
   */
  longestIdle(key: string, owner?: OwnerKey): Item | undefined {
    let longest: Item | undefined;
    for (const item of this.#lists.get(key) ?? []) {
      if (owner !== undefined && item.owner !== owner) continue;
      if (item.inFlight === 0 && (longest === undefined || item.lastActiveMs < longest.lastActiveMs)) longest = item;
    }
    return longest;
  }
}
