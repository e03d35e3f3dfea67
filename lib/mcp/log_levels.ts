// How severe a log message of a server is (MCP 2025-11-25, Logging, "Log Levels"; RFC 5424 §6.2.1).

export const LOG_LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;

export type LogLevel = typeof LOG_LEVELS[number];

/** From which level on a client wants to hear of what is logged; of one that is not known, of all. Undefined: of nothing. */
export function wantedLevelOf(value: unknown): LogLevel | undefined {
  return value === undefined ? undefined : levelOf(value) ?? LOG_LEVELS[0];
}

/** The level that a value names; undefined for what is none. */
export function levelOf(value: unknown): LogLevel | undefined {
  return LOG_LEVELS.find((level) => level === value);
}

/** Whether who wants `wanted` and above hears of `level`; what is of no level that is known is heard by all. */
export function isHeardAt(level: unknown, wanted: LogLevel): boolean {
  const known = levelOf(level);
  return known === undefined || LOG_LEVELS.indexOf(known) >= LOG_LEVELS.indexOf(wanted);
}
