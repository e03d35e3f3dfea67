// Structured log lines: for people on a terminal, JSON otherwise. Facts never hold ids, tokens or header values (P1), and
// no text drives a terminal or forges a line in either format (escape.ts).
import { escapeUnsafe } from "./escape.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = typeof LOG_LEVELS[number];
export type LogFormat = "human" | "json";
export type LogFacts = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Logger {
  debug(event: string, facts?: LogFacts): void;
  info(event: string, facts?: LogFacts): void;
  warn(event: string, facts?: LogFacts): void;
  error(event: string, facts?: LogFacts): void;
}

/** What may change while it runs. */
export interface AdjustableLogger extends Logger {
  level: LogLevel;
  format: LogFormat;
}

const RANK: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40 };

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes one finished line with its newline. */
  readonly write: (line: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly color?: boolean;
  /** Takes what is written as it is, for whoever looks at the log from elsewhere. */
  readonly tail?: { push(level: LogLevel, event: string, facts: LogFacts): void };
}

/** A logger whose every line says `facts` too, behind its own: whom it is about, where there are several. */
export function logAbout(log: Logger, facts: LogFacts): Logger {
  const at = (level: LogLevel) => (event: string, own?: LogFacts) => log[level](event, { ...own, ...facts });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

const COLOR: Record<LogLevel, string> = { debug: "\x1b[2m", info: "\x1b[32m", warn: "\x1b[33m", error: "\x1b[31m" };

function formatHuman(options: LogOptions, level: LogLevel, event: string, facts: LogFacts): string {
  const time = new Date(options.now()).toISOString().slice(11, 23);
  const label = level.toUpperCase().padEnd(5);
  const shown = options.color ? `${COLOR[level]}${label}\x1b[0m` : label;
  let line = `${time} ${shown} ${escapeUnsafe(event)}`;
  for (const name in facts) {
    const value = facts[name];
    if (value === undefined) continue;
    const text = String(value);
    line += ` ${name}=${escapeUnsafe(/[\s="]/.test(text) || text === "" ? JSON.stringify(text) : text)}`;
  }
  return line + "\n";
}

function formatJson(options: LogOptions, level: LogLevel, event: string, facts: LogFacts): string {
  return escapeUnsafe(JSON.stringify({ time: new Date(options.now()).toISOString(), level, event, ...facts })) + "\n";
}

export function createLogger(options: LogOptions): AdjustableLogger {
  const at = (level: LogLevel) => (event: string, facts: LogFacts = {}) => {
    if (RANK[level] < RANK[log.level]) return;
    options.write((log.format === "json" ? formatJson : formatHuman)(options, level, event, facts));
    options.tail?.push(level, event, facts);
  };
  const { level, format } = options;
  const log = { level, format, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return log;
}
