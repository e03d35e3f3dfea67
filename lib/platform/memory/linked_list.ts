// A doubly linked list whose links live in its items, so that adding and removing are a few pointer writes and no memory.
// It holds the sessions with nothing in flight (the first to evict is the first in the list) and the requests under way.

/** What can stand in a {@link LinkedList}; in one at a time. */
export interface Linked<Item> {
  previous: Item | undefined;
  next: Item | undefined;
}

export class LinkedList<Item extends Linked<Item>> {
  #first: Item | undefined;
  #last: Item | undefined;

  get first(): Item | undefined {
    return this.#first;
  }

  /** @param item must stand in no list */
  append(item: Item): void {
    item.previous = this.#last;
    if (this.#last === undefined) this.#first = item;
    else this.#last.next = item;
    this.#last = item;
  }

  /** @param item must stand in this list */
  remove(item: Item): void {
    if (item.previous === undefined) this.#first = item.next;
    else item.previous.next = item.next;
    if (item.next === undefined) this.#last = item.previous;
    else item.next.previous = item.previous;
    item.previous = undefined;
    item.next = undefined;
  }
}
