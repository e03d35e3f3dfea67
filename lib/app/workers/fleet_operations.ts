// What operators see and do of all workers as one: each is asked, and their answers are added up.
import type { Readiness } from "../../admin/admin.ts";
import { Feeds, type Subscribe } from "../../admin/feeds.ts";
import type { StateView } from "../../admin/state_view.ts";
import { SignetError } from "../../errors.ts";
import type { LogLevel } from "../../observe/log.ts";
import type { MetricsPage } from "../../observe/metrics.ts";
import { residentBytes } from "../../platform/process/this_process.ts";
import { settlesWithin, type Timers } from "../../platform/time/timers.ts";
import type { Operations } from "../operators/operations.ts";
import { fleetControl } from "./fleet_control.ts";
import { MergedMetrics, type OwnSamples } from "./merged_metrics.ts";
import { mergeReadiness, mergeState } from "./merged_state.ts";
import { NEWS_TO_WORKER, TO_WORKER } from "./messages.ts";
import type { Slot } from "./slot.ts";

/** How long a worker is waited for that is asked how it is, ms. */
const ASK_MS = 5000;
/** How long what is watched waits for who wanted to, ms. */
const UNTAKEN_MS = 1000;

export interface FleetOperationsOptions {
  readonly slots: readonly Slot[];
  readonly isDraining: () => boolean;
  /** What this process counts itself. */
  readonly page: MetricsPage;
  readonly own: () => OwnSamples;
  readonly logLevel: () => LogLevel;
  readonly timers: Timers;
}

export class FleetOperations implements Operations {
  readonly feeds = new Feeds();
  readonly control = fleetControl({
    askOne: async (method, ...args) => await this.#oneUp().ask(TO_WORKER.control, method, ...args),
    askEach: (method, argsOf) =>
      this.#requireUp().map((slot, at) => slot.ask(TO_WORKER.control, method, ...argsOf(at))),
  });
  readonly #options: FleetOperationsOptions;
  readonly #metrics = new MergedMetrics();
  readonly #watches = new Map<number, (event: unknown) => void>();
  #nextWatch = 0;
  /** How many have ended in each place. */
  readonly #ends = new Map<number, number>();

  constructor(options: FleetOperationsOptions) {
    this.#options = options;
  }

  async ready(): Promise<Readiness> {
    const { slots, isDraining } = this.#options;
    const found = await this.#answers<Readiness>(TO_WORKER.ready);
    const { ready, checks } = mergeReadiness([...found.values()], slots.length);
    return { ready: ready && !isDraining(), checks };
  }

  async metrics(): Promise<string> {
    const { page, own } = this.#options;
    const before = new Map(this.#ends);
    const pages = await this.#answers<string>(TO_WORKER.metrics);
    // Of one that has ended meanwhile, what it had counted is counted already.
    for (const [number, ends] of this.#ends) {
      if (ends !== before.get(number)) pages.delete(number);
    }
    return this.#metrics.merge(pages, own()) + page.render();
  }

  async view(): Promise<StateView> {
    const [views, readiness] = await Promise.all([this.#answers<StateView>(TO_WORKER.view), this.ready()]);
    if (views.size === 0) throw noneUp();
    const state = mergeState([...views.values()], readiness);
    const log = { ...state.log, level: this.#options.logLevel() };
    return { ...state, log, residentBytes: state.residentBytes + residentBytes() };
  }

  async tap(hash: string): Promise<Subscribe | undefined> {
    const slots = this.#up();
    const known = await Promise.all(slots.map((slot) => slot.ask(TO_WORKER.knows, hash).catch(() => false)));
    return known.includes(true) ? await this.#watch(hash) : undefined;
  }

  watch(hash: string): Subscribe {
    return (feed) => {
      const watching = this.#watch(hash).then((subscribe) => subscribe(feed));
      return () => void watching.then((stop) => stop());
    };
  }

  /** All workers watch once it settles: the next request of the session may reach any of them. */
  async #watch(hash: string): Promise<Subscribe> {
    const watch = this.#nextWatch++;
    const slots = this.#up();
    const early: unknown[] = [];
    this.#watches.set(watch, (event) => void early.push(event));
    const stop = () => {
      if (!this.#watches.delete(watch)) return;
      for (const slot of slots) slot.tell(NEWS_TO_WORKER.unwatch, watch);
    };
    await Promise.all(slots.map((slot) => slot.ask(TO_WORKER.watch, watch, hash).catch(() => {})));
    // Whoever is not let in to watch takes nothing of it.
    const letGo = this.#options.timers.after(UNTAKEN_MS, stop);
    return (feed) => {
      letGo();
      const push = (event: unknown) => event === undefined ? feed.end() : feed.push(event);
      early.forEach(push);
      this.#watches.set(watch, push);
      return stop;
    };
  }

  tell(event: Parameters<Operations["tell"]>[0]): void {
    this.#up()[0]?.tell(NEWS_TO_WORKER.event, event);
  }

  /** A worker tells of what happens in a session that is watched. */
  onWatched(watch: number, event: unknown): void {
    this.#watches.get(watch)?.(event);
  }

  onEnded(number: number): void {
    this.#ends.set(number, (this.#ends.get(number) ?? 0) + 1);
    this.#metrics.depart(number);
  }

  #up(): Slot[] {
    return this.#options.slots.filter(({ isUp }) => isUp);
  }

  #requireUp(): Slot[] {
    const up = this.#up();
    if (up.length === 0) throw noneUp();
    return up;
  }

  #oneUp(): Slot {
    return this.#requireUp()[0]!;
  }

  /** Of those that serve and answer, by their numbers. */
  async #answers<T>(call: string): Promise<Map<number, T>> {
    const answers = new Map<number, T>();
    await Promise.all(
      this.#up().map(async (slot) => {
        const asked = slot.ask(call);
        if (!await settlesWithin(asked, ASK_MS, this.#options.timers)) return;
        await asked.then((answer) => answers.set(slot.number, answer as T), () => {});
      }),
    );
    // In the order of their places, whoever was faster.
    return new Map([...answers].sort(([one], [other]) => one - other));
  }
}

function noneUp(): SignetError {
  return new SignetError("identity_unavailable", {
    publicMessage: "No worker serves at the moment",
    remedy: "They are being started again: the log says why. Ask again.",
    retryAfterS: 1,
  });
}
