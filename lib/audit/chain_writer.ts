// The chain of an audit log on its way into files (G1, G2): lines are sealed, tried again until they are taken, and go on in
// the next file of the name. A file that takes nothing is left as soon as it has been moved away, or its disk stayed full of
// it; what it has not taken whole goes to the next one, as if nothing had been.
import type { Logger } from "../observe/log.ts";
import { pause, SYSTEM_TIMERS } from "../platform/time/timers.ts";
import { quoted, writeTime } from "./audit_line.ts";
import type { Chain } from "./chain.ts";
import { REMEDY } from "./door.ts";
import { LineBatch } from "./line_batch.ts";
import type { AuditSink } from "./sink.ts";

/** Between two tries to write what was not taken. */
const RETRY_MS = 250;

/** What has become of what was written. */
export interface WritingStats {
  /** Written. */
  lines: number;
  /** 1 while what is written to takes nothing. */
  failing: 0 | 1;
}

export interface ChainWriterOptions {
  readonly sink: AuditSink;
  readonly chain: Chain;
  /** Kept up to date. */
  readonly stats: WritingStats;
  /** How long what is written to may take nothing before that is told of, ms. */
  readonly stallMs: number;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What a file is left by. */
export interface Leaving {
  /** Has a work done when what is being done with the sink is. */
  readonly inTurn: (work: () => Promise<void>) => void;
  /** Writes what is to be in the old file. */
  readonly writeAll: () => Promise<void>;
}

/** For one caller at a time, but for `reopen` and `stop`. */
export class ChainWriter {
  readonly #options: ChainWriterOptions;
  /** Asked for, and not done yet. */
  #rotation: PromiseWithResolvers<void> | undefined;
  /** Makes the file that has taken this one's name the one that is written to. */
  #takeNext: (() => Promise<void>) | undefined;
  #stopped = false;

  constructor(options: ChainWriterOptions) {
    this.#options = options;
  }

  /** Resolves when they have been taken, or nothing is written any more. @throws the system's error */
  async write(lines: LineBatch): Promise<void> {
    const count = lines.ends.length;
    while (!await this.#writeSealed(lines)) await this.#turnPage();
    this.#options.stats.lines += count;
  }

  /** A line of the log's own, which finds room always. @param text its members, as JSON */
  async writeAlone(text: string): Promise<void> {
    await this.write(this.#alone(text));
  }

  /** Puts a line of the log's own behind others. */
  addOwn(lines: LineBatch, text: string): void {
    writeTime(lines, this.#options.now());
    lines.text(text);
    lines.endLine();
  }

  /** Goes on in the file that has this one's name by now, if that is another. @throws the system's error */
  async reopen({ inTurn, writeAll }: Leaving): Promise<void> {
    // A collector's lines have no next file: a reload need not wait until it reads.
    if (this.#options.sink.openNext === undefined) return;
    if (this.#rotation !== undefined) return await this.#rotation.promise;
    const rotation = this.#rotation = Promise.withResolvers<void>();
    inTurn(() => this.#rotate(rotation, writeAll));
    await rotation.promise;
  }

  /** Nothing is tried again from now on. */
  stop(): void {
    this.#stopped = true;
  }

  async #rotate(rotation: PromiseWithResolvers<void>, writeAll: () => Promise<void>): Promise<void> {
    try {
      await writeAll();
      // Or what could not be written has gone to the next file already.
      if (this.#rotation !== rotation || !await this.#hasNext()) return;
      if (await this.#writeSealed(this.#alone('"event":"audit.rotate","outcome":"ok"'))) this.#options.stats.lines++;
      await this.#turnPage();
    } catch (fault) {
      rotation.reject(fault);
    } finally {
      this.#endRotation(rotation);
    }
  }

  #endRotation(rotation: PromiseWithResolvers<void> | undefined): void {
    rotation?.resolve();
    if (this.#rotation === rotation) this.#rotation = undefined;
  }

  /** @throws the system's error */
  async #hasNext(): Promise<boolean> {
    this.#takeNext ??= await this.#options.sink.openNext?.();
    return this.#takeNext !== undefined;
  }

  /** Goes on in the file that `#hasNext` has found, or in the one after it. @throws the system's error */
  async #turnPage(): Promise<void> {
    const { chain, stats, log } = this.#options;
    const { seq, mac } = chain.head;
    const line = this.#alone(`"event":"audit.continue","outcome":"ok","key":${quoted(chain.key.id)},"prev":"${mac}"`);
    do {
      const take = this.#takeNext;
      this.#takeNext = undefined;
      await take?.();
      chain.turnPage();
      this.#endRotation(this.#rotation);
      // Nothing to go on from: no file has taken the start.
    } while (mac !== "" && !await this.#writeSealed(line));
    if (mac !== "") stats.lines++;
    log.info("audit log rotated", { head: `${seq}:${mac}` });
  }

  #alone(text: string): LineBatch {
    const line = new LineBatch();
    this.addOwn(line, text);
    return line;
  }

  /**
   * @returns false where they are to go to the next file, as if nothing had been. What of them this one has under a MAC, and
   *   does not give back, has been written: the chain goes on behind it, and they are without it
   */
  async #writeSealed(lines: LineBatch): Promise<boolean> {
    const { chain } = this.#options;
    const bytes = chain.seal(lines);
    const written = await this.#writeBytes(bytes);
    if (written === bytes.length) return true;
    lines.dropFirst(chain.goBack(written));
    return false;
  }

  /** @returns how many were written: not all where the rest is to go to the next file */
  async #writeBytes(bytes: Uint8Array): Promise<number> {
    const { sink } = this.#options;
    let at = 0;
    while (at < bytes.length && !this.#stopped) {
      try {
        const taken = await this.#watched(sink.write(at === 0 ? bytes : bytes.subarray(at)));
        if (taken === 0) throw new Error("writing the audit log: found nothing taken, want at least a byte");
        at += taken;
        // A full disk takes the beginning each time that it is given back.
        if (at === bytes.length) this.#noteTaken();
      } catch (error) {
        this.#noteFailure(error as Error);
        if (at > 0 && await sink.undo?.(at) === true) at = 0;
        if (await this.#mayLeave()) return at;
        await pause(RETRY_MS, SYSTEM_TIMERS);
      }
    }
    return bytes.length;
  }

  /** A collector that is there and reads nothing lets nothing fail. */
  async #watched(taking: Promise<number>): Promise<number> {
    const { stallMs } = this.#options;
    const message = `writing the audit log: found nothing taken for ${stallMs} ms, want its reader to go on`;
    const late = () => this.#stopped || this.#noteFailure(new Error(message));
    const timer = setTimeout(late, stallMs);
    try {
      return await taking;
    } finally {
      clearTimeout(timer);
    }
  }

  #noteTaken(): void {
    const { sink, stats, log } = this.#options;
    if (stats.failing === 1) log.info("audit log written again", { sink: sink.kind });
    stats.failing = 0;
  }

  #noteFailure({ message }: Error): void {
    const { sink, stats, log } = this.#options;
    if (stats.failing === 0) {
      log.error("audit log cannot be written", { sink: sink.kind, cause: message, remedy: REMEDY });
    }
    stats.failing = 1;
  }

  /** Whether its name has gone to another file, where one has been asked for. */
  async #mayLeave(): Promise<boolean> {
    const rotation = this.#rotation;
    if (rotation === undefined) return false;
    try {
      return await this.#hasNext();
    } catch (fault) {
      rotation.reject(fault);
      this.#rotation = undefined;
      return false;
    }
  }
}
