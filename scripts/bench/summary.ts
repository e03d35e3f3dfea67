// What a load says of the calls it made: how many, and how long they took.

export interface Latencies {
  readonly count: number;
  /** µs */
  readonly p50: number;
  readonly p99: number;
}

/** Sorts `micros` in place. */
export function summary(micros: number[]): Latencies {
  micros.sort((a, b) => a - b);
  const at = (part: number) => micros[Math.min(micros.length - 1, Math.floor(micros.length * part))] ?? NaN;
  return { count: micros.length, p50: at(0.5), p99: at(0.99) };
}
