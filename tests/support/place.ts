// Where a program that a test starts runs: on this machine, or on one of its own (chaos/network.ts).

/** Where a program of a test runs, and how others reach it there. */
export interface Place {
  readonly ip: string;
  /** What stands in front of a command line to have it run there, and end with whoever started it. */
  readonly within: readonly string[];
}

/** This machine, as tests use it that part nobody. */
export const LOOPBACK: Place = { ip: "127.0.0.1", within: [] };
