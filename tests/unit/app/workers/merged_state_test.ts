// What several workers tell of themselves, as one: their numbers are added up, and each of them is there once.
import assert from "node:assert/strict";
import type { PeerView } from "../../../../lib/admin/state_view.ts";
import { mergeReadiness, mergeState } from "../../../../lib/app/workers/merged_state.ts";
import { STRICT } from "../../../support/strict.ts";
import { stateOf } from "../../cli/states.ts";

const READY = { ready: true, checks: {} };
const [FIRST, SECOND, THIRD] = ["http://127.0.0.2:1", "http://127.0.0.3:1", "http://127.0.0.4:1"] as const;

function peer(address: string, more: Partial<PeerView> = {}): PeerView {
  return { address, state: "up", sinceMs: 1000, why: "", passed: 0, received: 0, ...more };
}

/** A worker that knows `peers`. */
function worker(self: string, peers: readonly PeerView[], passed: number) {
  return stateOf({ replicas: { self, peers, hops: { passed }, received: 1 } });
}

Deno.test("R1: of several workers each is told of once, with what all have passed on to it", STRICT, () => {
  const views = [
    worker(FIRST, [peer(SECOND, { passed: 3, received: 5 }), peer(THIRD, { passed: 1 })], 4),
    worker(SECOND, [peer(FIRST, { passed: 5, received: 3 }), peer(THIRD, { passed: 7, received: 2 })], 12),
    worker(THIRD, [peer(FIRST, { passed: 0, received: 1 }), peer(SECOND, { passed: 2, received: 7 })], 2),
  ];
  const { workers, replicas } = mergeState(views, READY);
  assert.equal(workers, 3);
  assert.deepEqual(replicas, {
    peers: [
      peer(FIRST, { passed: 5, received: 4 }),
      peer(SECOND, { passed: 5, received: 12 }),
      peer(THIRD, { passed: 8, received: 2 }),
    ],
    hops: { passed: 18 },
    received: 3,
  });
});

Deno.test("R1: of a worker that is known differently what was found last is told", STRICT, () => {
  const dead = peer(THIRD, { state: "dead", sinceMs: 2000, why: "refused" });
  const found = (...peers: PeerView[]) => {
    const [known] = mergeState(peers.map((peer) => worker(FIRST, [peer], 0)), READY).replicas!.peers;
    return [known!.state, known!.sinceMs, known!.why];
  };
  const wanted = ["dead", 2000, "refused"];
  assert.deepEqual(found(peer(THIRD), dead), wanted);
  assert.deepEqual(found(dead, peer(THIRD)), wanted);
  const unheard = peer(THIRD, { state: "unknown", sinceMs: 3000 });
  assert.deepEqual(found(unheard, dead), wanted);
  assert.deepEqual(found(dead, unheard), wanted);
  assert.deepEqual(found(dead, peer(THIRD, { sinceMs: 3000 })), ["up", 3000, ""]);
});

Deno.test("R1: workers that pass nothing on tell of no others", STRICT, () => {
  assert.equal(mergeState([stateOf(), stateOf()], READY).replicas, undefined);
});

Deno.test("a worker that has initialized nothing yet does not stand beside what another has found", STRICT, () => {
  const told = (...said: string[]) =>
    mergeReadiness(said.map((initialize) => ({ ready: true, checks: { initialize } })), said.length)
      .checks["initialize"];
  assert.equal(told("not tried yet", "answered"), "answered");
  assert.equal(told("not tried yet", "not tried yet"), "not tried yet");
  assert.equal(told("answered", "refused with status 401"), "answered; refused with status 401");
});
