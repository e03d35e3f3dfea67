// How long the event loop stands still, measured by timers that are late. What else the machine does makes it longer, never
// shorter: whoever judges takes the least of several tries.

/** Runs `work` and answers the longest pause meanwhile, in ms. */
export async function longestPause(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const beat = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 0);
  try {
    await work();
    longest = Math.max(longest, performance.now() - last);
    return longest;
  } finally {
    clearInterval(beat);
  }
}

/** The longest pause in the best of up to `tries` tries; the first one below `bound` ends it. */
export async function leastPause(bound: number, tries: number, work: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let n = 0; n < tries && least >= bound; n++) least = Math.min(least, await longestPause(work));
  return least;
}

/** Time of `work` by itself, in ms: the best of three. */
export function timeOf(work: () => unknown): number {
  let best = Infinity;
  for (let n = 0; n < 3; n++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
