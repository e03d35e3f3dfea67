// Descriptors bound connections where running out of them would cost a core.
import assert from "node:assert/strict";
import { connectionBound } from "../../../lib/app/connection_bound.ts";
import { createLogger } from "../../../lib/observe/log.ts";
import { STRICT } from "../../support/strict.ts";

function boundOf(limit: number | undefined, changes: { acceptSpins?: boolean; command?: string[] } = {}) {
  const lines: string[] = [];
  const log = createLogger({ level: "info", format: "json", now: () => 0, write: (line) => void lines.push(line) });
  const { acceptSpins = true, command = [] } = changes;
  const settings = { maxConnections: 20_000, maxProcesses: 100, command, upstreams: [] };
  const bound = connectionBound(settings, { log, descriptors: { limit, acceptSpins } });
  return [bound, lines.length];
}

Deno.test(
  "each client's connection may need a second one, to the server; what is less than configured is told",
  STRICT,
  () => {
    assert.deepEqual(boundOf(20_400), [10_000, 1]);
    assert.deepEqual(boundOf(100_000), [20_000, 0]);
    assert.deepEqual(boundOf(20_400, { command: ["server"] }), [19_700, 1]);
    assert.deepEqual(boundOf(64), [16, 1]);
  },
);

Deno.test("where accepting pauses by itself, or nobody knows the limit, it is as configured", STRICT, () => {
  assert.deepEqual(boundOf(1024, { acceptSpins: false }), [20_000, 0]);
  assert.deepEqual(boundOf(undefined), [20_000, 0]);
});
