import assert from "node:assert/strict";
import { MergedMetrics } from "../../../../lib/app/workers/merged_metrics.ts";
import { STRICT } from "../../../support/strict.ts";

const page = ({ opened, sessions, keys = 1 }: { opened: number; sessions: number; keys?: number }) =>
  [
    "# HELP signet_sessions_opened_total Opened.",
    "# TYPE signet_sessions_opened_total counter",
    `signet_sessions_opened_total{way="a b"} ${opened}`,
    "# HELP signet_sessions Sessions.",
    "# TYPE signet_sessions gauge",
    `signet_sessions ${sessions}`,
    "# HELP signet_keys Keys.",
    "# TYPE signet_keys gauge",
    `signet_keys ${keys}`,
    "# HELP signet_latency_seconds Latency.",
    "# TYPE signet_latency_seconds histogram",
    `signet_latency_seconds_bucket{le="+Inf"} ${opened}`,
    `signet_latency_seconds_sum 0.5`,
    "",
  ].join("\n");
const NOTHING = { replace: new Map(), add: new Map() };
const samples = (text: string) => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));

Deno.test("P1: workers' numbers are added up, but for what is no amount", STRICT, () => {
  const pages = new Map([[1, page({ opened: 3, sessions: 2 })], [2, page({ opened: 4, sessions: 1, keys: 2 })]]);
  const text = new MergedMetrics().merge(pages, NOTHING);
  assert.deepEqual(samples(text), [
    'signet_sessions_opened_total{way="a b"} 7',
    "signet_sessions 3",
    "signet_keys 2",
    'signet_latency_seconds_bucket{le="+Inf"} 7',
    "signet_latency_seconds_sum 1",
  ]);
  assert.equal(text.match(/# TYPE/g)?.length, 4, "each family is told of once");
});

Deno.test("P1: what a worker had counted stays when it ends, and what it had does not", STRICT, () => {
  const merged = new MergedMetrics();
  merged.merge(new Map([[1, page({ opened: 3, sessions: 2 })], [2, page({ opened: 4, sessions: 1 })]]), NOTHING);
  merged.depart(2);
  const [opened, sessions] = samples(merged.merge(new Map([[1, page({ opened: 5, sessions: 2 })]]), NOTHING));
  assert.deepEqual([opened, sessions], ['signet_sessions_opened_total{way="a b"} 9', "signet_sessions 2"]);
  merged.depart(2);
  const pages = new Map([[1, page({ opened: 5, sessions: 2 })], [2, page({ opened: 1, sessions: 1 })]]);
  assert.equal(samples(merged.merge(pages, NOTHING))[0], 'signet_sessions_opened_total{way="a b"} 10');
});

Deno.test(
  "P1: what only the process that steers them knows stands in place of workers' numbers, or beside them",
  STRICT,
  () => {
    const own = { replace: new Map([["signet_keys", 9]]), add: new Map([["signet_sessions", 100]]) };
    const text = new MergedMetrics().merge(new Map([[1, page({ opened: 1, sessions: 1 })]]), own);
    assert.deepEqual(samples(text).slice(1, 3), ["signet_sessions 101", "signet_keys 9"]);
  },
);

Deno.test("P1: a worker that gives no page counts as it did last, and what it has does not", STRICT, () => {
  const merged = new MergedMetrics();
  merged.merge(new Map([[1, page({ opened: 3, sessions: 2 })], [2, page({ opened: 4, sessions: 1 })]]), NOTHING);
  const text = merged.merge(new Map([[1, page({ opened: 5, sessions: 2 })]]), NOTHING);
  assert.deepEqual(samples(text), [
    'signet_sessions_opened_total{way="a b"} 9',
    "signet_sessions 2",
    "signet_keys 1",
    'signet_latency_seconds_bucket{le="+Inf"} 9',
    "signet_latency_seconds_sum 1",
  ]);
  const [opened] = samples(merged.merge(new Map([[2, page({ opened: 6, sessions: 1 })]]), NOTHING));
  assert.equal(opened, 'signet_sessions_opened_total{way="a b"} 11');
});

Deno.test("P1: what only a worker that has ended had counted is told of still", STRICT, () => {
  const merged = new MergedMetrics();
  const other = page({ opened: 4, sessions: 1 }).replace("a b", "c");
  merged.merge(new Map([[1, page({ opened: 3, sessions: 2 })], [2, other]]), NOTHING);
  merged.depart(2);
  const text = merged.merge(new Map([[1, page({ opened: 3, sessions: 2 })]]), NOTHING);
  assert.deepEqual(samples(text).slice(0, 3), [
    'signet_sessions_opened_total{way="a b"} 3',
    'signet_sessions_opened_total{way="c"} 4',
    "signet_sessions 2",
  ]);
  merged.depart(1);
  const none = merged.merge(new Map(), NOTHING);
  assert.match(none, /# TYPE signet_sessions_opened_total counter\n.*"c"} 4\n.*"a b"} 3\n/);
  assert.doesNotMatch(none, /signet_sessions |signet_keys/);
});
