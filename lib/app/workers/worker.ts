// A worker's end: it does what the process that has started it says, and ends with it (docs/behaviour.md R1, P2). All it is
// told comes over its standard input, whose end is that process's end: then it cuts everything and is gone in seconds.
import type { LoadedKeys } from "../../config/named/keys.ts";
import { parseKeyRing } from "../../envelope/key_ring.ts";
import type { LogLevel } from "../../observe/log.ts";
import type { LifeEvent } from "../../observe/observers.ts";
import { readTextFile } from "../../platform/files/files.ts";
import { settlesWithin, type Timers } from "../../platform/time/timers.ts";
import { VERSION } from "../../platform/version.ts";
import { type AskStore, createAskedStore, type STORE_NEWS } from "../../store/held/asked_store.ts";
import type { NamingControl } from "../operators/control.ts";
import type { Operations } from "../operators/operations.ts";
import type { WorkerPlace } from "../worker_place.ts";
import { Channel } from "./channel.ts";
import { readerOf } from "./given_files.ts";
import { type Begin, type KeysOnWire, NEWS_TO_WORKER, type Orders, STORE, TO_WORKER, WATCHED } from "./messages.ts";

/** How long it may take to let go of what it holds once nobody is there who steers it, in ms: servers' processes above all. */
const END_MS = 4000;

/** What serves, as far as a worker needs it. */
export interface WorkerApp {
  readonly listen: string;
  readonly operations: Operations;
  reload(): Promise<unknown>;
  drain(): Promise<{ readonly cutStreams: number }>;
  end(): Promise<void>;
  openAlsoWith(ring: LoadedKeys["ring"]): void;
  openOnlyWith(ring: LoadedKeys["ring"]): void;
}

/** What a worker is given to serve with. */
export interface WorkerStart {
  readonly begin: Begin;
  readonly place: WorkerPlace;
  /** As they are at the moment. */
  readonly orders: () => { readonly settings: Orders["settings"]; readonly keys: LoadedKeys };
}

export interface WorkerOptions {
  /** What it is told, line by line, until nobody is there any more. */
  readonly lines: AsyncIterable<string>;
  readonly write: (line: string) => void;
  readonly start: (start: WorkerStart) => Promise<WorkerApp>;
  readonly onLogLevel: (level: LogLevel) => void;
  readonly onFault: (fault: unknown) => void;
  readonly timers: Timers;
}

/** Resolves when it has ended: with true if it was drained before. */
export async function serveAsWorker(options: WorkerOptions): Promise<boolean> {
  const worker = new Worker(options);
  for await (const line of options.lines) worker.channel.receive(line);
  return await worker.end();
}

class Worker {
  readonly channel: Channel;
  readonly #options: WorkerOptions;
  readonly #mayListen = Promise.withResolvers<void>();
  readonly #watches = new Map<number, () => void>();
  #news: ReturnType<typeof createAskedStore>["news"] = () => {};
  #orders: Orders | undefined;
  #starting: Promise<WorkerApp> | undefined;
  #app: WorkerApp | undefined;
  #drained = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { write, onFault } = options;
    this.channel = new Channel({ write, onFault, answer: (call, args) => this.#answer(call, args) });
  }

  async end(): Promise<boolean> {
    this.channel.close(new Error("asking who has started this worker: found nobody, want the process that steers it"));
    if (!this.#drained && this.#app !== undefined) {
      await settlesWithin(this.#app.end(), END_MS, this.#options.timers);
    }
    return this.#drained;
  }

  #answer(call: string, args: readonly unknown[]): unknown {
    const [first, second] = args;
    switch (call) {
      case TO_WORKER.begin:
        return this.#begin(first as Begin);
      case TO_WORKER.listen:
        return this.#listen();
      case TO_WORKER.reload:
        return this.#reload(first as Orders);
      case TO_WORKER.openAlsoWith:
        return this.#running.openAlsoWith(keysOf(first as KeysOnWire).ring);
      case TO_WORKER.openOnlyWith:
        return this.#running.openOnlyWith(keysOf(first as KeysOnWire).ring);
      case TO_WORKER.drain:
        return this.#drain();
      case TO_WORKER.alive:
        return true;
      case TO_WORKER.ready:
        return this.#operations.ready();
      case TO_WORKER.metrics:
        return this.#operations.metrics();
      case TO_WORKER.view:
        return this.#operations.view();
      case TO_WORKER.control:
        return callControl(this.#operations.control, args);
      case TO_WORKER.knows:
        return this.#operations.tap(first as string) !== undefined;
      case NEWS_TO_WORKER.store:
        return this.#news(first as typeof STORE_NEWS[number], second as string | undefined);
      case NEWS_TO_WORKER.logLevel:
        return this.#options.onLogLevel(first as LogLevel);
      case NEWS_TO_WORKER.event:
        return this.#app?.operations.tell(first as LifeEvent);
      case TO_WORKER.watch:
        return this.#watch(first as number, second as string);
      case NEWS_TO_WORKER.unwatch:
        return this.#unwatch(first as number);
      default:
        throw new Error(`being a worker: found the word ${call}, want one of its own version`);
    }
  }

  get #running(): WorkerApp {
    if (this.#app === undefined) throw new Error("steering a worker: found it on its way up or down");
    return this.#app;
  }

  get #operations(): Operations {
    return this.#running.operations;
  }

  async #begin(begin: Begin): Promise<void> {
    if (begin.version !== VERSION) {
      throw new Error(`starting a worker: found version ${VERSION}, want ${begin.version}: restart Signet`);
    }
    this.#orders = begin;
    const prepared = Promise.withResolvers<void>();
    const ask: AskStore = (call, args) => this.channel.ask(STORE, [call, args]);
    const asked = begin.asksForStore ? createAskedStore(ask, this.#options.timers) : undefined;
    if (asked !== undefined) this.#news = asked.news;
    const place: WorkerPlace = {
      number: begin.number,
      store: asked?.store,
      hop: begin.hop,
      // What it was not told it reads as any process does.
      readOnce: readerOf(() => begin.filesOnce, readTextFile),
      readAnew: readerOf(() => this.#orders!.files, readTextFile),
      mayListen: this.#mayListen.promise,
      onPrepared: prepared.resolve,
    };
    this.#starting = this.#options.start({ begin, place, orders: () => this.#currentOrders() });
    await Promise.race([prepared.promise, this.#starting]);
  }

  #currentOrders() {
    const { settings, keys } = this.#orders!;
    return { settings, keys: keysOf(keys) };
  }

  async #listen(): Promise<string> {
    this.#mayListen.resolve();
    this.#app = await this.#starting;
    return this.#running.listen;
  }

  async #reload(orders: Orders): Promise<void> {
    const before = this.#orders;
    this.#orders = orders;
    try {
      await this.#running.reload();
    } catch (error) {
      this.#orders = before;
      throw error;
    }
  }

  async #drain(): Promise<number> {
    const { cutStreams } = await this.#running.drain();
    this.#drained = true;
    return cutStreams;
  }

  #watch(watch: number, hash: string): void {
    const subscribe = this.#operations.watch(hash);
    this.#watches.set(
      watch,
      subscribe({
        push: (value) => this.channel.tell(WATCHED, watch, value),
        end: () => {
          this.channel.tell(WATCHED, watch);
          this.#unwatch(watch);
        },
      }),
    );
  }

  #unwatch(watch: number): void {
    this.#watches.get(watch)?.();
    this.#watches.delete(watch);
  }
}

function keysOf({ text, source, ephemeral }: KeysOnWire): LoadedKeys {
  return { ring: parseKeyRing(text, source), source, ephemeral, warnings: [] };
}

const CONTROL_METHODS: ReadonlySet<string> = new Set(
  [
    "issueToken",
    "verifyToken",
    "revokeToken",
    "revokeAgent",
    "listTokens",
    "listSessions",
    "revokeEach",
  ] satisfies (keyof NamingControl)[],
);

function callControl(control: NamingControl, [method, ...args]: readonly unknown[]): unknown {
  if (typeof method !== "string" || !CONTROL_METHODS.has(method)) throw new Error("steering a worker: no such method");
  return (control as unknown as Record<string, (...given: unknown[]) => unknown>)[method]!(...args);
}
