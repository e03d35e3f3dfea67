// Several workers as one Signet: started together or not at all, reloaded and drained together, started again by itself when
// one ends. This process serves no client: it holds what they share, steers them, and answers operators
// (docs/behaviour.md R1, R4, R5, P2).
import type { AdminServer } from "../../admin/admin.ts";
import type { AdminToken } from "../../admin/admin_token.ts";
import type { LoadedKeys } from "../../config/named/keys.ts";
import type { Settings } from "../../config/schema.ts";
import { formatAuthority } from "../../http1/wire/authority.ts";
import type { Logger, LogLevel } from "../../observe/log.ts";
import { machineName } from "../../platform/process/this_process.ts";
import { settlesWithin, type Timers } from "../../platform/time/timers.ts";
import { VERSION } from "../../platform/version.ts";
import { STORE_NEWS } from "../../store/held/asked_store.ts";
import { holdStore } from "../../store/held/held_store.ts";
import type { Store } from "../../store/store.ts";
import { openAdmin } from "../operators/admin_listener.ts";
import type { OperatorOptions } from "../operators/operator_options.ts";
import type { FilesAtStart } from "../reload/files_at_start.ts";
import { needRestart, withLive } from "../reload/live.ts";
import { Reloads } from "../reload/reloads.ts";
import { type AppOptions, ListenError, type RunningApp } from "../running_app.ts";
import { ownSamples, workersPage } from "./fleet_metrics.ts";
import { FleetOperations } from "./fleet_operations.ts";
import type { FileTexts } from "./given_files.ts";
import { changeKeys } from "./key_change.ts";
import { type Begin, type KeysOnWire, NEWS_TO_WORKER, TO_WORKER } from "./messages.ts";
import { claimShared, hopAddress, hopAddressAgain } from "./ports.ts";
import { shareOf } from "./shares.ts";
import { Slot } from "./slot.ts";
import type { WorkerProcess } from "./worker_process.ts";

export interface FleetOptions
  extends Pick<AppOptions, "settings" | "given" | "loadKeys" | "reloadSettings" | "onReloaded">, OperatorOptions {
  readonly count: number;
  readonly log: Logger;
  readonly logLevel: () => LogLevel;
  readonly startWorker: () => WorkerProcess;
  /** Where tokens and revocations are kept; undefined where the settings name a store that all reach. */
  readonly base: Store | undefined;
  readonly adminToken: AdminToken | undefined;
  readonly filesOnce: FileTexts;
  /** What a reload cannot put in force. */
  readonly filesAtStart: Pick<FilesAtStart, "changed">;
  /** Of the files that a reload reads anew, as they are now. */
  readonly readFiles: (settings: Settings) => Promise<FileTexts>;
  /** A line of a worker's log. */
  readonly onLogged: (number: number, line: string) => void;
  readonly timers: Timers;
}

/** Beyond its own time-outs a worker that drains ends what it has started: servers' processes, the audit log, ms. */
const DRAIN_GRACE_MS = 30_000;

/** @throws what keeps any worker from starting; then none is left */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const fleet = new Fleet(options, {
    keys: await options.loadKeys(),
    files: await options.readFiles(options.settings),
  });
  try {
    await fleet.open();
    return fleet;
  } catch (error) {
    await fleet.end();
    throw error;
  }
}

export class Fleet implements RunningApp {
  readonly operations: FleetOperations;
  readonly #options: FleetOptions;
  readonly #slots: readonly Slot[];
  readonly #held: Store | undefined;
  readonly #reloads: Reloads;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #hops = new Map<number, Begin["hop"]>();
  #settings: Settings;
  #keys: LoadedKeys;
  #files: FileTexts;
  #admin: AdminServer | undefined;
  #listen = "";
  #draining = false;
  /** A reload under way: a worker that began with what was in force before it would miss what comes. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: FleetOptions, { keys, files }: { readonly keys: LoadedKeys; readonly files: FileTexts }) {
    const { settings, count, base, now, timers, log, startWorker: start, onLogged } = options;
    this.#options = options;
    this.#settings = settings;
    this.#keys = keys;
    this.#files = files;
    this.#reloads = new Reloads(now());
    this.#held = base === undefined ? undefined : holdStore(base, now);
    this.#slots = Array.from({ length: count }, (_, at) =>
      new Slot({
        ...{ number: at + 1, start, log, timers, onLogged, store: this.#held },
        begin: () => this.#begin(at + 1),
        whenSteady: async () => void await this.#changing,
        onWatched: (watch, event) => this.operations.onWatched(watch, event),
        onEnded: (number) => this.operations.onEnded(number),
      }));
    this.operations = new FleetOperations({
      ...{ slots: this.#slots, timers, page: workersPage(() => this.#slots), logLevel: options.logLevel },
      isDraining: () => this.#draining,
      own: () => ownSamples({ reloads: this.#reloads, held: this.#held, droppedLines: options.droppedLines }),
    });
    const shared = this.#held?.shared;
    shared?.watchRevocations(() => this.#tellAll(NEWS_TO_WORKER.store, STORE_NEWS[0]));
    shared?.aliases.watch((text) => this.#tellAll(NEWS_TO_WORKER.store, STORE_NEWS[1], text));
    this.#held?.pools?.watch((text) => this.#tellAll(NEWS_TO_WORKER.store, STORE_NEWS[2], text));
  }

  get listen(): string {
    return this.#listen;
  }

  get workers(): number {
    return this.#slots.length;
  }

  get admin(): string | undefined {
    return this.#admin?.address;
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /** All workers, and what operators have; or what keeps one of them from starting is thrown. */
  async open(): Promise<void> {
    const listen = await claimShared(this.#settings.listen, this.#options.timers);
    this.#settings = { ...this.#settings, listen };
    for (const { number } of this.#slots) this.#hops.set(number, hopAddress(number, this.#whereHops()));
    // None listens before all can: who connects meets a whole Signet, or none.
    await allOrFirst(this.#slots.map((slot) => slot.prepare()));
    [this.#listen = ""] = await allOrFirst(this.#slots.map((slot) => slot.listen()));
    const { admin } = this.#settings;
    if (admin !== "off") this.#admin = await this.#openAdmin(admin);
  }

  async #openAdmin(admin: Exclude<Settings["admin"], "off">): Promise<AdminServer> {
    const { adminToken: token, log } = this.#options;
    try {
      const { operations } = this;
      return await openAdmin(admin, { options: this.#options, operations, settings: this.#settings, token, log });
    } catch (cause) {
      throw new ListenError("--admin", formatAuthority(admin.hostname, admin.port), cause);
    }
  }

  /** For workers, as of now. */
  setLogLevel(level: LogLevel): void {
    this.#tellAll(NEWS_TO_WORKER.logLevel, level);
  }

  async reload(): Promise<readonly string[]> {
    return await this.#reloads.count(this.#options.now, async () => {
      const changing = this.#reload();
      this.#changing = changing.catch(() => {});
      return await changing;
    });
  }

  /**
   * The first worker tries it: what it refuses no other is told, and none opens with a new key of it.
   */
  async #reload(): Promise<readonly string[]> {
    const { reloadSettings, loadKeys, log, onReloaded } = this.#options;
    const wanted = await reloadSettings();
    const keys = await loadKeys();
    const settings = withLive(this.#settings, wanted);
    const files = await this.#options.readFiles(settings);
    const waiting = needRestart(this.#settings, { ...wanted, listen: restartsFor(this.#settings, wanted) });
    const restart = [...new Set([...waiting, ...await this.#options.filesAtStart.changed()])];
    await Promise.all(this.#slots.map((slot) => slot.settled()));
    const up = this.#slots.filter(({ isUp }) => isUp);
    // Too little of something for all of them refuses it, whoever is there to be told.
    const shares = new Map(this.#slots.map(({ number }) => [number, this.#shareOf(number, settings)]));
    const orders = ({ number }: Slot) => ({ settings: shares.get(number)!, keys: onWire(keys), files });
    let first: Slot | undefined;
    await changeKeys(up, { before: onWire(this.#keys), next: onWire(keys) }, async () => {
      // Of those that are there still: what ends the one that tries it is refused.
      first = up.find(({ isUp }) => isUp) ?? up[0];
      await first?.ask(TO_WORKER.reload, orders(first));
    });
    this.#settings = settings;
    this.#keys = keys;
    this.#files = files;
    if (restart.length > 0) log.warn("some settings change only with a restart", { settings: restart.join(" ") });
    onReloaded?.(settings);
    await Promise.all(
      up.filter((slot) => slot !== first && slot.isUp).map(async (slot) => {
        await slot.ask(TO_WORKER.reload, orders(slot)).catch((error) => {
          log.error("a worker did not take the reload: another one takes its place", {
            ...{ worker: slot.number, cause: (error as Error).message },
          });
          slot.replace();
        });
      }),
    );
    return restart;
  }

  async drain(): Promise<{ readonly cutStreams: number }> {
    this.#draining = true;
    for (const slot of this.#slots) slot.leave();
    const { drainDelayMs, drainTimeoutMs } = this.#settings;
    let cutStreams = 0;
    await Promise.all(
      this.#slots.filter(({ isUp }) => isUp).map(async (slot) => {
        const drained = slot.ask(TO_WORKER.drain);
        // One that ends under it, or stands still, has cut something.
        const inTime = await settlesWithin(
          drained,
          drainDelayMs + drainTimeoutMs + DRAIN_GRACE_MS,
          this.#options.timers,
        );
        cutStreams += inTime ? await drained.then(Number, () => 1) : 1;
      }),
    );
    await this.end();
    this.#stopped.resolve();
    return { cutStreams };
  }

  /** No worker is left when it settles. */
  async end(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.end()));
    await this.#admin?.close();
    await this.#held?.close();
  }

  #tellAll(call: string, ...args: readonly unknown[]): void {
    for (const slot of this.#slots) slot.tell(call, ...args);
  }

  #whereHops() {
    return { machine: machineName() ?? "", listen: this.#settings.listen };
  }

  #begin(number: number): Begin {
    const hop = hopAddressAgain(this.#hops.get(number)!, number, this.#whereHops());
    this.#hops.set(number, hop);
    return {
      ...{ number, version: VERSION, keys: onWire(this.#keys), files: this.#files },
      // What an operator has set holds for the next worker, too.
      settings: { ...this.#shareOf(number, this.#settings), logLevel: this.#options.logLevel() },
      hop,
      filesOnce: this.#options.filesOnce,
      asksForStore: this.#held !== undefined,
      given: [...this.#options.given ?? []],
    };
  }

  #shareOf(number: number, settings: Settings): Settings {
    return shareOf(settings, { number, count: this.#slots.length });
  }
}

function onWire({ ring, material, source, ephemeral }: LoadedKeys): KeysOnWire {
  if (material === undefined) throw new Error(`handing ${ring} on: found no text of it`);
  return { text: material.reveal(), source, ephemeral };
}

/** Port 0 was asked for, and another one found: that is no change. */
function restartsFor(current: Settings, { listen }: Settings): Settings["listen"] {
  return listen.port === 0 && listen.hostname === current.listen.hostname ? current.listen : listen;
}

/** Waits for all, and throws what the first one threw. */
async function allOrFirst<T>(attempts: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(attempts);
  return outcomes.map((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  });
}
