// Moments and spans as people read them.
import { formatDuration } from "../../config/values/quantities.ts";

const UNITS = [[86_400, "d"], [3_600, "h"], [60, "m"], [1, "s"]] as const;

/** `3h 12m` or `45s`: the two largest units. */
export function formatSpan(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds === 0) return formatDuration(Math.floor(ms));
  const shown = UNITS.map(([unit, name], index) => {
    const above = index === 0 ? Infinity : UNITS[index - 1]![0];
    return [Math.floor((seconds % above) / unit), name] as const;
  });
  const first = shown.findIndex(([count]) => count > 0);
  return shown.slice(first, first + 2).filter(([count]) => count > 0).map(([count, name]) => `${count}${name}`).join(
    " ",
  );
}

/** `3h 12m ago` or `in 45s`. */
export function formatDistance(atMs: number, nowMs: number): string {
  return atMs <= nowMs ? `${formatSpan(nowMs - atMs)} ago` : `in ${formatSpan(atMs - nowMs)}`;
}

/** `2026-08-01T12:00:00.000Z (3h ago)`. */
export function formatTime(atMs: number, nowMs: number): string {
  return `${new Date(atMs).toISOString()} (${formatDistance(atMs, nowMs)})`;
}
