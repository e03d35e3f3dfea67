// A worker's place: the process that has it, and the next one when that has ended unasked. Each is told the same, and has the
// same address for its neighbours, so that ids lead to it again.
import type { Logger } from "../../observe/log.ts";
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { OwnedTimer, settlesWithin, type Timers } from "../../platform/time/timers.ts";
import { answerStoreCall } from "../../store/held/asked_store.ts";
import type { Store } from "../../store/store.ts";
import { Channel, EndGone } from "./channel.ts";
import { type Begin, STORE, TO_WORKER, WATCHED } from "./messages.ts";
import type { WorkerProcess } from "./worker_process.ts";

/** How long a worker may take to have all there but the port, ms: it asks identity providers and starts nothing else. */
const BEGIN_MS = 60_000;
/** How long it may then take to listen, ms: its port is taken, and nothing else. */
const LISTEN_MS = 60_000;
/** How long one that was told to end may take before it is killed, ms. */
const END_MS = 5000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** How often one that serves is asked whether it does, and how long it may take to say so, ms. */
const LOOK_EVERY_MS = 5000;
const SILENCE_MS = 30_000;
/** One that has lived for so long begins anew with the first pause, ms. */
const SOUND_MS = 60_000;

export interface SlotOptions {
  /** From 1. */
  readonly number: number;
  readonly start: () => WorkerProcess;
  /** What it is told at its beginning, now. */
  readonly begin: () => Begin;
  /** Settles when nothing is being changed that it is told. */
  readonly whenSteady: () => Promise<void>;
  /** What workers share, where this process holds it. */
  readonly store: Store | undefined;
  readonly log: Logger;
  readonly timers: Timers;
  /** A line of its log. */
  readonly onLogged: (number: number, line: string) => void;
  readonly onWatched: (watch: number, event: unknown) => void;
  /** It has ended; before another takes its place. */
  readonly onEnded: (number: number) => void;
}

interface Running {
  readonly process: WorkerProcess;
  readonly channel: Channel;
  readonly sinceMs: number;
}

export class Slot {
  /** Workers here that ended unasked. */
  ends = 0;
  readonly number: number;
  readonly #options: SlotOptions;
  #running: Running | undefined;
  #isUp = false;
  #leaving = false;
  #failures = 0;
  #starting: Promise<void> | undefined;
  /** Until the next start, where one is to come; until the next look at the one that serves. */
  readonly #nextStart: OwnedTimer;
  readonly #nextLook: OwnedTimer;

  constructor(options: SlotOptions) {
    this.#options = options;
    this.number = options.number;
    this.#nextStart = new OwnedTimer(options.timers);
    this.#nextLook = new OwnedTimer(options.timers);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Starts the first one; settles when all is there but the port. @throws what keeps it from starting */
  async prepare(): Promise<void> {
    const running = this.#start();
    const began = running.channel.ask(TO_WORKER.begin, [this.#options.begin()]);
    await this.#within(began, { running, ms: BEGIN_MS, what: "begun" });
  }

  /** @returns where it listens. @throws ListenError as it crosses */
  async listen(): Promise<string> {
    const running = this.#running;
    const asked = this.ask(TO_WORKER.listen);
    const listen = running === undefined
      ? await asked
      : await this.#within(asked, { running, ms: LISTEN_MS, what: "come to listen" });
    this.#isUp = true;
    if (this.#running !== undefined) this.#watchOver(this.#running);
    return listen as string;
  }

  /** One that stands still on its way up is ended: whoever changes something waits for those that start. */
  async #within<T>(
    asked: Promise<T>,
    { running, ms, what }: { readonly running: Running; readonly ms: number; readonly what: string },
  ): Promise<T> {
    if (!await settlesWithin(asked, ms, this.#options.timers)) {
      running.process.kill();
      throw new Error(`starting worker ${this.number}: it has not ${what} within ${ms / 1000} s`);
    }
    return await asked;
  }

  /** @throws what it has thrown; Error if there is nobody */
  async ask(call: string, ...args: readonly unknown[]): Promise<unknown> {
    const running = this.#running;
    if (running === undefined) throw new EndGone(`asking worker ${this.number}: it is being started again`);
    return await running.channel.ask(call, args);
  }

  /** Settles when no start is under way. Never rejects. */
  async settled(): Promise<void> {
    await this.#starting;
  }

  /** Another one takes its place, told what holds now. */
  replace(): void {
    this.#running?.process.kill();
  }

  /** Nothing, where there is nobody. */
  tell(call: string, ...args: readonly unknown[]): void {
    this.#running?.channel.tell(call, ...args);
  }

  /** No other one takes its place, and the one that is there is about to be told to end: it has to be able to hear that. */
  leave(): void {
    this.#leaving = true;
    this.#running?.process.wake();
    this.#nextStart.close();
    this.#nextLook.close();
  }

  /** Settles when no process is left here, and none will be. What was under way is cut, unless it was drained before. */
  async end(): Promise<void> {
    this.leave();
    this.#isUp = false;
    const running = this.#running;
    if (running === undefined) return;
    running.process.closeInput();
    if (!await settlesWithin(running.process.ended, END_MS, this.#options.timers)) running.process.kill();
    await running.process.ended;
  }

  #start(): Running {
    const process = this.#options.start();
    const { log, onLogged, timers, number } = this.#options;
    const channel = new Channel({
      write: (line) => process.write(line),
      answer: (call, args) => this.#answer(call, args),
      onFault: (fault) => log.error("a worker's word failed", { worker: number, cause: String(fault) }),
    });
    const running = { process, channel, sinceMs: timers.now() };
    this.#running = running;
    this.#hear(running);
    forEachLine(process.logged, (line) => onLogged(number, line));
    process.ended.then((how) => this.#onEnded(running, how));
    return running;
  }

  #hear({ process, channel }: Running): void {
    const { log } = this.#options;
    forEachLine(process.said, (line) => {
      try {
        channel.receive(line);
      } catch {
        // Somebody else writes there: nothing it says can be believed.
        log.error("a worker said what is no message: it is ended", { worker: this.number });
        process.kill();
      }
    });
  }

  #answer(call: string, [first, second]: readonly unknown[]): unknown {
    const { store, onWatched } = this.#options;
    if (call === WATCHED) return onWatched(first as number, second);
    if (call !== STORE || store === undefined) {
      throw new Error(`answering a worker: found the word ${call}, want one of its own version`);
    }
    return answerStoreCall(store, first as string, second as readonly unknown[]);
  }

  #onEnded(running: Running, { code, signal }: { readonly code: number; readonly signal: string | null }): void {
    const { log, timers, onEnded } = this.#options;
    running.channel.close(new EndGone(`asking worker ${this.number}: it has ended (${signal ?? `exit code ${code}`})`));
    if (this.#running !== running) return;
    this.#running = undefined;
    const wasUp = this.#isUp;
    this.#isUp = false;
    onEnded(this.number);
    // At the first start whoever waits for it hears of it.
    if (this.#leaving || !(wasUp || this.#failures > 0)) return;
    this.ends++;
    if (timers.now() - running.sinceMs > SOUND_MS) this.#failures = 0;
    const how = signal === null ? { code } : { signal };
    log.error("a worker has ended: another one takes its place", { worker: this.number, ...how });
    this.#startSoon();
  }

  /** One that stands still for good takes connections and answers none: it is ended, and another one takes its place. */
  #watchOver(running: Running): void {
    const { timers, log } = this.#options;
    this.#nextLook.set(LOOK_EVERY_MS, async () => {
      if (this.#running !== running || this.#leaving) return;
      if (await settlesWithin(running.channel.ask(TO_WORKER.alive, []), SILENCE_MS, timers)) {
        return this.#watchOver(running);
      }
      if (this.#running !== running || this.#leaving) return;
      log.error("a worker stands still: it is ended", { worker: this.number, silent_ms: SILENCE_MS });
      running.process.kill();
    });
  }

  #startSoon(): void {
    if (this.#leaving || this.#nextStart.isSet) return;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
    this.#nextStart.set(pauseMs, () => void this.#startWhenSteady());
  }

  /** What waits for a change to be over is no start under way: whoever makes the change waits for those. */
  async #startWhenSteady(): Promise<void> {
    await this.#options.whenSteady();
    if (!this.#leaving) this.#starting = this.#startAgain().finally(() => this.#starting = undefined);
  }

  async #startAgain(): Promise<void> {
    const { log } = this.#options;
    try {
      await this.prepare();
      if (this.#leaving) return;
      await this.listen();
      log.info("a worker has taken its place", { worker: this.number });
    } catch (error) {
      if (this.#leaving) return;
      log.error("a worker could not be started", { worker: this.number, cause: (error as Error).message });
      // Its end leads to the next attempt; where there was no beginning, nothing else does.
      if (this.#running === undefined) this.#startSoon();
      else this.#running.process.kill();
    }
  }
}

async function forEachLine(lines: AsyncIterable<string>, take: (line: string) => void): Promise<void> {
  try {
    for await (const line of lines) takeWhole(line, take);
  } catch {
    // A pipe that broke is its end: the process's status tells.
  }
}

/** One line that cannot be taken is no reason to read no more: whoever writes would wait for ever. */
function takeWhole(line: string, take: (line: string) => void): void {
  try {
    take(line);
  } catch (fault) {
    tellIfOwn(fault);
  }
}
