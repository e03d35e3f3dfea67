// Programs under load of which one runs, half a second each by turns, and the others are stopped by a signal: a machine
// that changes its speed from one second to the next does so for all of them alike.

/**
 * Short beside what a machine's moods last, long beside what it takes a program to find its caches again and to do what has
 * become due by the clock: a program with timers does that at the beginning of each turn, however short.
 */
const TURN_SECONDS = 0.5;
/** What one takes longer at most: signals, a timer that is late, looks. */
const LATE_SECONDS = 0.05;

/** What runs when it is its turn, and not at other times. */
export interface Turning {
  /** Of all its processes; none of one that the others need, which is never stopped. */
  readonly pids: readonly number[];
  /** What happens in its turn; without it half a second passes. */
  readonly act?: () => Promise<void>;
  /** Called after each of its turns, while it is stopped: threads that end take their time with them. */
  readonly look?: () => Promise<unknown>;
}

/** What is done to processes, and what time it is. */
export interface Conductor {
  signal(pid: number, name: "SIGSTOP" | "SIGCONT"): void;
  sleep(ms: number): Promise<void>;
  now(): number;
}

const CONDUCTOR: Conductor = {
  signal: (pid, name) => Deno.kill(pid, name),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  now: () => performance.now(),
};

/** Stops all of them, for as long as `use` lasts, but for whom it lets run; whatever happens, all run again. */
export async function whileStopped<T>(
  all: readonly Turning[],
  use: () => Promise<T>,
  { signal }: Pick<Conductor, "signal"> = CONDUCTOR,
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

/** As many as `seconds` need, in the `round` of that number, from 0. @param turnSeconds what one of them takes */
export function turnsOf(round: number, seconds: number, turnSeconds = TURN_SECONDS): Turns {
  const count = Math.ceil(seconds / turnSeconds);
  return { count, before: round * count };
}

/**
 * Lets each of them, all stopped, run by turns in the order of {@link orderOf}.
 * @returns ms that each has run, in their order; all are stopped again
 */
export async function takeTurns(
  all: readonly Turning[],
  { count, before }: Turns,
  conductor: Conductor = CONDUCTOR,
): Promise<number[]> {
  const { signal, sleep, now } = conductor;
  const ran = all.map(() => 0);
  for (let turn = 1; turn <= count; turn++) {
    for (const at of orderOf(all.length, before + turn)) {
      const { pids, act, look } = all[at]!;
      const from = now();
      pids.forEach((pid) => signal(pid, "SIGCONT"));
      await (act?.() ?? sleep(TURN_SECONDS * 1000));
      pids.forEach((pid) => signal(pid, "SIGSTOP"));
      ran[at]! += now() - from;
      await look?.();
    }
  }
  return ran;
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
