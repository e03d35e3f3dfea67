// A fixed rate over N connections to several programs by turns, whatever the answers take. One load for all of them, half a
// second each that counts, while the others are stopped: so they differ in nothing that is the load's or the machine's.
import { RawConnection, requestBytes, type Target } from "./raw_http.ts";
import { type Latencies, summary } from "./summary.ts";
import { LEAD_SECONDS, takeTurns, TURN_SECONDS, turnsOf, whileStopped } from "./turns.ts";

export interface PaceJob {
  readonly targets: readonly PacedTarget[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly connections: number;
  readonly perSecond: number;
  /** All have the load at the same time for so long, and nothing counts. */
  readonly warmUpSeconds: number;
  /** Of each in a round. */
  readonly seconds: number;
  readonly rounds: number;
}
export interface PacedTarget {
  readonly target: Target;
  /** As of `Turning`. */
  readonly pids: readonly number[];
}

/** @returns of each round what each target made of it, in their order */
export async function pace(job: PaceJob): Promise<Latencies[][]> {
  const paced = await Promise.all(job.targets.map(({ target }) => Paced.open(target, job)));
  await Promise.all(paced.map((each) => each.run(job.warmUpSeconds)));
  const turning = paced.map((each, at) => ({ pids: job.targets[at]!.pids, act: () => each.run(TURN_SECONDS) }));
  const rounds: Latencies[][] = [];
  await whileStopped(turning, async () => {
    for (let round = 0; round < job.rounds; round++) {
      paced.forEach((each) => each.micros = []);
      await takeTurns(turning, turnsOf(round, job.seconds));
      rounds.push(paced.map(({ micros }) => summary(micros)));
    }
  });
  paced.forEach((each) => each.close());
  return rounds;
}

class Paced {
  /** Of each call, in µs. */
  micros: number[] = [];
  readonly #job: PaceJob;
  readonly #request: Uint8Array;
  readonly #all: readonly RawConnection[];
  readonly #idle: RawConnection[];
  /** Since when each request has been due that found no connection. */
  readonly #waiting: number[] = [];
  #countsFrom = 0;
  #inFlight = 0;
  #failed = 0;

  private constructor(target: Target, job: PaceJob, all: readonly RawConnection[]) {
    this.#job = job;
    this.#request = requestBytes(target, job.headers, job.body);
    this.#all = all;
    this.#idle = [...all];
  }

  static async open(target: Target, job: PaceJob): Promise<Paced> {
    const all = await Promise.all(Array.from({ length: job.connections }, () => RawConnection.open(target)));
    return new Paced(target, job, all);
  }

  /**
   * Sends on a schedule that does not wait for answers, and ends when all are there. A request that finds no free connection
   * waits, and its wait counts from when it was due, so a proxy that stalls cannot hide it (coordinated omission); the
   * generator's own late timer does not.
   */
  async run(seconds: number): Promise<void> {
    const start = performance.now();
    const total = this.#job.perSecond * seconds;
    this.#countsFrom = start + LEAD_SECONDS * 1000;
    for (let sent = 0; sent < total;) {
      const now = performance.now();
      for (const due = Math.min(total, (now - start) / 1000 * this.#job.perSecond); sent < due; sent++) {
        // In turn: one that is never used is a stranger, who has only so long to say what he wants.
        const conn = this.#idle.shift();
        if (conn === undefined) this.#waiting.push(now);
        else this.#send(conn, performance.now());
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    while (this.#inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    if (this.#failed > 0) throw new Error(`${this.#failed} of ${total} requests were not answered with 200`);
  }

  async #send(conn: RawConnection, since: number): Promise<void> {
    this.#inFlight++;
    const { status } = await conn.exchange(this.#request);
    this.#inFlight--;
    if (since >= this.#countsFrom) this.micros.push((performance.now() - since) * 1000);
    if (status !== 200) this.#failed++;
    const due = this.#waiting.shift();
    if (due === undefined) this.#idle.push(conn);
    else await this.#send(conn, due);
  }

  close(): void {
    this.#all.forEach((conn) => conn.close());
  }
}
