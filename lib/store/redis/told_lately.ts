// What is told once a minute of each kind, however often it is found (docs/behaviour.md V1).

const TOLD_AGAIN_MS = 60_000;
/** There are few kinds, unless who answers is no store: of more than so many within a minute only a number is kept. */
const MOST_KINDS = 64;

export class ToldLately {
  /** By kind, when it was told, by `performance.now()`. */
  readonly #toldAtMs = new Map<string, number>();

  /** Whether it is to be told now: it counts as told then. */
  isNews(kind: string): boolean {
    const nowMs = performance.now();
    for (const [told, atMs] of this.#toldAtMs) if (nowMs - atMs >= TOLD_AGAIN_MS) this.#toldAtMs.delete(told);
    if (this.#toldAtMs.has(kind) || this.#toldAtMs.size >= MOST_KINDS) return false;
    this.#toldAtMs.set(kind, nowMs);
    return true;
  }
}
