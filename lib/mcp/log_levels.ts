// How severe a log message of a server is (MCP 2025-11-25, Logging, "Log Levels"; RFC 5424 §6.2.1).

const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;

export type LogLevel = typeof LEVELS[number];

/** From which level on a client wants to hear of what is logged; of one that is not known, of all. Undefined: of nothing. */
export function wantedLevelOf(value: unknown): LogLevel | undefined {
  return value === undefined ? undefined : levelOf(value) ?? LEVELS[0];
}

function levelOf(value: unknown): LogLevel | undefined {
  return LEVELS.find((level) => level === value);
}

/** Whether who wants `wanted` and above hears of `level`; what is of no level that is known is heard by all. */
export function isHeardAt(level: unknown, wanted: LogLevel): boolean {
  const known = levelOf(level);
  return known === undefined || LEVELS.indexOf(known) >= LEVELS.indexOf(wanted);
}
