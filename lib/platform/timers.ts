// Time as a parameter: what waits for a process, a slow reader or a credential's end takes its clock from here, so that
// tests neither sleep nor patch globals (docs/behaviour.md P4).

export interface Timers {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `run` once, `ms` from now, unless the function it answers is called before. */
  after(ms: number, run: () => void): () => void;
}

/** The longest delay a timer of the platform can hold, in ms: beyond it would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const SYSTEM_TIMERS: Timers = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, MAX_DELAY_MS));
    return () => clearTimeout(timer);
  },
};

/** Resolves to true when `promise` settles within `ms`, else to false. Never rejects. */
export function settlesWithin(promise: Promise<unknown>, ms: number, timers: Timers): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = timers.after(ms, () => resolve(false));
    const settled = () => {
      cancel();
      resolve(true);
    };
    promise.then(settled, settled);
  });
}

/** Resolves `ms` from now. */
export function pause(ms: number, timers: Timers): Promise<void> {
  return new Promise((resolve) => void timers.after(ms, resolve));
}
