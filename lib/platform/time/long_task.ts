// Work of this process that may take long, and lets others have their turn meanwhile.

/** How long a task holds everybody else up before they have their turn, in ms: a timer costs it one at least. */
const TURN_MS = 1;

/** A task that may be long, done in pieces: between them others have their turn, once it has had its own. */
export class LongTask {
  #beganMs = performance.now();

  /** What to wait for before the next piece; undefined while there is time for it at once. */
  turn(): Promise<void> | undefined {
    if (performance.now() - this.#beganMs < TURN_MS) return undefined;
    return new Promise((resolve) => {
      setTimeout(() => {
        this.#beganMs = performance.now();
        resolve();
      }, 0);
    });
  }
}
