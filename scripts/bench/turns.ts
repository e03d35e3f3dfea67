// Programs under load of which one runs, a fraction of a second each by turns, and the others are stopped by a signal: a
// machine that changes its speed from one second to the next does so for all of them alike.

/** Short beside what a machine's moods last, long beside what it takes a program to find its caches again. */
const TURN_MS = 100;
/** Threads are looked at twice a second of a program's: one that ends in between takes its time with it. */
const LOOK_AT_EVERY = 5;

/** What runs when it is its turn, and not at other times. */
export interface Turning {
  /** Of all its processes; none of one that the others need, which is never stopped. */
  readonly pids: readonly number[];
  /** What happens in its turn; without it a tenth of a second passes. */
  readonly act?: () => Promise<void>;
  /** Called now and then while it is stopped. */
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

/**
 * Lets each of them, all stopped, run by turns until each has had `seconds`, or a turn more, in the order of {@link orderOf}.
 * @returns ms that each has run, in their order; all are stopped again
 */
export async function takeTurns(
  all: readonly Turning[],
  seconds: number,
  conductor: Conductor = CONDUCTOR,
): Promise<number[]> {
  const { signal, sleep, now } = conductor;
  const ran = all.map(() => 0);
  for (let turn = 1; ran.some((ms) => ms < seconds * 1000); turn++) {
    for (const at of orderOf(all.length, turn)) {
      const { pids, act, look } = all[at]!;
      const from = now();
      pids.forEach((pid) => signal(pid, "SIGCONT"));
      await (act?.() ?? sleep(TURN_MS));
      pids.forEach((pid) => signal(pid, "SIGSTOP"));
      ran[at]! += now() - from;
      if (turn % LOOK_AT_EVERY === 0) await look?.();
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

/** How long {@link takeTurns} may take for `count` of them that do nothing of their own, in s. */
export function mostSeconds(count: number, seconds: number): number {
  return count * (seconds * 1.05 + 2 * TURN_MS / 1000);
}

function tryTo(act: () => void): void {
  try {
    act();
  } catch {
    // It has ended.
  }
}
