// The life of a running gateway as signals steer it (BEHAVIOUR.md P2): first SIGTERM or SIGINT drains, a second ends at
// once, SIGHUP reloads and a bad configuration keeps the old one. Resolves to the exit code.
import type { RunningApp } from "../app/running_app.ts";
import { ConfigError } from "../errors.ts";
import type { Logger } from "../observe/log.ts";
import { EXIT, type ExitCode, type Machine, type SignalName } from "./command.ts";

function nameOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

class Life {
  readonly ended: Promise<ExitCode>;
  readonly #app: RunningApp;
  readonly #log: Logger;
  #end!: (code: ExitCode) => void;
  #draining = false;
  #reloading = false;
  #reloadAgain = false;

  constructor(app: RunningApp, log: Logger) {
    this.#app = app;
    this.#log = log;
    this.ended = new Promise((resolve) => this.#end = resolve);
    app.stopped.then(() => this.#stoppedUnasked(), (error) => this.#stoppedUnasked(error));
  }

  stop(signal: SignalName): void {
    if (this.#draining) {
      this.#log.warn("ending at once", { signal });
      return this.#end(EXIT.streamsCut);
    }
    this.#draining = true;
    this.#log.info("draining; a second signal ends at once", { signal });
    this.#app.drain().then(({ cutStreams }) => {
      if (cutStreams === 0) this.#log.info("drained");
      else this.#log.warn("drained; streams were cut", { cut_streams: cutStreams });
      this.#end(cutStreams === 0 ? EXIT.done : EXIT.streamsCut);
    }, (error) => {
      this.#log.error("draining failed", { error: nameOf(error) });
      this.#end(EXIT.streamsCut);
    });
  }

  /** One reload at a time; signals that arrive meanwhile ask for one more, as files may have changed after they
   * were read. None once it drains. */
  async reload(): Promise<void> {
    this.#reloadAgain = true;
    if (this.#reloading) return;
    this.#reloading = true;
    while (this.#reloadAgain && !this.#draining) {
      this.#reloadAgain = false;
      try {
        await this.#app.reload();
        this.#log.info("reloaded");
      } catch (error) {
        this.#reportReload(error);
      }
    }
    this.#reloading = false;
  }

  #reportReload(error: unknown): void {
    const kept = "reload refused; keys and configuration stay as they were";
    if (!(error instanceof ConfigError)) return this.#log.error(kept, { error: nameOf(error) });
    for (const { place, problem, remedy } of error.problems) this.#log.error(kept, { place, problem, remedy });
  }

  #stoppedUnasked(error?: unknown): void {
    // A drain that ends the listener too is told by its own outcome.
    if (this.#draining) return;
    this.#log.error("stopped unasked", { error: error === undefined ? undefined : nameOf(error) });
    this.#end(EXIT.unreachable);
  }
}

export async function untilStopped(
  app: RunningApp,
  options: { readonly log: Logger; readonly onSignal: Machine["onSignal"] },
): Promise<ExitCode> {
  const life = new Life(app, options.log);
  const forget = [
    options.onSignal("SIGTERM", () => life.stop("SIGTERM")),
    options.onSignal("SIGINT", () => life.stop("SIGINT")),
    options.onSignal("SIGHUP", () => void life.reload()),
  ];
  try {
    return await life.ended;
  } finally {
    for (const unsubscribe of forget) unsubscribe();
  }
}
