// What a running Signet tells of itself, for tests of those who show it.
import type { StateView } from "../../../lib/admin/state_view.ts";

export function stateOf(more: Partial<StateView> = {}): StateView {
  return {
    version: "0.1.0",
    nowMs: 10_000,
    startedAtMs: 1_000,
    ready: true,
    draining: false,
    checks: { draining: "no", keys: "1 loaded", upstream: "connects", initialize: "answered" },
    requests: { fast: 0, full: 0, stateless: 0 },
    refusals: {},
    latency: { boundsS: [0.001, 0.01, 0.1], counts: [0, 0, 0, 0] },
    sessions: { opened: 12, deleted: 0, ended: {}, resurrected: {} },
    use: {
      sessions: { used: 12, most: 10_000 },
      calls: { used: 0, most: 4_096 },
      memory: { used: 0, most: 1024 ** 3 },
    },
    residentBytes: 64 * 1024 ** 2,
    log: { level: "info", suppressed: 0, dropped: 0 },
    upstream: { kind: "http", servers: [{ name: "upstream", state: "" }] },
    ...more,
  };
}
