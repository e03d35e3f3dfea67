// What `signet serve` needs of the program it starts; `lib/app/app.ts` provides it.
import type { LoadedKeys } from "../config/keys.ts";
import type { Settings } from "../config/schema.ts";
import type { Logger } from "../observe/log.ts";

export interface AppOptions {
  readonly settings: Settings;
  /** Told already by `serve`. */
  readonly warnings: readonly string[];
  /** The ring as it is configured now; the first call gives the ring that was shown. @throws ConfigError */
  readonly loadKeys: () => Promise<LoadedKeys>;
  /** The settings as they are configured now. @throws ConfigError */
  readonly reloadSettings: () => Promise<Settings>;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface RunningApp {
  /** `host:port` it listens on, or a URL. */
  readonly listen: string;
  readonly admin?: string | undefined;
  /** Takes new keys and settings, or throws and keeps the old. @throws ConfigError */
  reload(): Promise<void>;
  /** Ends what runs; resolves when nothing is left. */
  drain(): Promise<{ readonly cutStreams: number }>;
  /** Settles when it no longer serves, asked or not. */
  readonly stopped: Promise<void>;
}

export interface AppModule {
  startApp(options: AppOptions): Promise<RunningApp>;
}
