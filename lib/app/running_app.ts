// What a running Signet is given and what it answers to: the contract between `signet serve` and app.ts, which is loaded
// only when something is served.
import type { LoadedKeys } from "../config/named/keys.ts";
import type { SettingKey, Settings } from "../config/schema.ts";
import type { Logger } from "../observe/log.ts";
import type { TelemetrySettings } from "../telemetry/settings.ts";
import type { Descriptors } from "./connection_bound.ts";
import type { Operations } from "./operators/operations.ts";
import type { OperatorOptions } from "./operators/operator_options.ts";
import type { WorkerPlace } from "./worker_place.ts";

export interface AppOptions extends OperatorOptions {
  readonly settings: Settings;
  /** Which of them somebody has written, when this began; default: none. */
  readonly given?: ReadonlySet<SettingKey>;
  /** The ring that was read with the settings last; before a reload, the ring that was shown. */
  readonly loadKeys: () => Promise<LoadedKeys>;
  /** The settings as they are configured now, and the ring with them. @throws ConfigError */
  readonly reloadSettings: () => Promise<Settings>;
  readonly log: Logger;
  /** What a reload has put in force that is not the app's own: the log's level and form. */
  readonly onReloaded?: (settings: Settings) => void;
  /** What is exported of traces, metrics and logs, if anything is. */
  readonly telemetry?: TelemetrySettings | undefined;
  /** What is so of one of several workers; undefined where this process serves alone. */
  readonly worker?: WorkerPlace | undefined;
  /** How many files may be open; default: as the system says. */
  readonly descriptors?: Descriptors;
}

/** A listener could not be opened; `cause` is the system's word. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  /** Of the setting that names the address: `--listen` or `--admin`. */
  readonly flag: string;

  constructor(flag: string, address: string, cause: unknown) {
    super(`listening on ${address} (${flag})`, { cause });
    this.flag = flag;
  }
}

export interface RunningApp {
  /** Where clients connect, as a URL. */
  readonly listen: string;
  /** How many processes serve; undefined: this one. */
  readonly workers?: number;
  /** Authority of the admin listener; undefined if it is off. */
  readonly admin?: string | undefined;
  /** What is counted, as `/metrics` shows it. */
  readonly metrics?: { render(): string };
  /**
   * Takes new keys, certificates and settings; throws and keeps everything old if any of them is bad. Resolves with the
   * settings that differ and change only with a restart, as flags.
   * @throws ConfigError
   */
  reload(): Promise<readonly string[]>;
  /**
   * Not ready, no new sessions, listening streams end, what is in flight may finish until the drain time-out.
   * Resolves when nothing is left, with the number of requests that had to be cut.
   */
  drain(): Promise<{ readonly cutStreams: number }>;
  /** Of this process, for who offers it to operators elsewhere; a fake need not have any. */
  readonly operations?: Operations;
  /** Settles when nothing is served any more, asked or not. */
  readonly stopped: Promise<void>;
}

/** As much of `app.ts` as whoever starts it needs. */
export interface AppModule {
  /** Starts serving. @throws ConfigError, ListenError */
  startApp(options: AppOptions): Promise<RunningApp>;
}
