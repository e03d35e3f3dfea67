import assert from "node:assert/strict";
import type { Control, RevocationRequest, SessionQuery } from "../../../../lib/admin/control.ts";
import { createControl } from "../../../../lib/app/operators/control.ts";
import { KeyRing } from "../../../../lib/envelope/key_ring.ts";
import { SignetError } from "../../../../lib/errors.ts";
import type { Principal } from "../../../../lib/identity/principal.ts";
import { SessionTokens } from "../../../../lib/identity/tokens/tokens.ts";
import { TokenSecret } from "../../../../lib/identity/tokens/tokens_secret.ts";
import { shortHash } from "../../../../lib/observe/redact.ts";
import { concerns, StoredRevocations } from "../../../../lib/session/revocations/revocation_store.ts";
import { createMemoryStore } from "../../../../lib/store/memory/memory.ts";
import type { Store } from "../../../../lib/store/store.ts";
import { STRICT } from "../../../support/strict.ts";
import { ALICE, Bench, BOB, codeOf, FakeActive, KEY_A, KEY_B, NOW_MS, principal, TTL_MS } from "../../session/fakes.ts";

const MINUTE = 60_000;

interface Facts {
  readonly event: string;
  readonly facts: unknown;
}

interface StageOptions {
  readonly bindClientId?: boolean;
  readonly tokens?: boolean;
  readonly store?: Store;
}

/** A registry over a store, with listeners as the app has them. */
class Stage {
  nowMs = NOW_MS;
  readonly store: Store;
  readonly ring = new KeyRing([KEY_A, KEY_B]);
  readonly revocations: StoredRevocations;
  readonly bench: Bench;
  readonly control: Control;
  /** Over the same store, without a server. */
  readonly offline: Control;
  readonly log: Facts[] = [];

  constructor({ bindClientId = false, tokens = true, store = createMemoryStore() }: StageOptions = {}) {
    this.store = store;
    this.revocations = new StoredRevocations({ store, maxSessionTtlMs: TTL_MS }, 0);
    this.bench = new Bench({ ring: this.ring, revocations: this.revocations, owner: { bindClientId } });
    const { registry, owners } = this.bench;
    this.revocations.watch((revocation) => {
      for (const session of registry.sessions()) {
        if (concerns(revocation, session)) registry.remove(session, "revoked", this.nowMs);
      }
    });
    const now = () => this.nowMs;
    const secrets = [new TokenSecret(new Uint8Array(32).fill(1))];
    const randomBytes = (length: number) => crypto.getRandomValues(new Uint8Array(length));
    const shared = {
      tokens: tokens
        ? new SessionTokens({ store: store.tokens, secrets, maxPerAgent: 2, now, randomBytes })
        : undefined,
      revocations: this.revocations,
      owners,
      ring: () => this.ring,
      now,
    };
    const note = (event: string, facts?: unknown) => void this.log.push({ event, facts });
    const log = { debug: note, info: note, warn: note, error: note };
    this.control = createControl({ ...shared, registry, log });
    this.offline = createControl({ ...shared, registry: undefined });
  }

  /** Whether the owner can still use this id. */
  opens(id: string, owner: Principal = ALICE): boolean {
    try {
      this.bench.open(id, owner, this.nowMs);
      return true;
    } catch (error) {
      assert.ok(codeOf("session_not_found")(error), String(error));
      return false;
    }
  }
}

async function refused(code: string, promise: Promise<unknown>, message?: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof SignetError, String(error));
    assert.equal(error.code, code);
    if (message) assert.match(error.message, message);
    assert.ok(error.detail.remedy, "an operator wants a remedy");
    return true;
  });
}

Deno.test("L6: revoking an id ends the live session and its streams before it resolves", STRICT, async () => {
  const stage = new Stage();
  const session = stage.bench.initialize();
  const other = stage.bench.initialize();
  const stream = new FakeActive("stream");
  session.enter(stream, NOW_MS);
  assert.deepEqual(await stage.control.revoke({ kind: "session", id: session.id }), { ended: 1 });
  assert.deepEqual(stream.aborts, ["revoked"]);
  assert.equal(stage.opens(session.id), false);
  assert.equal(stage.opens(other.id), true);
  assert.deepEqual(await stage.control.revoke({ kind: "session", id: session.id }), { ended: 0 }, "again");
});

Deno.test("L6: an id that is not in memory is revoked as well, without a server too", STRICT, async () => {
  for (const which of ["control", "offline"] as const) {
    const stage = new Stage();
    for (const key of [KEY_A, KEY_B]) {
      const id = stage.bench.seal(ALICE, { key });
      assert.deepEqual(await stage[which].revoke({ kind: "session", id }), { ended: 0 });
      assert.equal(stage.opens(id), false);
    }
  }
});

Deno.test("revoking an id of other keys, or what is none, is refused and revokes nothing", STRICT, async () => {
  const stage = new Stage();
  for (const id of ["nonsense", "", "0".repeat(5000)]) {
    await refused("session_not_found", stage.control.revoke({ kind: "session", id }), /no session id/);
  }
  assert.equal(stage.store.revocations.size(), 0);
});

Deno.test("revoking an id that has expired does nothing", STRICT, async () => {
  const stage = new Stage();
  const id = stage.bench.seal(ALICE, { ttlMs: MINUTE });
  stage.nowMs += MINUTE;
  assert.deepEqual(await stage.control.revoke({ kind: "session", id }), { ended: 0 });
  assert.equal(stage.store.revocations.size(), 0);
});

Deno.test("L6: a revoked id is forgotten when it would have expired, no sooner", STRICT, async () => {
  const stage = new Stage();
  const id = stage.bench.seal(ALICE, { ttlMs: 10 * MINUTE });
  await stage.control.revoke({ kind: "session", id });
  stage.store.purge(NOW_MS + 10 * MINUTE - 1);
  assert.equal(stage.store.revocations.size(), 1);
  stage.store.purge(NOW_MS + 10 * MINUTE);
  assert.equal(stage.store.revocations.size(), 0);
});

Deno.test("L6: a hash as in the log revokes the live session that has it", STRICT, async () => {
  const stage = new Stage();
  const session = stage.bench.initialize();
  const other = stage.bench.initialize();
  const hash = shortHash(session.sid);
  assert.deepEqual(await stage.control.revoke({ kind: "hash", hash }), { ended: 1 });
  assert.deepEqual([stage.opens(session.id), stage.opens(other.id)], [false, true]);
  await refused("session_not_found", stage.control.revoke({ kind: "hash", hash }), /no live session/);
  await refused("invalid_params", stage.offline.revoke({ kind: "hash", hash }), /needs a running Signet/);
});

Deno.test("L6: a principal's sessions end under every key of the ring, and nobody else's", STRICT, async () => {
  const stage = new Stage();
  const [a, bob] = [stage.bench.initialize(ALICE), stage.bench.initialize(BOB)];
  const b = stage.bench.seal(ALICE, { key: KEY_B });
  const later = stage.bench.seal(ALICE, { nowMs: NOW_MS + 1 });
  const { issuer, subject } = ALICE;
  assert.deepEqual(await stage.control.revoke({ kind: "principal", issuer, subject }), { ended: 1 });
  assert.deepEqual([stage.opens(a.id), stage.opens(b)], [false, false]);
  assert.deepEqual([stage.opens(bob.id, BOB), stage.opens(later)], [true, true]);
});

Deno.test("L6: what a principal opened after the moment named lives on", STRICT, async () => {
  const stage = new Stage();
  const old = stage.bench.initialize(ALICE, { nowMs: NOW_MS });
  const young = stage.bench.seal(ALICE, { nowMs: NOW_MS + 1 });
  stage.nowMs += MINUTE;
  const { issuer, subject } = ALICE;
  const request = { kind: "principal", issuer, subject, beforeMs: NOW_MS } as const;
  assert.deepEqual(await stage.control.revoke(request), { ended: 1 });
  assert.deepEqual([stage.opens(old.id), stage.opens(young)], [false, true]);
});

Deno.test(
  "O2: where sessions are bound to clients, the client is named, and others' sessions live on",
  STRICT,
  async () => {
    const stage = new Stage({ bindClientId: true });
    const [app, cli] = [principal("alice", { clientId: "app" }), principal("alice", { clientId: "cli" })];
    const ids = [app, cli, ALICE].map((owner) => stage.bench.seal(owner));
    const opens = () => [app, cli, ALICE].map((owner, index) => stage.opens(ids[index]!, owner));
    const request = { kind: "principal", issuer: ALICE.issuer, subject: "alice" } as const;
    await refused("invalid_params", stage.control.revoke(request), /each OAuth client of a caller is an owner/);
    assert.deepEqual(opens(), [true, true, true]);
    await stage.control.revoke({ ...request, clientId: "app" });
    assert.equal(stage.opens(ids[0]!, app), false);
    assert.equal(stage.opens(ids[1]!, cli), true);
    await stage.control.revoke({ ...request, clientId: "" });
    assert.deepEqual([stage.opens(ids[1]!, cli), stage.opens(ids[2]!, ALICE)], [true, false]);
  },
);

Deno.test("O2: a client is not to be named where sessions are not bound to it", STRICT, async () => {
  const stage = new Stage();
  const request = { kind: "principal", issuer: ALICE.issuer, subject: "alice", clientId: "app" } as const;
  await refused("invalid_params", stage.control.revoke(request), /not bound to OAuth clients/);
  assert.equal(stage.store.revocations.size(), 0);
});

Deno.test("a principal that cannot be is refused", STRICT, async () => {
  const stage = new Stage({ bindClientId: true });
  const base = { kind: "principal", issuer: "i", subject: "s", clientId: "c" } as const;
  for (const change of [{ issuer: " " }, { subject: "" }, { subject: "\ud800" }, { clientId: "\ud800" }]) {
    await refused("invalid_params", stage.control.revoke({ ...base, ...change }));
  }
});

Deno.test("L6: everything before a moment ends, whoever owns it; everything at once by `all`", STRICT, async () => {
  const stage = new Stage();
  const old = [stage.bench.initialize(ALICE), stage.bench.initialize(BOB)];
  const cold = stage.bench.seal(BOB);
  stage.nowMs += MINUTE;
  const young = stage.bench.initialize(ALICE, { nowMs: stage.nowMs });
  const youngId = stage.bench.seal(BOB, { nowMs: stage.nowMs });
  assert.deepEqual(await stage.control.revoke({ kind: "before", beforeMs: NOW_MS }), { ended: 2 });
  assert.deepEqual([stage.opens(old[0]!.id), stage.opens(old[1]!.id, BOB), stage.opens(cold, BOB)], [
    false,
    false,
    false,
  ]);
  assert.equal(stage.bench.registry.size, 1);
  void young;
  assert.deepEqual(await stage.control.revoke({ kind: "all" }), { ended: 1 });
  assert.equal(stage.opens(youngId, BOB), false);
  assert.equal(stage.opens(stage.bench.seal(BOB, { nowMs: stage.nowMs + 1 }), BOB), true);
});

Deno.test("P8 L6: what was opened before the clock was set back ends with all there is", STRICT, async () => {
  const requests: RevocationRequest[] = [{ kind: "all" }, {
    kind: "principal",
    issuer: ALICE.issuer,
    subject: ALICE.subject,
  }];
  for (const request of requests) {
    const stage = new Stage();
    const ahead = stage.bench.initialize(ALICE, { nowMs: NOW_MS + 60 * MINUTE });
    const others = stage.bench.initialize(BOB, { nowMs: NOW_MS + 60 * MINUTE });
    const session = stage.bench.initialize(ALICE);
    assert.deepEqual(await stage.control.revoke(request), { ended: request.kind === "all" ? 3 : 2 });
    assert.deepEqual([ahead, session].map(({ id }) => stage.opens(id)), [false, false]);
    assert.equal(stage.opens(others.id, BOB), request.kind !== "all");
    stage.nowMs += 1;
    assert.equal(stage.opens(stage.bench.initialize(ALICE, { nowMs: stage.nowMs }).id), true, "who comes back may");
  }
  const stage = new Stage();
  const ahead = stage.bench.initialize(ALICE, { nowMs: NOW_MS + 60 * MINUTE });
  await stage.control.revoke({ kind: "owner_of", hash: ahead.tag });
  assert.equal(stage.opens(ahead.id), false);
});

Deno.test("nothing is revoked in advance: nobody could open a session until then", STRICT, async () => {
  const stage = new Stage();
  const { issuer, subject } = ALICE;
  for (const beforeMs of [NOW_MS + 1, -1, 1.5, NaN, Infinity]) {
    await refused("invalid_params", stage.control.revoke({ kind: "before", beforeMs }), /in the future/);
    await refused("invalid_params", stage.control.revoke({ kind: "principal", issuer, subject, beforeMs }));
  }
  assert.equal(stage.store.revocations.size(), 0);
});

Deno.test("L6: a store that cannot be written refuses, and nothing ends as if it had been", STRICT, async () => {
  const stage = new Stage();
  const session = stage.bench.initialize();
  stage.store.close();
  const requests: RevocationRequest[] = [
    { kind: "session", id: session.id },
    { kind: "hash", hash: shortHash(session.sid) },
    { kind: "principal", issuer: ALICE.issuer, subject: ALICE.subject },
    { kind: "all" },
  ];
  for (const request of requests) await refused("identity_unavailable", stage.control.revoke(request));
  assert.equal(session.ended, false);
});

Deno.test("sessions are listed with what may be shown, as many as asked for", STRICT, async () => {
  const stage = new Stage();
  const session = stage.bench.initialize();
  session.enter(new FakeActive(), NOW_MS + 5);
  stage.bench.initialize(BOB);
  const { sid, owner } = session;
  const { sessions: listed, total } = await stage.control.listSessions({ limit: 1 });
  assert.equal(total, 2);
  assert.deepEqual(listed, [{
    hash: shortHash(sid),
    owner,
    protocolVersion: "2025-11-25",
    issuedAtMs: NOW_MS,
    expiresAtMs: NOW_MS + TTL_MS,
    lastActiveMs: NOW_MS + 5,
    inFlight: 1,
    streams: 0,
  }]);
  assert.ok(!JSON.stringify(listed).includes(session.id) && !JSON.stringify(listed).includes(sid));
  assert.equal((await stage.control.listSessions({ limit: 10 })).sessions.length, 2);
  await refused("invalid_params", stage.offline.listSessions({ limit: 1 }), /needs a running Signet/);
});

Deno.test(
  "V3: sessions come in pages, found by hash, by owner, and by name where names may be seen",
  STRICT,
  async () => {
    const stage = new Stage();
    const owners = [...Array(25).keys()].map((n) => principal(`user-${n}`));
    const sessions = owners.map((owner) => stage.bench.initialize(owner));
    const hashes = sessions.map(({ tag }) => tag);
    const page = async (query: SessionQuery) => await stage.control.listSessions(query);
    const { sessions: second, total } = await page({ limit: 10, offset: 10 });
    assert.deepEqual([second.map(({ hash }) => hash), total], [hashes.slice(10, 20), 25]);
    assert.deepEqual(await page({ limit: 10, offset: 30 }), { sessions: [], total: 25 });
    assert.equal((await page({ limit: 1, find: hashes[7]! })).sessions[0]!.hash, hashes[7]);
    assert.equal((await page({ limit: 1, find: sessions[7]!.owner })).sessions[0]!.hash, hashes[7]);
    assert.equal((await page({ limit: 9, find: "user-7" })).total, 0);
    const [named] = (await page({ limit: 9, find: "USER-7", names: true })).sessions;
    assert.deepEqual(named!.caller, { issuer: ALICE.issuer, subject: "user-7" });
    assert.equal((await page({ limit: 1 })).sessions[0]!.caller, undefined);
  },
);

Deno.test(
  "L6: owner_of ends all that the owner of a session has opened, under every key, and nobody else's",
  STRICT,
  async () => {
    for (const bindClientId of [false, true]) {
      const stage = new Stage({ bindClientId });
      const odd = principal("c9:\u0000 3:x", { issuer: "c1:y", clientId: "app:2" });
      const [a, bob] = [stage.bench.initialize(odd), stage.bench.initialize(BOB)];
      const b = stage.bench.seal(odd, { key: KEY_B });
      const other = stage.bench.seal({ ...odd, clientId: "cli" });
      assert.deepEqual(await stage.control.revoke({ kind: "owner_of", hash: a.tag }), { ended: 1 });
      assert.deepEqual([stage.opens(a.id, odd), stage.opens(b, odd)], [false, false]);
      assert.equal(
        stage.opens(other, { ...odd, clientId: "cli" }),
        bindClientId,
        "a client is an owner where it is bound",
      );
      assert.equal(stage.opens(bob.id, BOB), true);
      await refused("session_not_found", stage.control.revoke({ kind: "owner_of", hash: a.tag }), /no live session/);
    }
  },
);

Deno.test("T1 T2 T3: tokens are issued, verified, listed and revoked", STRICT, async () => {
  const { control, log } = new Stage();
  const issued = await control.issueToken({ agent: "did:example:a", ttlMs: MINUTE });
  const { token, ...facts } = issued;
  assert.deepEqual(await control.verifyToken({ token }), { ok: true, token: facts });
  assert.deepEqual(await control.verifyToken({ token, agent: "b" }), { ok: false, step: "agent" });
  const second = await control.issueToken({ agent: "did:example:a", ttlMs: MINUTE });
  await refused("principal_limit", control.issueToken({ agent: "did:example:a", ttlMs: MINUTE }));
  const other = await control.issueToken({ agent: "b", ttlMs: MINUTE });
  assert.equal((await control.listTokens({ limit: 10 })).length, 3);
  assert.deepEqual((await control.listTokens({ agent: "b", limit: 10 })).map(({ sid }) => sid), [other.sid]);
  assert.equal(await control.revokeToken({ sid: issued.sid }), true);
  assert.equal(await control.revokeToken({ sid: issued.sid }), false);
  assert.equal(await control.revokeToken({ token: second.token }), true);
  assert.equal(await control.revokeAgent("b"), 1);
  assert.deepEqual(await control.verifyToken({ token }), { ok: false, step: "unknown" });
  const said = JSON.stringify(log);
  for (const secret of [token, second.token, issued.sid, "did:example:a"]) assert.ok(!said.includes(secret));
  assert.deepEqual(log.map(({ event }) => event), [
    ...Array(3).fill("session token issued"),
    ...Array(3).fill("session tokens revoked"),
  ]);
});

Deno.test("tokens that are not configured are refused with the cure", STRICT, async () => {
  const { control } = new Stage({ tokens: false });
  const message = /Session tokens are not configured/;
  await refused("invalid_params", control.issueToken({ agent: "a", ttlMs: MINUTE }), message);
  await refused("invalid_params", control.verifyToken({ token: "t" }), message);
  await refused("invalid_params", control.revokeToken({ sid: "s" }), message);
  await refused("invalid_params", control.revokeAgent("a"), message);
  await refused("invalid_params", control.listTokens({ limit: 1 }), message);
});

Deno.test("what operators did is told, and to whom is not", STRICT, async () => {
  const stage = new Stage();
  const session = stage.bench.initialize();
  await stage.control.revoke({ kind: "session", id: session.id });
  await stage.control.revoke({ kind: "principal", issuer: "https://i", subject: "alice" });
  assert.deepEqual(stage.log, [
    { event: "sessions revoked", facts: { what: "session", ended: 1 } },
    { event: "sessions revoked", facts: { what: "principal", ended: 0 } },
  ]);
});
