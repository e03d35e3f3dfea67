// Numbers and moments as people read them: the same as `signet status` shows, which a test compares.

/** `12,345`. */
export function formatCount(count) {
  return Math.round(count).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Of so many within so many milliseconds, by the second. */
export function formatRate(count, ms) {
  if (ms <= 0) return "0";
  const rate = count * 1000 / ms;
  return rate >= 10 || rate === 0 ? formatCount(rate) : rate.toFixed(1);
}

/** `3.4 MiB`. */
export function formatBytes(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  let value = bytes;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at++;
  }
  return `${at === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[at]}`;
}

/** `1.2ms`, `340ms`, `2.5s`. */
export function formatSeconds(seconds) {
  if (seconds === Infinity) return "over 60s";
  const [value, unit] = seconds >= 1 ? [seconds, "s"] : [seconds * 1000, "ms"];
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1)}${unit}`;
}

const UNITS = [[86_400, "d"], [3_600, "h"], [60, "m"], [1, "s"]];

/** `3h 12m` or `45s`: the two largest units. */
export function formatSpan(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const shown = UNITS.map(([unit, name], at) => {
    const above = at === 0 ? Infinity : UNITS[at - 1][0];
    return [Math.floor((seconds % above) / unit), name];
  });
  const first = shown.findIndex(([count]) => count > 0);
  if (first < 0) return "0s";
  return shown.slice(first, first + 2).filter(([count]) => count > 0).map((pair) => pair.join("")).join(" ");
}

/** `3h 12m ago` or `in 45s`. */
export function formatDistance(atMs, nowMs) {
  return atMs <= nowMs ? `${formatSpan(nowMs - atMs)} ago` : `in ${formatSpan(atMs - nowMs)}`;
}

/** `18:04:09`, by the clock of the day where the browser is. */
export function formatTimeOfDay(atMs) {
  return new Date(atMs).toLocaleTimeString([], { hourCycle: "h23" });
}

/** What was observed between two looks; all of it if the other is of another process. */
export function observedSince(now, before) {
  if (before === undefined || before.counts.length !== now.counts.length) return now;
  const counts = now.counts.map((count, at) => count - before.counts[at]);
  return counts.some((count) => count < 0) ? now : { boundsS: now.boundsS, counts };
}

/** In seconds; Infinity beyond the last bound, undefined where nothing was observed. */
export function quantile({ boundsS, counts }, part) {
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
