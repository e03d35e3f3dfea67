// The targets, row by row, as numbers. BENCHMARKS.md "Targets" is where they come from and what they mean.
import type { RowSpec } from "./report.ts";

const lower = { better: "lower" } as const;
const higher = { better: "higher" } as const;

export const ROWS: readonly RowSpec[] = [
  { id: "throughput", what: "fast lane, throughput vs nginx", ...higher, target: 1, floor: 0.85, unit: "×" },
  { id: "cpu", what: "fast lane, CPU a request vs nginx", ...lower, target: 1, floor: 1.2, unit: "×" },
  { id: "throughput-executable", what: "the same of the executable", ...higher, target: 1, floor: 0.85, unit: "×" },
  { id: "cpu-executable", what: "CPU a request of the executable", ...lower, target: 1, floor: 1.2, unit: "×" },
  { id: "p50", what: "fast lane, p50 with one connection vs nginx", ...lower, target: 1, floor: 1.1, unit: "×" },
  { id: "p99", what: "fast lane, p99 at 2,000/s vs nginx", ...lower, target: 1, floor: 1.5, unit: "×" },
  { id: "mcp-proxy", what: "throughput vs npm mcp-proxy", ...higher, target: 10, floor: 5, unit: "×" },
  { id: "supergateway", what: "throughput vs npm supergateway", ...higher, target: 10, floor: 5, unit: "×" },
  {
    id: "full-lane",
    what: "full lane, CPU a request vs Deno.serve + fetch",
    ...lower,
    target: 0.5,
    floor: 1,
    unit: "×",
  },
  { id: "cold-open", what: "cold open of a typical id", ...lower, target: 10, floor: 25, unit: "µs" },
  { id: "forged", what: "forged id, dearest of any length, vs cold open", ...lower, target: 1, floor: 1.2, unit: "×" },
  { id: "initialize", what: "initialize through Signet, added to direct", ...lower, target: 0.3, floor: 1, unit: "ms" },
  { id: "sse-delay", what: "SSE, delay an event vs nginx unbuffered", ...lower, target: 1, floor: 1.3, unit: "×" },
  { id: "sse-events", what: "SSE, events/s one core carries vs nginx", ...higher, target: 1, floor: 0.6, unit: "×" },
  { id: "stream-memory", what: "memory an open idle stream, at 5,000", ...lower, target: 8, floor: 20, unit: "KiB" },
  { id: "session-memory", what: "memory a known session", ...lower, target: 2, floor: 4, unit: "KiB" },
  { id: "start", what: "start to first answer", ...lower, target: 50, floor: 120, unit: "ms" },
  { id: "idle-memory", what: "resident at idle", ...lower, target: 45, floor: 70, unit: "MB" },
  { id: "cold", what: "every request cold, throughput vs nginx", ...higher, target: 0.6, floor: 0.4, unit: "×" },
  { id: "big", what: "1 MiB both ways vs nginx with 64 KiB buffers", ...higher, target: 1, floor: 0.85, unit: "×" },
  { id: "tls", what: "TLS in front, CPU a request vs nginx", ...lower, target: 1, floor: 1.2, unit: "×" },
  { id: "abort", what: "client abort reaches the upstream", ...lower, target: 20, floor: 50, unit: "ms" },
  {
    id: "growth",
    what: "CPU a request after 10⁶ ids seen vs after 10²",
    ...lower,
    target: 1.02,
    floor: 1.1,
    unit: "×",
  },
  {
    id: "several-call",
    what: "call through 5 or 20 servers vs full lane, CPU",
    ...lower,
    target: 2,
    floor: 4,
    unit: "×",
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
];
