// A bounded cache: what nobody has asked for longest makes room. It takes memory as it fills, and pulls in nothing of the
// runtime's: caches that take theirs in advance cost every start two milliseconds and three megabytes, used or not.

export interface LruOptions<V> {
  /** Entries; default any number, where `maxWeight` is given. 0: it keeps nothing, and what is set makes room at once. */
  readonly max?: number;
  /** What all of them may weigh together. */
  readonly maxWeight?: number;
  /** Asked once, when the value is set. Default nothing. */
  readonly weigh?: (value: V) => number;
  /** It has made room, or was too heavy to be kept at all. Not for what was deleted or replaced. Must not throw. */
  readonly onEvicted?: (key: string, value: V) => void;
}

interface Entry<V> {
  readonly value: V;
  readonly weight: number;
}

export class LruMap<V> {
  /** The longest unasked first: a Map keeps the order in which keys came. */
  readonly #entries = new Map<string, Entry<V>>();
  readonly #max: number;
  readonly #maxWeight: number;
  readonly #options: LruOptions<V>;
  #newest: string | undefined;
  #weight = 0;

  /** @throws RangeError without any bound, or with one that is none: negative, no number, a fraction of an entry */
  constructor(options: LruOptions<V>) {
    const { max = Infinity, maxWeight = Infinity } = options;
    if (max === Infinity && maxWeight === Infinity) throw new RangeError("making a cache: found no bound, want one");
    if (!(max >= 0 && maxWeight >= 0) || (max !== Infinity && !Number.isInteger(max))) {
      throw new RangeError(
        `making a cache: found max ${max}, maxWeight ${maxWeight}, want 0 or more, and whole entries`,
      );
    }
    this.#options = options;
    this.#max = max;
    this.#maxWeight = maxWeight;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** As `get`, but it counts as no use. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (key !== this.#newest) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      this.#newest = key;
    }
    return entry.value;
  }

  set(key: string, value: V): void {
    this.delete(key);
    const { weigh, onEvicted } = this.#options;
    const weight = weigh?.(value) ?? 0;
    if (weight > this.#maxWeight || this.#max === 0) return onEvicted?.(key, value);
    while (this.#entries.size >= this.#max || this.#weight + weight > this.#maxWeight) this.#evict();
    this.#entries.set(key, { value, weight });
    this.#weight += weight;
    this.#newest = key;
  }

  /** Whether it was there. */
  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#weight -= entry.weight;
    if (key === this.#newest) this.#newest = undefined;
    return this.#entries.delete(key);
  }

  #evict(): void {
    const [key, { value }] = this.#entries.entries().next().value!;
    this.delete(key);
    this.#options.onEvicted?.(key, value);
  }
}
