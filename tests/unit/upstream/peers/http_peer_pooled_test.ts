// A peer whose session others may find, and what it gives back at the server: one that nobody else can find once it goes
// on with another's, and one that is kept and revoked (docs/behaviour.md S3, L6, L4).
import assert from "node:assert/strict";
import type { PoolKey } from "../../../../lib/bridge/request.ts";
import { StoreSeal } from "../../../../lib/envelope/store_seal.ts";
import type { OwnerKey } from "../../../../lib/session/caller.ts";
import type { Verdict } from "../../../../lib/session/revocations/revocation_list.ts";
import { PooledSessions } from "../../../../lib/upstream/peers/pooled/pooled_sessions.ts";
import { FakeAliases } from "../../../support/fake_aliases.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { ANNA, by, HttpPeerScene, initializeText, type Json } from "../../../support/http_peer.ts";
import { FakeMember } from "../../../support/several.ts";
import { freshRing } from "../../../support/signet.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";

function scene(server: FakeMember) {
  const timers = new FakeTimers();
  const store = new FakeAliases(() => timers.now());
  const ring = freshRing();
  const verdict: { of: (openedAtMs: number) => Verdict } = { of: () => "good" };
  const upstream = { url: server.url, isLocal: false, initializeTimeoutMs: 1000 };
  const pools = [0, 1].map((i) =>
    new PooledSessions({
      ...{ store, timers, home: "machine", idleMs: 60_000, holder: `process ${i}` },
      seal: new StoreSeal(() => ring, "pool"),
      judge: (_owner, openedAtMs) => verdict.of(openedAtMs),
    })
  );
  const place = { pool: "a pool" as PoolKey, owner: "1:ia" as OwnerKey, member: "", upstream };
  const peer = (i: number) => new HttpPeerScene(server.url, { pooled: () => pools[i]!.at(place) });
  return { timers, store, pools, verdict, peer };
}

/** A member whose calls answer when a test lets them, and which refuses what a test refuses. */
function member() {
  const server = new FakeMember();
  const held: PromiseWithResolvers<void>[] = [];
  const told = { isRefused: false, isHeld: false, held };
  server.before = async ({ method, id }: Json) => {
    if (method === "notifications/initialized" && told.isRefused) return new Response("not now", { status: 503 });
    if (method !== "tools/call") return undefined;
    if (told.isHeld) {
      const gate = Promise.withResolvers<void>();
      held.push(gate);
      await gate.promise;
    }
    return Response.json({ jsonrpc: "2.0", id, result: { content: [] } });
  };
  return { server, told };
}

Deno.test("S3: a session of its own goes back to the server when the peer goes on with another's", STRICT, async () => {
  const { server, told } = member();
  await using _server = server;
  const { peer } = scene(server);
  told.isRefused = true;
  await using first = peer(0);
  await first.life.initialize(initializeText(), ANNA);
  told.isRefused = false;
  told.isHeld = true;
  const before = first.call("slow");
  await until(() => told.held.length === 1, "a call in it");
  told.isHeld = false;
  await using other = peer(1);
  await other.life.initialize(initializeText(), ANNA);
  await first.call("quick");
  const [own, others] = server.fake.received("POST", "notifications/initialized").map(({ sessionId }) => sessionId);
  const calls = server.fake.received("POST", "tools/call").map(({ sessionId }) => sessionId);
  assert.deepEqual(calls, [own, others]);
  assert.equal(server.fake.received("DELETE").length, 0, "not while it is in use");
  told.held[0]!.resolve();
  assert.deepEqual((await before).result, { content: [] });
  await until(() => server.fake.received("DELETE").length === 1, "the server to be told");
  assert.equal(server.fake.received("DELETE")[0]!.sessionId, own);
});

for (const answer of ["takes it", "refuses", "says nothing"] as const) {
  Deno.test(`L6 S3: one that is kept and revoked ends at the server, which ${answer}`, STRICT, async () => {
    const { server } = member();
    await using _server = server;
    const { peer, verdict, timers } = scene(server);
    const first = peer(0);
    await first.life.initialize(initializeText(), ANNA);
    await first.life.stop("leave", ANNA).gone;
    await first[Symbol.asyncDispose]();
    assert.equal(server.fake.received("DELETE").length, 0);
    await timers.advance(1000);
    verdict.of = (openedAtMs) => openedAtMs < timers.now() ? "revoked" : "good";
    const gate = Promise.withResolvers<void>();
    const answered = server.fake.onRequest!;
    server.fake.onRequest = async (request) => {
      if (request.method !== "DELETE" || answer === "takes it") return await answered(request);
      if (answer === "says nothing") await gate.promise;
      return new Response("no", { status: 500 });
    };
    const second = peer(1);
    await second.life.initialize(initializeText(), by("anna again"));
    await second.call("quick");
    await until(() => server.fake.received("DELETE").length === 1, "the server to be told");
    const [ended] = server.fake.received("DELETE");
    assert.equal(ended!.sessionId, server.fake.received("POST", "notifications/initialized")[0]!.sessionId);
    assert.equal(ended!.headers.get("authorization"), "Bearer anna again", "by whoever is there now");
    gate.resolve();
    await second.life.stop("leave", ANNA).gone;
    await second[Symbol.asyncDispose]();
  });
}
