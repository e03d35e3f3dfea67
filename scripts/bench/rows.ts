// The targets, row by row, as numbers: of the executable, as people install it.
import type { RowSpec } from "./report.ts";

const lower = { better: "lower" } as const;
const higher = { better: "higher" } as const;
const times = { unit: "×" } as const;

/** The hot path, the streams, memory and start. */
const FAST: readonly RowSpec[] = [
  { id: "throughput", what: "fast lane, throughput vs nginx", ...higher, target: 1.1, floor: 1, ...times },
  { id: "cpu", what: "fast lane, CPU a request vs nginx", ...lower, target: 0.95, floor: 1.1, ...times },
  { id: "p50", what: "fast lane, p50 with one connection vs nginx", ...lower, target: 1, floor: 1.1, ...times },
  { id: "p99", what: "fast lane, p99 at 2,000/s vs nginx", ...lower, target: 1, floor: 1.4, ...times },
  { id: "sse-cpu", what: "SSE, CPU an event vs nginx unbuffered", ...lower, target: 1, floor: 1.4, ...times },
  { id: "sse-delay", what: "SSE, delay an event vs nginx unbuffered", ...lower, target: 1, floor: 1.3, ...times },
  { id: "stream-memory", what: "memory an open idle stream, at 5,000", ...lower, target: 8, floor: 14, unit: "KiB" },
  { id: "session-memory", what: "memory a known session", ...lower, target: 1.5, floor: 2.5, unit: "KiB" },
  { id: "start", what: "start to first answer", ...lower, target: 25, floor: 40, unit: "ms" },
  { id: "idle-memory", what: "resident at idle", ...lower, target: 45, floor: 60, unit: "MB" },
  { id: "cold", what: "every request cold, throughput vs nginx", ...higher, target: 0.8, floor: 0.6, ...times },
  { id: "tls", what: "TLS in front, CPU a request vs nginx", ...lower, target: 1, floor: 1.15, ...times },
  {
    id: "growth",
    what: "CPU a request after 10⁶ ids seen vs after 10²",
    ...lower,
    target: 1.02,
    floor: 1.08,
    ...times,
  },
  { id: "full-lane", what: "full lane vs fast lane, CPU a request", ...lower, target: 1.3, floor: 1.6, ...times },
];

/** What a proxy owes besides. */
const FIRST: readonly RowSpec[] = [
  { id: "mcp-proxy", what: "throughput vs npm mcp-proxy", ...higher, target: 10, floor: 5, ...times },
  { id: "supergateway", what: "throughput vs npm supergateway", ...higher, target: 10, floor: 5, ...times },
  {
    id: "full-fetch",
    what: "full lane, CPU a request vs Deno.serve + fetch",
    ...lower,
    target: 0.5,
    floor: 1,
    ...times,
  },
  { id: "cold-open", what: "cold open of a typical id", ...lower, target: 10, floor: 25, unit: "µs" },
  { id: "forged", what: "forged id, dearest of any length, vs cold open", ...lower, target: 1, floor: 1.2, ...times },
  { id: "initialize", what: "initialize through Signet, added to direct", ...lower, target: 0.3, floor: 1, unit: "ms" },
  { id: "big", what: "1 MiB both ways vs nginx with 64 KiB buffers", ...higher, target: 1, floor: 0.85, ...times },
  { id: "abort", what: "client abort reaches the upstream", ...lower, target: 20, floor: 50, unit: "ms" },
];

/** What is switched on beside it. */
const MORE: readonly RowSpec[] = [
  { id: "audit", what: "fast lane with an audit log vs without, CPU", ...lower, target: 1.1, floor: 1.2, ...times },
  { id: "traced", what: "traced at 1 %, CPU a request vs untraced", ...lower, target: 1.03, floor: 1.06, ...times },
  {
    id: "sealed-nothing",
    what: "stateless call, nothing carried, vs unsealed",
    ...lower,
    target: 1.15,
    floor: 1.25,
    ...times,
  },
  { id: "sealed-state", what: "the same with 1 KB of state each way, CPU", ...lower, target: 1.4, floor: 2, ...times },
  { id: "ruled", what: "under rules, CPU a request vs without", ...lower, target: 1.05, floor: 1.1, ...times },
  { id: "rated", what: "under two rates, CPU a request vs without", ...lower, target: 1.05, floor: 1.1, ...times },
  {
    id: "several-call",
    what: "call through 5 or 20 servers vs full lane, CPU",
    ...lower,
    target: 2,
    floor: 4,
    ...times,
  },
  {
    id: "several-list-cold",
    what: "2,000 tools of 20 servers, first list",
    ...lower,
    target: 15,
    floor: 40,
    unit: "ms",
  },
  { id: "several-list", what: "the same list unchanged", ...lower, target: 1, floor: 15, unit: "ms" },
  { id: "hop-first", what: "call passed on, first replica vs call, CPU", ...lower, target: 1.3, floor: 3, ...times },
  { id: "hop-home", what: "call passed on, home vs call, CPU", ...lower, target: 1.3, floor: 3, ...times },
  { id: "resurrection", what: "session of a dead home, added to its call", ...lower, target: 3, floor: 20, unit: "ms" },
  { id: "workers", what: "call with four workers vs one process, CPU", ...lower, target: 1.1, floor: 1.2, ...times },
  { id: "store", what: "fast lane with a shared store vs without, CPU", ...lower, target: 1, floor: 1.05, ...times },
];

export const ROWS: readonly RowSpec[] = [...FAST, ...FIRST, ...MORE];
