// A log whose lines are exported, too: what is below its level is no line there either.
import type { LogFacts, Logger, LogLevel } from "../observe/log.ts";
import type { LogEntry } from "./otlp_json.ts";

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface ExportedLogOptions {
  readonly log: Logger;
  /** At this moment: it can be changed while Signet runs. */
  readonly level: () => LogLevel;
  /** Never waits. */
  readonly take: (entry: LogEntry) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export function exportedLog({ log, level, take, now }: ExportedLogOptions): Logger {
  const at = (of: LogLevel) => (event: string, facts: LogFacts = {}) => {
    log[of](event, facts);
    if (RANK[of] >= RANK[level()]) take({ atMs: now(), level: of, event, facts });
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
