// Descriptors bound connections where running out of them would cost a core.
import assert from "node:assert/strict";
import { withinDescriptors } from "../../../lib/app/connection_bound.ts";
import type { SettingKey } from "../../../lib/config/schema.ts";
import type { UpstreamAddress } from "../../../lib/config/values/upstream_address.ts";
import { createLogger } from "../../../lib/observe/log.ts";
import { STRICT } from "../../support/strict.ts";

const OVER_HTTP = { name: "", required: false, command: [], url: "http://127.0.0.1/mcp" } as unknown as UpstreamAddress;
const OVER_STDIO = { ...OVER_HTTP, command: ["server"] };
const SETTINGS = { maxConnections: 20_000, maxProcesses: 100, maxProcessesPerPrincipal: 10, command: [] as string[] };

const WRITTEN: ReadonlySet<SettingKey> = new Set(["maxConnections", "maxProcesses"]);

/** Connections, processes, and warnings. */
function boundOf(
  limit: number | undefined,
  changes: {
    acceptSpins?: boolean;
    upstreams?: UpstreamAddress[];
    maxProcesses?: number;
    given?: ReadonlySet<SettingKey>;
  } = {},
) {
  const lines: string[] = [];
  const log = createLogger({ level: "warn", format: "json", now: () => 0, write: (line) => void lines.push(line) });
  const { acceptSpins = true, upstreams = [OVER_HTTP], maxProcesses = 100, given = WRITTEN } = changes;
  const settings = { ...SETTINGS, maxProcesses, upstreams };
  const bound = withinDescriptors(settings, { log, given, descriptors: { limit, acceptSpins } });
  return [bound.maxConnections, bound.maxProcesses, lines.length];
}

Deno.test(
  "each client's connection may need a second one, to the server; what is less than configured is told",
  STRICT,
  () => {
    assert.deepEqual(boundOf(20_400), [10_000, 100, 1]);
    assert.deepEqual(boundOf(100_000), [20_000, 100, 0]);
    assert.deepEqual(boundOf(64), [16, 100, 1]);
  },
);

Deno.test("a server's process has descriptors, too: never so many that no client can be heard", STRICT, () => {
  const upstreams = [OVER_STDIO];
  assert.deepEqual(boundOf(20_400, { upstreams }), [19_600, 100, 1]);
  assert.deepEqual(boundOf(1024, { upstreams, maxProcesses: 500 }), [312, 78, 2]);
  assert.deepEqual(boundOf(256, { upstreams }), [64, 16, 2]);
  assert.deepEqual(boundOf(20_400, { upstreams: [OVER_STDIO, OVER_STDIO, OVER_HTTP, OVER_HTTP] }), [6400, 100, 1]);
  const settings = { ...SETTINGS, upstreams: [], command: ["server"] };
  const { maxProcesses, maxProcessesPerPrincipal } = withinDescriptors(settings, {
    descriptors: { limit: 128, acceptSpins: true },
  });
  assert.deepEqual([maxProcesses, maxProcessesPerPrincipal], [8, 4], "no caller takes all");
});

Deno.test("what nobody has set is no warning: it is said once, at info", STRICT, () => {
  const upstreams = [OVER_STDIO];
  const given = new Set<SettingKey>();
  assert.deepEqual(boundOf(256, { upstreams, given }), [64, 16, 0]);
  assert.deepEqual(boundOf(256, { upstreams, given: new Set<SettingKey>(["maxProcesses"]) }), [64, 16, 1]);
  const lines: string[] = [];
  const log = createLogger({ level: "info", format: "json", now: () => 0, write: (line) => void lines.push(line) });
  withinDescriptors({ ...SETTINGS, upstreams }, { log, given, descriptors: { limit: 256, acceptSpins: true } });
  assert.equal(lines.length, 2);
  assert.match(lines[0]!, /"info".*as many client connections as the limit of open files allows.*"max_connections":64/);
  assert.match(lines[1]!, /"info".*as many server processes as the limit of open files allows.*"max_processes":16/);
});

Deno.test("where accepting pauses by itself, or nobody knows the limit, it is as configured", STRICT, () => {
  assert.deepEqual(boundOf(1024, { acceptSpins: false }), [20_000, 100, 0]);
  assert.deepEqual(boundOf(undefined), [20_000, 100, 0]);
});
