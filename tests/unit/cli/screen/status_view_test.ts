import assert from "node:assert/strict";
import type { StateView } from "../../../../lib/admin/state_view.ts";
import { formatStatus } from "../../../../lib/cli/screen/status_view.ts";
import { styleFor } from "../../../../lib/cli/screen/text.ts";
import { STRICT } from "../../../support/strict.ts";
import { stateOf } from "../states.ts";

const PLAIN = styleFor(false, {});
const RICH = styleFor(true, {});

// deno-lint-ignore no-control-regex -- what RICH puts in
const EMPHASIS = /\x1b\[\d+m/g;

const LARGE: Partial<StateView> = {
  refusals: { unauthenticated: 1_234_567, owner_mismatch: 3, protocol_version_unsupported: 1 },
  checks: {
    draining: "no",
    keys: "1 loaded",
    upstream: "unreachable: connecting: found nobody there",
    initialize: "answered",
  },
  ready: false,
  replicas: {
    ...{ self: "http://10.0.0.1:8080", hops: { passed: 1_234_567, dead: 3 }, received: 2 },
    peers: [
      { address: "http://10.0.0.2:8080", state: "up", sinceMs: 0, passed: 12, received: 3 },
      {
        ...{ address: "http://[fd00:1234:5678:9abc:def0:1234:5678:9abc]:8080", state: "dead", sinceMs: 0, passed: 1 },
        ...{ received: 0, why: "connecting to it: invalid peer certificate: " + "y".repeat(120) },
      },
      { state: "unknown", sinceMs: 0, passed: 0, received: 0 },
    ],
  },
  upstream: {
    kind: "several",
    servers: [
      { name: "files", state: "ok", required: true, counts: { calls: 12, lost: 0 } },
      { name: "a-very-long-name-of-a-server-that-somebody-has-chosen", state: "unreachable: ECONNREFUSED", counts: {} },
      { name: "x", address: "https://mcp.example.com/" + "y".repeat(120), state: "ok" },
    ],
  },
};

Deno.test("V3: the state fits a terminal of any width from 40 columns on, with and without emphasis", STRICT, () => {
  for (const style of [PLAIN, RICH]) {
    for (let width = 40; width <= 200; width++) {
      const text = formatStatus(stateOf(LARGE), { style, width, before: stateOf() });
      for (const line of text.split("\n")) {
        const shown = line.replaceAll(EMPHASIS, "");
        assert.ok([...shown].length <= width, `${width}: ${shown}`);
      }
    }
  }
});

Deno.test(
  "V3: the state holds no emphasis where it is not asked for, and nothing that drives a terminal",
  STRICT,
  () => {
    const hostile = "\x1b[2J\u202eevil";
    const state = stateOf({
      version: hostile,
      checks: { [hostile]: hostile },
      refusals: { [hostile]: 1 },
      upstream: {
        kind: "several",
        servers: [{ name: hostile, state: hostile, address: hostile, counts: { [hostile]: 1 } }],
      },
      replicas: {
        peers: [{ address: hostile, state: "dead", why: hostile, sinceMs: 0, passed: 0, received: 0 }],
        ...{ hops: { [hostile]: 1 }, received: 0 },
      },
    });
    const text = formatStatus(state, { style: PLAIN, width: 80 });
    // deno-lint-ignore no-control-regex
    assert.ok(!/[\x00-\x09\x0b-\x1f\x7f\u202e]/.test(text), JSON.stringify(text));
  },
);

Deno.test("V3: the state says what matters: readiness, rates between two looks, refusals by reason", STRICT, () => {
  const before = stateOf({
    nowMs: 10_000,
    requests: { fast: 100, full: 10, stateless: 0 },
    refusals: { host_refused: 1 },
  });
  const now = stateOf({
    nowMs: 12_000,
    requests: { fast: 300, full: 10, stateless: 0 },
    refusals: { host_refused: 5 },
    latency: { boundsS: [0.001, 0.01, 0.1], counts: [50, 100, 0, 0] },
  });
  const text = formatStatus(now, { style: PLAIN, width: 100, before });
  assert.match(text, /READY/);
  assert.match(text, /requests +100\/s · 310 in all, 97 % in the fast lane/);
  assert.match(text, /host_refused +5 \+4/);
  assert.match(text, /p50 3\.3ms/);
  assert.match(text, /sessions +█+░* +12 of 10,000/);
  const restarted = formatStatus({ ...now, startedAtMs: 11_000 }, { style: PLAIN, width: 100, before });
  assert.match(restarted, /requests +310 in all/, "numbers of another process are no rate");
});

Deno.test("V3: the state of several workers says that it is theirs", STRICT, () => {
  const state = stateOf({
    sessions: { opened: 2, deleted: 0, ended: { idle: 3 }, resurrected: {} },
    replicas: { peers: [{ state: "up", sinceMs: 0, passed: 0, received: 0 }], hops: {}, received: 0 },
  });
  const shown = (state: StateView) => formatStatus(state, { style: PLAIN, width: 100 });
  assert.match(shown(state), /left memory: idle 3\n[^]*other replicas\n {2}replica 1 /);
  assert.match(shown({ ...state, workers: 2 }), /left a worker's memory: idle 3\n[^]*\nworkers\n {2}worker 1 /);
});
