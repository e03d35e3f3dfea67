// Programs under load of which one runs, six tenths of a second each by turns, and the others are stopped by a signal: a machine
// that changes its speed from one second to the next does so for all of them alike.

/** Short beside what a machine's moods last, long beside what it takes a program to find its caches again. */
export const TURN_SECONDS = 0.6;
/**
 * What passes of a turn before it counts: whoever was stopped waits for a core, does what has become due by the clock
 * meanwhile, and takes anew what memory his allocator gave back when nothing had used it for so long. Under load nobody
 * stands still.
 */
export const LEAD_SECONDS = 0.1;
/** What one takes longer at most: signals, a timer that is late, looks. */
const LATE_SECONDS = 0.05;

/** What runs when it is its turn, and not at other times. */
export interface Turning {
  /** Of all its processes; none of one that the others need, which is never stopped. */
  readonly pids: readonly number[];
  /** What happens in its turn, for {@link TURN_SECONDS}. */
  readonly act: () => Promise<void>;
}

/** How a process is stopped, and goes on. */
export type Signal = (pid: number, name: "SIGSTOP" | "SIGCONT") => void;

const SIGNAL: Signal = (pid, name) => Deno.kill(pid, name);

/** Stops all of them, for as long as `use` lasts, but for whom it lets run; whatever happens, all run again. */
export async function whileStopped<T>(
  all: readonly Turning[],
  use: () => Promise<T>,
  signal = SIGNAL,
): Promise<T> {
  const each = all.flatMap(({ pids }) => pids);
  try {
    each.forEach((pid) => signal(pid, "SIGSTOP"));
    return await use();
  } finally {
    each.forEach((pid) => tryTo(() => signal(pid, "SIGCONT")));
  }
}

/** Of a round: how many turns each has, and how many there were before. */
export interface Turns {
  readonly count: number;
  readonly before: number;
}

/** As many as `seconds` that count need, in the `round` of that number, from 0. */
export function turnsOf(round: number, seconds: number): Turns {
  const count = Math.ceil(seconds / (TURN_SECONDS - LEAD_SECONDS));
  return { count, before: round * count };
}

/** Lets each of them, all stopped, act by turns in the order of {@link orderOf}; all are stopped again afterwards. */
export async function takeTurns(
  all: readonly Turning[],
  { count, before }: Turns,
  signal = SIGNAL,
): Promise<void> {
  for (let turn = 1; turn <= count; turn++) {
    for (const at of orderOf(all.length, before + turn)) {
      const { pids, act } = all[at]!;
      pids.forEach((pid) => signal(pid, "SIGCONT"));
      await act();
      pids.forEach((pid) => signal(pid, "SIGSTOP"));
    }
  }
}

/**
 * Who runs after whom in a turn (Williams, 1949): in as many turns as there are programs, twice as many of an odd number, each
 * has followed each other equally often. Whoever finds the caches as a small program has left them runs slower, by 1 %.
 */
export function orderOf(count: number, turn: number): number[] {
  const zigzag = Array.from({ length: count }, (_, i) => i % 2 === 0 ? i / 2 : count - (i + 1) / 2);
  const order = zigzag.map((place) => (place + turn) % count);
  return count % 2 === 1 && Math.floor(turn / count) % 2 === 1 ? order.reverse() : order;
}

/** How long {@link takeTurns} may take for `programs` of them that do nothing of their own, in s. */
export function mostSeconds(programs: number, { count }: Turns): number {
  return programs * count * (TURN_SECONDS + LATE_SECONDS);
}

function tryTo(act: () => void): void {
  try {
    act();
  } catch {
    // It has ended.
  }
}
