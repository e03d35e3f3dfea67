import assert from "node:assert/strict";
import { ephemeralKeyRing } from "../../../lib/envelope/key_ring.ts";
import { CidrList } from "../../../lib/identity/cidr.ts";
import { SYSTEM_TIMERS } from "../../../lib/platform/timers.ts";
import { digestOfBody, proveHop } from "../../../lib/replica/hop_proof.ts";
import { Replicas, type ReplicasOptions } from "../../../lib/replica/replicas.ts";
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

const REQUEST = { method: "POST", target: "/mcp", fields: ["host", "mcp.example"] };

function hop(to: Replicas, count: number, instance = to.instance): string {
  const claim = { instance, sender: "s".repeat(22), count, client: "192.0.2.1", bodyDigest: digestOfBody(undefined) };
  return proveHop(ring.active, claim, { ...REQUEST, to: SELF });
}

Deno.test("R2 M4: a peer is only where peers are", STRICT, () => {
  const ours = replicas();
  assert.ok(ours.at("http://10.0.0.7:8080") !== undefined);
  for (const address of ["http://10.0.1.7:8080", SELF, "http://127.0.0.1:1", "file:///etc", "10.0.0.7", "http://x:1"]) {
    assert.equal(ours.at(address), undefined, address);
  }
  ours.close();
});

Deno.test("R2: a hop is taken once, by the process it is meant for, from a peer", STRICT, () => {
  const ours = replicas();
  const first = hop(ours, 0);
  assert.equal(typeof ours.take(first, "10.0.0.2", REQUEST), "object");
  assert.equal(ours.take(first, "10.0.0.2", REQUEST), "repeated");
  assert.equal(ours.take(hop(ours, 1), "10.0.9.2", REQUEST), "stranger");
  assert.equal(ours.take(hop(ours, 2), "10.0.0.2", { ...REQUEST, method: "GET" }), "unproven");
  assert.equal(ours.take(hop(ours, 3, "x".repeat(22)), "10.0.0.2", REQUEST), "other_process");
  assert.equal(replicas({ self: undefined }).take(hop(ours, 4), "10.0.0.2", REQUEST), "stranger");
  assert.equal(ours.received, 1);
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
    assert.deepEqual(ours.sizes(), { peers: 0, named_peers: 2, hop_senders: 0 });
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
  const claim = {
    instance: ours.instance,
    sender: "s".repeat(22),
    count: 0,
    client: "fe80::1%eth0.5",
    bodyDigest: "-",
  };
  const taken = ours.take(proveHop(ring.active, claim, { ...REQUEST, to: SELF }), "10.0.0.2", REQUEST);
  assert.equal(typeof taken === "object" && taken.client, "fe80::1%eth0.5");
});

Deno.test("R2: a peer that gave way to others and is met again is sent no number twice", STRICT, () => {
  const ours = replicas({ networks: new CidrList(["10.0.0.0/8"]) });
  const address = "http://10.1.0.1:8080";
  const first = ours.at(address)!;
  const before = [first.nextNumber().count, first.nextNumber().count];
  for (let i = 0; i < 1100; i++) ours.at(`http://10.2.${i >> 8}.${i & 255}:8080`);
  const again = ours.at(address)!;
  assert.notEqual(again, first, "it gave way");
  assert.ok(again.nextNumber().count > Math.max(...before));
  ours.close();
});
