import assert from "node:assert/strict";
import { ephemeralKeyRing } from "../../../lib/envelope/key_ring.ts";
import type { LogFacts } from "../../../lib/observe/log.ts";
import { CidrList } from "../../../lib/platform/network/cidr.ts";
import { SYSTEM_TIMERS } from "../../../lib/platform/time/timers.ts";
import { digestOfBody, type HopClaim, HopHead } from "../../../lib/replica/hop_proof.ts";
import { Replicas, type ReplicasOptions } from "../../../lib/replica/replicas.ts";
import { FakeTimers } from "../../support/fake_timers.ts";
import { STRICT } from "../../support/strict.ts";

const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));
const ring = ephemeralKeyRing(random);
const SELF = "http://10.0.0.1:8080";

function replicas(options: Partial<ReplicasOptions> = {}): Replicas {
  return new Replicas({
    ...{ self: SELF, networks: new CidrList(["10.0.0.0/24"]), path: "/mcp", ring: () => ring, random },
    timers: SYSTEM_TIMERS,
    ...options,
  });
}

const PEER = "http://10.0.0.2:8080";
const REQUEST = { method: "POST", target: "/mcp", fields: ["host", "mcp.example"] };

/** What the receiver takes a request for that claims this, and comes from there. */
/** What a request of a session says for itself. */
function proven(head: HopHead, count: number) {
  const message = { count, bodyDigest: digestOfBody(undefined), sessionId: "s" };
  return { proof: head.prove(message), sessionId: message.sessionId };
}

function take(ours: Replicas, claim: Partial<HopClaim>, { from = "10.0.0.2", request = REQUEST } = {}) {
  const { count = 0, instance = ours.instance, client = "192.0.2.1" } = claim;
  const head = new HopHead(ring.active, { instance, sender: "s".repeat(22), from: PEER, client }, {
    ...REQUEST,
    to: SELF,
  });
  return ours.take(ours.headOf(head.field, from, request), proven(head, count));
}

Deno.test("R2 M4: a peer is only where peers are", STRICT, () => {
  const ours = replicas();
  assert.ok(ours.at("http://10.0.0.7:8080") !== undefined);
  for (const address of ["http://10.0.1.7:8080", SELF, "http://127.0.0.1:1", "file:///etc", "10.0.0.7", "http://x:1"]) {
    assert.equal(ours.at(address), undefined, address);
  }
  ours.close();
});

Deno.test("R2 M4: where peers listen at fewer addresses than they come from, no other is connected to", STRICT, () => {
  const listening = new CidrList(["10.0.0.2"]);
  const ours = replicas({ listening });
  assert.ok(ours.at(PEER) !== undefined);
  for (const address of ["http://10.0.0.7:8080", "http://127.0.0.1:1"]) assert.equal(ours.at(address), undefined);
  assert.equal(typeof take(ours, {}, { from: "10.0.0.9" }), "object");
  assert.equal(take(ours, { count: 1 }, { from: "10.0.9.2" }), "stranger");
  assert.ok(ours.isOurs("10.0.0.9"));
  ours.close();
});

Deno.test("R2: a hop is taken once, by the process it is meant for, from a peer", STRICT, () => {
  const ours = replicas();
  assert.equal(typeof take(ours, {}), "object");
  assert.equal(take(ours, {}), "repeated");
  assert.equal(take(ours, { count: 1 }, { from: "10.0.9.2" }), "stranger");
  assert.equal(take(ours, { count: 2 }, { request: { ...REQUEST, method: "GET" } }), "unproven");
  assert.equal(take(ours, { count: 3, instance: "x".repeat(22) }), "other_process");
  assert.equal(take(replicas({ self: undefined }), { count: 4 }), "stranger");
  const head = ours.headOf("2 nobody", "10.0.0.2", REQUEST);
  for (const proof of [undefined, "", "x"]) assert.equal(ours.take(head, { proof, sessionId: "s" }), "unproven");
  assert.equal(ours.received, 1);
});

Deno.test("R2 E5: a head that was proven with a key is looked at anew when the ring is another", STRICT, () => {
  let held = ring;
  const ours = replicas({ ring: () => held });
  const head = new HopHead(
    ring.active,
    { instance: ours.instance, sender: "s".repeat(22), from: PEER, client: "" },
    { ...REQUEST, to: SELF },
  );
  const known = ours.headOf(head.field, "10.0.0.2", REQUEST);
  assert.equal(ours.isCurrent(known), true);
  held = ephemeralKeyRing(random);
  assert.equal(ours.isCurrent(known), false);
  assert.equal(
    ours.take(ours.headOf(head.field, "10.0.0.2", REQUEST), proven(head, 0)),
    "unproven",
  );
});

Deno.test(
  "R1: all replicas find the same heir, each session another, and nobody an heir that is gone",
  STRICT,
  async () => {
    const ips = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
    const resolve = () => Promise.resolve(ips);
    const all = ips.map((ip) => replicas({ self: `http://${ip}:8080`, resolve }));
    for (const each of all) await each.discover();
    const heirs = new Set<string>();
    const gone = "http://10.0.0.4:8080";
    for (let i = 0; i < 50; i++) {
      const found = all.slice(0, 3).map((each) => each.heirOf(`sid${i}`, gone) ?? each.self);
      assert.equal(new Set(found).size, 1);
      assert.notEqual(found[0], gone);
      heirs.add(found[0]!);
    }
    assert.equal(heirs.size, 3);
    assert.equal(replicas().heirOf("sid", gone), undefined, "nobody is known");
    for (const each of all) each.close();
  },
);

Deno.test(
  "R1: what the name service named stays a peer for a while, and its silence takes nothing away",
  STRICT,
  async () => {
    let answer: readonly string[] | undefined = ["10.9.0.1"];
    const ours = replicas({
      resolve: () => answer === undefined ? Promise.reject(new Error()) : Promise.resolve(answer),
    });
    assert.equal(ours.isOurs("10.9.0.1"), false);
    await ours.discover();
    assert.equal(ours.isOurs("10.9.0.1"), true);
    answer = undefined;
    await ours.discover();
    answer = ["10.9.0.2"];
    await ours.discover();
    assert.equal(ours.isOurs("10.9.0.1"), true);
    assert.deepEqual(ours.sizes(), { peers: 2, named_peers: 2, hop_senders: 0 });
  },
);

Deno.test("M3: peers are remembered within a bound, and a new one always finds room", STRICT, () => {
  const ours = replicas({ networks: new CidrList(["10.0.0.0/8"]) });
  for (let i = 0; i < 3000; i++) assert.ok(ours.at(`http://10.1.${i >> 8}.${i & 255}:80`) !== undefined, String(i));
  assert.equal(ours.sizes().peers, 1024);
  ours.close();
});

Deno.test(
  "R2: who comes from an IPv4 address at a listener of both families is the peer of that address",
  STRICT,
  async () => {
    const ours = replicas({ resolve: () => Promise.resolve(["10.9.0.1", "FD00:0::5"]) });
    await ours.discover();
    for (const ip of ["10.9.0.1", "::ffff:10.9.0.1", "fd00::5", "10.0.0.9", "::ffff:10.0.0.9"]) {
      assert.equal(ours.isOurs(ip), true, ip);
    }
    for (const ip of ["::ffff:10.9.0.2", "fd00::6", ""]) assert.equal(ours.isOurs(ip), false, ip);
  },
);

Deno.test("R2: a client's address with a zone is one, too", STRICT, () => {
  const ours = replicas();
  const taken = take(ours, { client: "fe80::1%eth0.5" });
  assert.equal(typeof taken === "object" && taken.client, "fe80::1%eth0.5");
});

Deno.test("R2: a peer that gave way to others and is met again is sent no number twice", STRICT, () => {
  const ours = replicas({ networks: new CidrList(["10.0.0.0/8"]) });
  const address = "http://10.1.0.1:8080";
  const first = ours.at(address)!;
  const before = [first.nextCount(), first.nextCount()];
  for (let i = 0; i < 1100; i++) ours.at(`http://10.2.${i >> 8}.${i & 255}:8080`);
  const again = ours.at(address)!;
  assert.notEqual(again, first, "it gave way");
  assert.ok(again.nextCount() > Math.max(...before));
  ours.close();
});

Deno.test(
  "V1 R3: of each peer it is known whether it lives, since when, and what was passed either way",
  STRICT,
  async () => {
    const timers = new FakeTimers(1_000_000);
    const lines: string[] = [];
    const write = (event: string, facts?: LogFacts) => void lines.push(`${event} ${JSON.stringify(facts)}`);
    const log = { debug: write, info: write, warn: write, error: write };
    const ours = replicas({ timers, log, resolve: () => Promise.resolve(["10.0.0.1", "10.0.0.9"]) });
    assert.equal(typeof take(ours, {}), "object");
    assert.deepEqual(ours.facts(), [
      { address: PEER, state: "unknown", sinceMs: 1_000_000, why: "", passed: 0, received: 1 },
    ]);
    await ours.discover();
    assert.equal(ours.at("http://10.0.0.9:8080")?.state, "unknown", "named, and never met");
    const peer = ours.at(PEER)!;
    await timers.advance(5000);
    for (let i = 0; i < 3; i++) peer.noteDead("nobody is there");
    const [dead] = ours.facts();
    assert.deepEqual([dead?.address, dead?.state, dead?.sinceMs, dead?.why], [
      PEER,
      "dead",
      1_005_000,
      "nobody is there",
    ]);
    assert.deepEqual(lines, [`another replica was found dead {"peer":"${PEER}","found":"nobody is there"}`]);
    assert.deepEqual(ours.counts(), { up: 0, dead: 1, unknown: 1 });
    // Whoever is gone for good is forgotten, and is a label no longer.
    await timers.advance(2 * 3_600_000);
    await ours.discover();
    assert.deepEqual(ours.facts().map(({ address }) => address), ["http://10.0.0.9:8080"]);
    ours.close();
  },
);

Deno.test("M3: of many peers few are told of, those that are dead before those never heard", STRICT, () => {
  const ours = replicas({ networks: new CidrList(["10.0.0.0/8"]) });
  for (let i = 0; i < 500; i++) ours.at(`http://10.1.${i >> 8}.${i & 255}:80`);
  ours.at("http://10.1.1.7:80")?.noteDead("silent");
  assert.equal(ours.facts().length, 64);
  assert.equal(ours.facts()[0]?.address, "http://10.1.1.7:80");
  ours.close();
});

Deno.test(
  "R3 V1: a name of peers that keeps leading nowhere is told of once, and again when it leads to them",
  STRICT,
  async () => {
    const lines: [string, LogFacts | undefined][] = [];
    const tell = (event: string, facts?: LogFacts) => void lines.push([event, facts]);
    let answer: () => Promise<readonly string[]> = () => Promise.resolve([]);
    const log = { warn: tell, info: tell } as unknown as ReplicasOptions["log"] & object;
    const ours = replicas({ log, timers: new FakeTimers(), resolve: () => answer() });
    // As at a start before any of them is ready.
    for (let round = 0; round < 2; round++) await ours.discover();
    assert.equal(lines.length, 0);
    answer = () => Promise.reject(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }));
    for (let round = 0; round < 5; round++) await ours.discover();
    assert.deepEqual(lines.map(([event, facts]) => [event, facts?.found]), [[
      "the name of --peers leads nowhere",
      "ENOTFOUND",
    ]]);
    answer = () => Promise.resolve(["10.0.0.2"]);
    for (let round = 0; round < 3; round++) await ours.discover();
    assert.deepEqual(lines.slice(1), [["the name of --peers leads to replicas again", { count: 1 }]]);
    ours.close();
  },
);
