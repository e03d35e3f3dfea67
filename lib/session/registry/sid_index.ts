// Sessions by their sid, in a table of references and no more: 11 to 21 bytes a session, where a Map takes 54 to 160 on
// JavaScriptCore. Looked up when one is revoked or has moved, not by requests. A sid is random, or a digest, so that nobody
// chooses where it stands; all of it is compared.

interface Named {
  readonly sid: string;
}

const LEAST_SLOTS = 16;

export class SidIndex<Item extends Named> {
  /** Empty ones are undefined. A power of two of them, three quarters taken at most. */
  #slots: (Item | undefined)[] = emptySlots(LEAST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  find(sid: string): Item | undefined {
    return this.#slots[this.#slotOf(sid)];
  }

  /** In place of another with the same sid, if there is one. */
  add(item: Item): void {
    const at = this.#slotOf(item.sid);
    if (this.#slots[at] === undefined) this.#size++;
    this.#slots[at] = item;
    if (this.#size * 4 > this.#slots.length * 3) this.#resize(this.#slots.length * 2);
  }

  /** Nothing, if it is not this very one that stands there. */
  remove(item: Item): void {
    const at = this.#slotOf(item.sid);
    if (this.#slots[at] !== item) return;
    this.#size--;
    this.#slots[at] = undefined;
    this.#closeGap(at);
    const { length } = this.#slots;
    if (length > LEAST_SLOTS && this.#size * 8 < length) this.#resize(length / 2);
  }

  /** Where it stands, or would. */
  #slotOf(sid: string): number {
    const slots = this.#slots, last = slots.length - 1;
    let at = hashOf(sid) & last;
    for (let item = slots[at]; item !== undefined && item.sid !== sid; item = slots[at]) at = (at + 1) & last;
    return at;
  }

  /** Nobody is looked for behind an empty slot: who stands behind this one and belongs before it moves up. */
  #closeGap(gap: number): void {
    const slots = this.#slots, last = slots.length - 1;
    for (let at = (gap + 1) & last;; at = (at + 1) & last) {
      const item = slots[at];
      if (item === undefined) return;
      const wanted = hashOf(item.sid) & last;
      if (((at - wanted) & last) < ((at - gap) & last)) continue;
      slots[gap] = item;
      slots[at] = undefined;
      gap = at;
    }
  }

  #resize(length: number): void {
    const items = this.#slots;
    this.#slots = emptySlots(length);
    for (const item of items) if (item !== undefined) this.#slots[this.#slotOf(item.sid)] = item;
  }
}

/** Filled one by one: JavaScriptCore makes a long array that is made at once a map of its indices. */
function emptySlots<Item>(length: number): (Item | undefined)[] {
  const slots: (Item | undefined)[] = [];
  while (slots.length < length) slots.push(undefined);
  return slots;
}

/** Characters that tell where one stands: the last, as sids of one kind begin alike (`adopted:`). */
const HASHED = 8;

/** FNV-1a, with its high bits folded into the low ones, which are those that count. */
function hashOf(sid: string): number {
  let hash = 0x811c9dc5;
  const { length } = sid;
  for (let i = Math.max(0, length - HASHED); i < length; i++) hash = Math.imul(hash ^ sid.charCodeAt(i), 0x01000193);
  return hash ^ (hash >>> 16);
}
