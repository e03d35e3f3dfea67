// Which of a sender's counted messages have come already, so that none is taken twice: the window of RFC 4303 §3.4.3.
// Messages overtake each other on several connections; what is older than the window counts as seen. Bounded.

/** How far a message may be behind the newest of its sender. */
export const WINDOW = 8192;
/** Senders remembered: each a process of a replica, proven to have the ring. */
const MAX_SENDERS = 1024;

interface Sender {
  newest: number;
  /** One bit for each of the last WINDOW counts, at `count % WINDOW`. */
  readonly seen: Uint8Array;
}

export class SeenCounts {
  readonly #senders = new Map<string, Sender>();

  /** For metrics. */
  get size(): number {
    return this.#senders.size;
  }

  /** Notes a message. @returns false if it has come before, or may have */
  isNew(name: string, count: number): boolean {
    let sender = this.#senders.get(name);
    if (sender === undefined) {
      this.#makeRoom();
      this.#senders.set(name, sender = { newest: -1, seen: new Uint8Array(WINDOW / 8) });
    }
    // The one that has been silent longest is forgotten first: only of the forgotten could anything be taken again.
    if (this.#senders.size >= MAX_SENDERS / 2) {
      this.#senders.delete(name);
      this.#senders.set(name, sender);
    }
    if (count <= sender.newest - WINDOW) return false;
    if (count > sender.newest) {
      for (let next = Math.max(sender.newest + 1, count - WINDOW + 1); next <= count; next++) {
        set(sender.seen, next, false);
      }
      sender.newest = count;
    }
    if (has(sender.seen, count)) return false;
    set(sender.seen, count, true);
    return true;
  }

  #makeRoom(): void {
    if (this.#senders.size < MAX_SENDERS) return;
    const oldest = this.#senders.keys().next();
    if (!oldest.done) this.#senders.delete(oldest.value);
  }
}

function has(bits: Uint8Array, count: number): boolean {
  const at = count % WINDOW;
  return (bits[at >> 3]! & (1 << (at & 7))) !== 0;
}

function set(bits: Uint8Array, count: number, on: boolean): void {
  const at = count % WINDOW;
  if (on) bits[at >> 3]! |= 1 << (at & 7);
  else bits[at >> 3]! &= ~(1 << (at & 7));
}
