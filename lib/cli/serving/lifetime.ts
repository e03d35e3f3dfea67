// The life of a running gateway as signals, the admin listener and its launcher's end steer it (docs/behaviour.md P2,
// P7): the first asks to end drains, a second ends at once, a reload that is bad keeps the old. Resolves to the exit
// code.
import type { ProcessControl } from "../../admin/process_api.ts";
import type { RunningApp } from "../../app/running_app.ts";
import type { Settings } from "../../config/schema.ts";
import { ConfigError, SignetError } from "../../errors.ts";
import type { AdjustableLogger, LogLevel } from "../../observe/log.ts";
import { describeError } from "../../platform/faults/error_name.ts";
import type { SignalName } from "../../platform/process/signals.ts";
import { EXIT, type ExitCode, type Machine } from "../command.ts";
import { MEANING, type Signals } from "./signals.ts";

/** One key press may arrive twice, by the terminal and by whatever stands between it and Signet: that is one signal. */
const SAME_SIGNAL_MS = 500;

export interface LifeOptions {
  readonly log: AdjustableLogger;
  readonly settings: Settings;
  readonly machine: Pick<Machine, "now" | "onLauncherGone">;
  /** Heard for it since before it was made. */
  readonly signals: Pick<Signals, "tellTo">;
}

/** Made before the app, which is given it to be asked over the admin listener. */
export class Life implements ProcessControl {
  readonly #options: LifeOptions;
  readonly #ended = Promise.withResolvers<ExitCode>();
  #app: RunningApp | undefined;
  #drainingSinceMs: number | undefined;
  /** The reload under way; and the one after it, which all share that ask meanwhile. */
  #reloading: Promise<unknown> | undefined;
  #next: Promise<readonly string[]> | undefined;

  constructor(options: LifeOptions) {
    this.#options = options;
  }

  get drainTimeoutMs(): number {
    const { drainDelayMs, drainTimeoutMs } = this.#options.settings;
    return drainDelayMs + drainTimeoutMs;
  }

  get logLevel(): LogLevel {
    return this.#options.log.level;
  }

  set logLevel(level: LogLevel) {
    this.#options.log.info("log level set", { to: level });
    this.#options.log.level = level;
  }

  /** Watches over `app` until it has ended. */
  async run(app: RunningApp): Promise<ExitCode> {
    this.#app = app;
    app.stopped.then(() => this.#stoppedUnasked(), (error) => this.#stoppedUnasked(error));
    const { machine, signals } = this.#options;
    signals.tellTo((signal) => this.#hear(signal));
    const forget = machine.onLauncherGone(() => this.#endWithLauncher());
    try {
      return await this.#ended.promise;
    } finally {
      forget();
    }
  }

  stop(asked = "admin"): void {
    const { log, machine } = this.#options;
    const nowMs = machine.now();
    if (this.#drainingSinceMs === undefined) {
      this.#drainingSinceMs = nowMs;
      log.info("draining; a second signal ends at once", { signal: asked });
      return this.#drain();
    }
    if (Math.abs(nowMs - this.#drainingSinceMs) < SAME_SIGNAL_MS) return;
    log.warn("ending at once", { signal: asked });
    this.#ended.resolve(EXIT.streamsCut);
  }

  #hear(signal: SignalName): void {
    switch (MEANING[signal]) {
      case "end":
        return this.stop(signal);
      case "reload":
        return void this.reload().catch(() => {});
      case "nothing": {
        const remedy = "SIGHUP reads keys and configuration again, and goes on in a new file where the audit log was " +
          "moved away; SIGTERM ends Signet.";
        return this.#options.log.warn("a signal that changes nothing", { signal, remedy });
      }
    }
  }

  /**
   * One reload at a time; all that are asked for meanwhile are one more, as files may have changed after they were
   * read. None once it drains. What goes wrong is in the log.
   */
  reload(): Promise<readonly string[]> {
    if (this.#reloading === undefined) return this.#reloadNow();
    return this.#next ??= this.#reloading.then(() => {
      this.#next = undefined;
      return this.#reloadNow();
    });
  }

  #reloadNow(): Promise<readonly string[]> {
    if (this.#drainingSinceMs !== undefined || this.#app === undefined) {
      return Promise.reject(new SignetError("draining"));
    }
    const reload = this.#app.reload().then((restart) => {
      this.#options.log.info("reloaded");
      return restart;
    }, (error) => {
      this.#reportReload(error);
      throw error;
    });
    const settled: Promise<unknown> = reload.catch(() => {}).then(() => {
      if (this.#reloading === settled) this.#reloading = undefined;
    });
    this.#reloading = settled;
    return reload;
  }

  #drain(): void {
    const { log } = this.#options;
    this.#app?.drain().then(({ cutStreams }) => {
      if (cutStreams === 0) log.info("drained");
      else log.warn("drained; streams were cut", { cut_streams: cutStreams });
      this.#ended.resolve(cutStreams === 0 ? EXIT.done : EXIT.streamsCut);
    }, (error) => {
      log.error("draining failed", { error: describeError(error) });
      this.#ended.resolve(EXIT.streamsCut);
    });
  }

  #endWithLauncher(): void {
    if (this.#drainingSinceMs !== undefined) return;
    this.#options.log.warn("the program that started Signet has ended: Signet ends, too");
    this.stop("launcher");
  }

  #reportReload(error: unknown): void {
    const { log } = this.#options;
    const kept = "reload refused; keys and configuration stay as they were";
    if (!(error instanceof ConfigError)) return log.error(kept, { error: describeError(error) });
    for (const { place, problem, remedy } of error.problems) log.error(kept, { place, problem, remedy });
  }

  #stoppedUnasked(error?: unknown): void {
    // A drain that ends the listener too is told by its own outcome.
    if (this.#drainingSinceMs !== undefined) return;
    this.#options.log.error("stopped unasked", { error: error === undefined ? undefined : describeError(error) });
    this.#ended.resolve(EXIT.unreachable);
  }
}
