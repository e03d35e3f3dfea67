// How long the event loop stands still, measured in what its thread computes between two turns: what else the machine does
// takes none of that time, and a machine at load 10 measures what a quiet one does. Where the system cannot tell (not
// Linux with glibc), by the clock.
// The unit is work of the same nature, done beside each measurement: one look at each byte of 4 MiB (`looks`). What
// `JSON.parse` takes is none: it hangs on caches, and one machine had 117 and 190 ms of it within an hour, another 82,
// where looking at bytes took all of them the same.

/** The computing time of this thread so far, in ms. */
const spentMs: () => number = threadClock() ?? (() => performance.now());

/** `clock_gettime` of the calling thread: what `/proc` says of a thread that runs is as old as the scheduler's last tick. */
function threadClock(): (() => number) | undefined {
  const CLOCK_THREAD_CPUTIME_ID = 3;
  if (Deno.build.os !== "linux") return undefined;
  try {
    const { symbols } = Deno.dlopen("libc.so.6", {
      clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
    });
    const time = new BigInt64Array(2);
    if (symbols.clock_gettime(CLOCK_THREAD_CPUTIME_ID, time) !== 0) return undefined;
    return () => {
      symbols.clock_gettime(CLOCK_THREAD_CPUTIME_ID, time);
      return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
    };
  } catch {
    return undefined;
  }
}

/** Runs `work` and answers the longest pause meanwhile, in ms. */
async function longestPause(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = spentMs();
  const beat = setInterval(() => {
    const now = spentMs();
    longest = Math.max(longest, now - last);
    last = now;
  }, 0);
  try {
    await work();
    longest = Math.max(longest, spentMs() - last);
    return longest;
  } finally {
    clearInterval(beat);
  }
}

/** Computing time of `work` by itself, in ms: the best of three. */
function timeOf(work: () => unknown): number {
  let best = Infinity;
  for (let n = 0; n < 3; n++) {
    const start = spentMs();
    work();
    best = Math.min(best, spentMs() - start);
  }
  return best;
}

const BYTES = new Uint8Array(4 * 1024 * 1024).fill(0x61);
const QUOTE = 0x22, BACKSLASH = 0x5c;

function lookAt(bytes: Uint8Array): number {
  let found = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE || byte === BACKSLASH) found++;
  }
  return found;
}

/** Computing time in looks at each byte of 4 MiB, as long as one takes now. */
function inLooks(ms: number): number {
  return ms / timeOf(() => lookAt(BYTES));
}

/** Computing time of `work` by itself, in looks: the best of up to `tries` tries; the first one below `bound` ends it. */
export function leastLooks(bound: number, tries: number, work: () => unknown): number {
  let least = Infinity;
  for (let n = 0; n < tries && least >= bound; n++) least = Math.min(least, inLooks(timeOf(work)));
  return least;
}

/** The same of the longest pause while `work` is under way. */
export async function leastPause(bound: number, tries: number, work: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let n = 0; n < tries && least >= bound; n++) least = Math.min(least, inLooks(await longestPause(work)));
  return least;
}
