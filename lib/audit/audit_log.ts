// The audit log (G1): every exchange and event as a line, in a chain, in order. Nobody who is observed waits for its
// writing; what waits is bounded in bytes. At the bound lines are dropped, counted and told of in the chain itself, or
// requests wait at the door and are then refused, as is configured.
import type { ExchangeRecord } from "../observe/exchange_record.ts";
import type { Logger } from "../observe/log.ts";
import type { LifeEvent, Observer } from "../observe/observers.ts";
import type { WrittenBytes } from "../platform/memory/written_bytes.ts";
import { settlesWithin, SYSTEM_TIMERS } from "../platform/time/timers.ts";
import { batchWriters, quoted, writeEvent, writeExchange, writeTime } from "./audit_line.ts";
import { Chain, type ChainKey, MAX_SEALED } from "./chain.ts";
import { ChainWriter, type WritingStats } from "./chain_writer.ts";
import { Door } from "./door.ts";
import { type LineBatch, LineQueue } from "./line_batch.ts";
import type { Recovered } from "./recover.ts";
import type { AuditSink } from "./sink.ts";

export interface AuditLogOptions {
  readonly sink: AuditSink;
  readonly key: ChainKey;
  /** Where the chain in the sink's file stands. */
  readonly recovered?: Recovered | undefined;
  readonly whenFull: "drop" | "wait";
  /** Most that waits to be written, in bytes; with `wait`, what is under way may add to it as much again. */
  readonly maxWaiting?: number;
  /** How long a request waits for room before it is refused. Default 5,000. */
  readonly patienceMs?: number;
  /** How long what is written to may take nothing before that is told of. Default 5,000. */
  readonly stallMs?: number;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Text that no other chain has. */
  readonly chainId: string;
  readonly version: string;
}

const MAX_WAITING = 8 * 1024 * 1024;
/** How long lines wait for others that are written with them, ms. */
const GATHER_MS = 20;
/** As many wait for nobody: a write wakes two threads, whatever its length. */
const MAX_LINES = 4 * MAX_SEALED;
/** How long a request waits for room before it is refused. */
const PATIENCE_MS = 5000;
/** How long a collector may read nothing before that is told of. */
const STALL_MS = 5000;

export interface AuditStats extends WritingStats {
  /** Neither written nor waiting, and counted in the chain. */
  dropped: number;
  /** Bytes that wait. */
  waiting: number;
}

/** Lines that were dropped between two that were not. */
interface Gap {
  count: number;
  readonly sinceMs: number;
}

export class AuditLog implements Observer {
  readonly stats: AuditStats = { lines: 0, dropped: 0, waiting: 0, failing: 0 };
  readonly #options: AuditLogOptions;
  readonly #chain: Chain;
  readonly #writer: ChainWriter;
  readonly #maxWaiting: number;
  readonly #door: Door;
  readonly #queue = new LineQueue(MAX_LINES);
  #gap: Gap | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What is being done with the sink, one thing after the other. */
  #work: Promise<void> = Promise.resolve();
  #working = false;
  #closed = false;
  /** What is wrong with the file, as last told. */
  #trouble: string | undefined;
  /** Whether it is to be looked at as soon as what is under way has been written. */
  #checking = false;

  constructor(options: AuditLogOptions) {
    const { key, recovered, chainId, version } = options;
    this.#options = options;
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING;
    this.#door = new Door(options.patienceMs ?? PATIENCE_MS);
    this.#chain = new Chain(key, recovered);
    const { sink, log, now } = options;
    const { stallMs = STALL_MS } = options;
    this.#writer = new ChainWriter({ sink, chain: this.#chain, stats: this.stats, stallMs, log, now });
    let start = `"event":"audit.start","outcome":"ok","chain":${quoted(chainId)},"key":${quoted(key.id)}`;
    start += `,"version":${quoted(version)}`;
    if (recovered !== undefined && recovered.mac !== "") start += `,"prev":"${recovered.mac}"`;
    if (recovered?.stopped === false) start += ',"killed":true';
    if (recovered !== undefined && recovered.unsealed > 0) start += `,"unsealed":${recovered.unsealed}`;
    if (recovered !== undefined && recovered.torn > 0) start += `,"torn":${recovered.torn}`;
    const { last } = this.#queue;
    writeTime(last, options.now());
    last.text(start);
    this.stats.waiting += this.#queue.endLine();
    this.#schedule();
  }

  /** Requests refused because there was no room, with `wait`. */
  get refused(): number {
    return this.#door.refused;
  }

  /** Number and MAC of the last line that was sealed. */
  get head(): { readonly seq: number; readonly mac: string } {
    return this.#chain.head;
  }

  readonly onExchange = (record: ExchangeRecord): void => {
    if (record.batch === undefined) return this.#add(writeExchange, record);
    for (const write of batchWriters(record)) this.#add(write, undefined);
  };

  readonly onEvent = (event: LifeEvent): void => {
    this.#add(writeEvent, event);
  };

  /**
   * To be asked before a request is looked at: undefined where it may go on at once.
   * @throws SignetError `audit_unavailable`, later, if there is no room for too long
   */
  room(): Promise<void> | undefined {
    if (this.#options.whenFull === "drop" || this.stats.waiting < this.#maxWaiting) return undefined;
    return this.#door.wait();
  }

  /** What is written from now on is sealed with this key; the line that says so, with the old one. */
  setKey(key: ChainKey): void {
    if (key.id === this.#chain.key.id) return;
    void this.#do(async () => {
      await this.#writeAll();
      await this.#writer.writeAlone(`"event":"audit.key","outcome":"ok","key":${quoted(key.id)}`);
      this.#chain.key = key;
    });
  }

  /**
   * Where the file has been moved away, the rest goes to a new one of its name. Settles when it does; one that takes nothing
   * is left as soon as it has been moved, or its disk stayed full of it.
   * @throws the system's error
   */
  async reopen(): Promise<void> {
    await this.#writer.reopen({ inTurn: (work) => void this.#do(work), writeAll: () => this.#writeAll() });
  }

  /** To be called every few seconds: tells, once, if the file was moved or removed, or somebody else has changed it. */
  async check(): Promise<void> {
    const { sink, log } = this.#options;
    if (sink.trouble === undefined || this.#checking) return;
    this.#checking = true;
    await this.#do(async () => {
      this.#checking = false;
      const found = await sink.trouble!().catch((fault: unknown) => String(fault));
      if (found !== undefined && found !== this.#trouble) {
        log.error("the audit log's file is not as it was left", {
          found,
          remedy:
            "After a rotation send SIGHUP. Else see who has been there: signet audit verify tells what is missing.",
        });
      }
      this.#trouble = found;
    });
  }

  /** Writes what waits, and the last line; not longer than `ms`. */
  async close(ms: number): Promise<void> {
    if (this.#closed) return;
    const closing = this.#do(async () => {
      await this.#writeAll();
      await this.#writer.writeAlone('"event":"audit.stop","outcome":"ok"');
      this.#end();
      await this.#options.sink.close().catch(() => {});
    });
    await settlesWithin(closing, ms, SYSTEM_TIMERS);
    const { seq, mac } = this.head;
    const { log } = this.#options;
    if (this.#closed) return log.info("audit log closed", { head: `${seq}:${mac}` });
    this.#end();
    log.error("audit log closed with lines unwritten", { bytes: this.stats.waiting });
  }

  /** Nothing more is taken, or written. */
  #end(): void {
    this.#closed = true;
    this.#writer.stop();
  }

  #drop(): void {
    this.stats.dropped++;
    this.#gap ??= { count: 0, sinceMs: this.#options.now() };
    this.#gap.count++;
  }

  /** What cannot even be put in words is dropped and counted like what finds no room. */
  #add<About>(write: (line: WrittenBytes, about: About) => void, about: About): void {
    const { stats } = this;
    const most = this.#options.whenFull === "wait" ? 2 * this.#maxWaiting : this.#maxWaiting;
    const { last } = this.#queue;
    try {
      write(last, about);
    } catch (fault) {
      last.dropLine();
      this.#drop();
      return this.#options.log.error("writing the audit log failed", { cause: String(fault) });
    }
    if (this.#closed || stats.waiting + last.unended > most) {
      last.dropLine();
      return this.#drop();
    }
    stats.waiting += this.#queue.endLine();
    if (this.#timer === undefined || this.#queue.count === MAX_LINES) this.#schedule();
  }

  #schedule(): void {
    if (this.#working || this.#closed) return;
    if (this.#queue.count >= MAX_LINES) return void this.#do(() => this.#writeAll());
    this.#timer ??= setTimeout(() => this.#do(() => this.#writeAll()), GATHER_MS);
  }

  #do(work: () => Promise<void>): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#working = true;
    const told = (fault: unknown) => this.#options.log.error("writing the audit log failed", { cause: String(fault) });
    const done: Promise<void> = this.#work = this.#work.then(work).catch(told).finally(() => {
      if (done !== this.#work) return;
      this.#working = false;
      if (this.#queue.count > 0) this.#schedule();
    });
    return done;
  }

  async #writeAll(): Promise<void> {
    while (this.#queue.count > 0 && !this.#closed) {
      const lines = this.#queue.take();
      const size = lines.length;
      this.#tellGap(lines);
      await this.#writer.write(lines);
      this.#queue.release(lines);
      this.stats.waiting -= size;
      if (this.stats.waiting < this.#maxWaiting) this.#door.open();
    }
  }

  /** What was dropped is told where it is missing: behind all that waited when it was. */
  #tellGap(lines: LineBatch): void {
    const gap = this.#gap;
    if (gap === undefined || this.#queue.count > 0) return;
    this.#gap = undefined;
    const since = new Date(gap.sinceMs).toISOString();
    this.#writer.addOwn(lines, `"event":"audit.gap","outcome":"error","dropped":${gap.count},"since":"${since}"`);
    this.#options.log.warn("audit lines dropped", { count: gap.count, since });
  }
}
