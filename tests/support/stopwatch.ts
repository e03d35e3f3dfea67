// Time as this process has it: what the machine keeps it from running does not count. For promises that are times.

const TICK_MS = 10;

/** Runs from its making on: `using watch = new Stopwatch()`. */
export class Stopwatch implements Disposable {
  #ticks = 0;
  readonly #timer = setInterval(() => this.#ticks++, TICK_MS);

  get elapsedMs(): number {
    return this.#ticks * TICK_MS;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
