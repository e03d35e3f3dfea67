// Numbers of two looks at a Signet: rates between them, and quantiles of what was observed between them.

/** As much of a histogram as crosses the wire: observations in each bucket, the last beyond all bounds. */
export interface Observed {
  readonly boundsS: readonly number[];
  readonly counts: readonly number[];
}

/** What was observed since `before`; all of it if that was another process, or there is none. */
export function observedSince(now: Observed, before: Observed | undefined): Observed {
  if (before === undefined || before.counts.length !== now.counts.length) return now;
  const counts = now.counts.map((count, at) => count - before.counts[at]!);
  return counts.some((count) => count < 0) ? now : { boundsS: now.boundsS, counts };
}

/**
 * The bound at or below which a part of all observations is, in seconds, between bounds in proportion; Infinity beyond
 * the last, undefined where nothing was observed.
 */
export function quantile({ boundsS, counts }: Observed, part: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let below = 0;
  for (const [at, count] of counts.entries()) {
    if (below + count < part * total || count === 0) {
      below += count;
      continue;
    }
    const upper = boundsS[at];
    if (upper === undefined) return Infinity;
    const lower = boundsS[at - 1] ?? 0;
    return lower + (upper - lower) * Math.max(0, part * total - below) / count;
  }
  return Infinity;
}

/** `1.2ms`, `340ms`, `2.5s`. */
export function formatSeconds(seconds: number): string {
  if (seconds === Infinity) return "over 60s";
  if (seconds >= 1) return `${round(seconds)}s`;
  return `${round(seconds * 1000)}ms`;
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(0) : value.toFixed(1);
}

/** `12,345`. */
export function formatCount(count: number): string {
  return Math.round(count).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `3.4/s`, `1,204/s`. */
export function formatRate(count: number, ms: number): string {
  if (ms <= 0) return "0/s";
  const rate = count * 1000 / ms;
  return `${rate >= 10 || rate === 0 ? formatCount(rate) : rate.toFixed(1)}/s`;
}

/** `3.4 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  let value = bytes;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at++;
  }
  return `${at === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[at]}`;
}
