import assert from "node:assert/strict";
import { KeyRing } from "../../../../lib/envelope/key_ring.ts";
import { SignetError } from "../../../../lib/errors.ts";
import { HeadFacts } from "../../../../lib/gateway/head_facts.ts";
import type { Authentication } from "../../../../lib/gateway/in/authenticate.ts";
import { Guard } from "../../../../lib/gateway/in/guard.ts";
import type { Inbound } from "../../../../lib/gateway/inbound.ts";
import { GatewayMetrics } from "../../../../lib/gateway/metrics.ts";
import type { Asked } from "../../../../lib/gateway/out/in_flight.ts";
import { type DoorParts, UnderWay } from "../../../../lib/gateway/out/under_way.ts";
import type { Caller } from "../../../../lib/session/caller.ts";
import { Limits } from "../../../../lib/session/limits/limits.ts";
import { callerKeys } from "../../../support/callers.ts";
import { SILENT_LOG } from "../../../support/silent_log.ts";
import { STRICT } from "../../../support/strict.ts";
import { KEY_A, principal } from "../../session/fakes.ts";

const UNAVAILABLE = new SignetError("identity_unavailable");
const REFUSED = new SignetError("unauthenticated");

function callerOf(name: string, expiresAtMs = Infinity): Caller {
  return { ...callerKeys(name), principal: principal(name, { expiresAtMs }) };
}

function request(caller: Caller, receivedAtMs = 0): Asked {
  const exchange = { aborted: false, watcher: undefined };
  return {
    caller,
    inbound: {
      exchange,
      receivedAtMs,
      head: { host: "localhost" },
      facts: new HeadFacts([]),
      isLent: false,
    } as unknown as Inbound,
  };
}

/** A door whose answer the test decides. */
class Door {
  readonly limits = new Limits();
  readonly lifecycle = { draining: false };
  readonly underWay: UnderWay;
  readonly asked: number[] = [];
  answer: (inbound: Inbound) => Caller | Promise<Caller> = () => callerOf("alice");
  nowMs = 0;

  constructor(maxAsking = 64) {
    this.underWay = new UnderWay({ limits: this.limits, lifecycle: this.lifecycle, periods: { maxAsking } });
  }

  tick(nowMs: number): void {
    this.nowMs = nowMs;
    const authentication = {
      authenticate: (inbound: Inbound, asOfMs: number) => {
        this.asked.push(asOfMs);
        return this.answer(inbound);
      },
    } as unknown as Authentication;
    const parts: DoorParts = {
      guard: new Guard({ loopback: true, allowHosts: [], allowOrigins: [] }),
      authentication,
      metrics: new GatewayMetrics(),
      log: SILENT_LOG,
      registry: { ring: new KeyRing([KEY_A]) },
      now: () => this.nowMs,
    };
    this.underWay.askAgain(parts, nowMs);
  }
}

Deno.test("PROTOCOL 8: each is asked about once a period, and what is refused is cut, once", STRICT, () => {
  const door = new Door();
  const [one, other] = [
    door.underWay.begin(request(callerOf("alice")), "stream"),
    door.underWay.begin(request(callerOf("alice"), 500), "call"),
  ];
  door.tick(799);
  assert.equal(door.asked.length, 0);
  door.tick(800);
  door.tick(900);
  assert.deepEqual(door.asked, [800], "its turn comes a period after it came");
  door.answer = () => {
    throw REFUSED;
  };
  door.tick(1_300);
  assert.deepEqual([one.cut, other.endReason, other.refusal], [false, "credential_expired", REFUSED]);
  door.tick(10_000);
  assert.equal(one.refusal, REFUSED);
  for (const each of [one, other]) door.underWay.end(each);
  for (const each of [one, other]) door.underWay.end(each);
  assert.deepEqual([door.underWay.size, door.underWay.streams, door.limits.counts().principals], [0, 0, 0]);
});

Deno.test("O1: another owner behind the same request is a refusal", STRICT, () => {
  const door = new Door();
  const stream = door.underWay.begin(request(callerOf("bob")), "stream");
  door.tick(1_000);
  assert.equal(stream.refusal?.code, "owner_mismatch");
});

Deno.test("I1: who cannot be asked has not said no, for ten seconds", STRICT, () => {
  const door = new Door();
  const stream = door.underWay.begin(request(callerOf("alice")), "stream");
  door.answer = () => {
    throw UNAVAILABLE;
  };
  door.tick(1_000);
  door.tick(10_900);
  assert.equal(stream.cut, false);
  door.answer = () => callerOf("alice");
  door.tick(12_000);
  door.answer = () => {
    throw UNAVAILABLE;
  };
  door.tick(13_000);
  door.tick(22_900);
  assert.equal(stream.cut, false, "the count began anew");
  door.tick(23_800);
  assert.equal(stream.refusal, UNAVAILABLE);
});

Deno.test("I1: a call is asked about as of its credential's last moment, a stream as of now", STRICT, () => {
  const door = new Door();
  door.underWay.begin(request(callerOf("alice", 5_000)), "stream");
  door.underWay.begin(request(callerOf("alice", 5_000)), "call");
  door.tick(9_000);
  assert.deepEqual(door.asked, [9_000, 4_999]);
  door.tick(65_000);
  assert.deepEqual(door.asked.slice(2), [65_000, 65_000], "for a minute");
});

Deno.test("M3: few wait for an answer at a time, and an answer that comes too late cuts nothing", STRICT, async () => {
  const door = new Door(2);
  const late = Promise.withResolvers<Caller>();
  door.answer = () => late.promise;
  const calls = Array.from({ length: 5 }, () => door.underWay.begin(request(callerOf("alice")), "call"));
  door.tick(1_000);
  door.tick(2_000);
  assert.equal(door.asked.length, 2);
  door.underWay.end(calls[0]!);
  late.reject(REFUSED);
  await late.promise.catch(() => {});
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(calls.map((call) => call.cut), [false, true, false, false, false]);
  door.answer = () => callerOf("alice");
  door.tick(3_000);
  assert.equal(door.asked.length, 5, "the others have their turn, who was cut has none");
});

Deno.test("P2: while Signet drains no stream begins, and those there are end", STRICT, () => {
  const door = new Door();
  const [stream, call] = [
    door.underWay.begin(request(callerOf("alice")), "stream"),
    door.underWay.begin(request(callerOf("alice")), "call"),
  ];
  door.lifecycle.draining = true;
  door.underWay.endStreams("drain");
  assert.deepEqual([stream.endReason, call.endReason], ["drain", undefined]);
  assert.throws(() => door.underWay.begin(request(callerOf("alice")), "stream"), { code: "draining" });
  door.underWay.begin(request(callerOf("alice")), "call");
  assert.equal(door.limits.counts().streams, 1);
});
