// Whether messages come about what is new in a shared store: who finds news there that none came about hears none, whatever
// its connection says, and whatever has taken the words from it (docs/behaviour.md R4).

/** A message may come so much later than what it is about is read, in ms. */
const LATE_MS = 1000;

export class HeardNews {
  /** What was the newest when it was read last, and when that was asked for. */
  #newest: number | undefined;
  #askedAtMs = -Infinity;
  #heardAtMs = -Infinity;
  /** There is news that no message has come about yet. */
  #unheardSinceMs: number | undefined;

  /** A message has come, or messages come anew. */
  hear(nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#unheardSinceMs = undefined;
  }

  /** @returns whether messages should have come, and have not */
  read(newest: number, { askedAtMs, nowMs }: { readonly askedAtMs: number; readonly nowMs: number }): boolean {
    const isDeaf = this.#unheardSinceMs !== undefined && askedAtMs - this.#unheardSinceMs >= LATE_MS;
    if (isDeaf) this.#unheardSinceMs = undefined;
    const isNews = this.#newest !== undefined && newest > this.#newest;
    if (isNews && this.#heardAtMs < this.#askedAtMs) this.#unheardSinceMs ??= nowMs;
    this.#newest = newest;
    this.#askedAtMs = askedAtMs;
    return isDeaf;
  }
}
