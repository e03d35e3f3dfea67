// Which sessions each principal has here with nothing in flight, to find what one at its cap can give up: in the order in
// which they came to rest, so that finding one, and leaving, takes no more steps the more there are.
import { type Linked, LinkedList } from "../../platform/memory/linked_list.ts";
import type { OwnerKey, PrincipalKey } from "../caller.ts";

/** What can be idle; in one listing at a time. */
export interface Listed<Item> extends Linked<Item> {
  /** Whose it is, of its principal's; undefined: nobody's. */
  readonly ownerKey: OwnerKey | undefined;
}

/** Of one principal: those at rest, the longest first. What comes to rest is appended, what is used is removed. */
export class IdleSessions<Item extends Listed<Item>> extends LinkedList<Item> {
  readonly key: PrincipalKey;
  /** Sessions of the principal, busy ones included. */
  count = 0;

  constructor(key: PrincipalKey) {
    super();
    this.key = key;
  }
}

export class PrincipalSessions<Item extends Listed<Item>> {
  readonly #lists = new Map<PrincipalKey, IdleSessions<Item>>();

  /** Principals with a session here: entries vanish with their last one. */
  get size(): number {
    return this.#lists.size;
  }

  /** One more session of the principal. @returns where it stands while nothing is in flight in it */
  join(key: PrincipalKey): IdleSessions<Item> {
    let list = this.#lists.get(key);
    if (list === undefined) this.#lists.set(key, list = new IdleSessions(key));
    list.count++;
    return list;
  }

  /** One less; whoever it was takes itself from the list. */
  leave(key: PrincipalKey): void {
    const list = this.#lists.get(key);
    if (list !== undefined && --list.count === 0) this.#lists.delete(key);
  }

  /**
   * The one with nothing in flight for the longest time; undefined if all are busy.
   * @param owner who alone is to make room: the principal through one of its clients. Default: any of the principal's
   */
  longestIdle(key: PrincipalKey, owner?: OwnerKey): Item | undefined {
    let item = this.#lists.get(key)?.first;
    while (item !== undefined && owner !== undefined && item.ownerKey !== owner) item = item.next;
    return item;
  }
}
