// Random lives of a registry against a plain model: whatever happens in whatever order, the counts are what the model
// says, nothing dead opens, nothing busy is evicted, nobody gets another's session, and in the end everything is zero.
import fc from "fast-check";
import assert from "node:assert/strict";
import { principalKey } from "../../lib/session/caller.ts";
import type { SessionReservation } from "../../lib/session/limits/holdings.ts";
import type { ActiveToken, Session } from "../../lib/session/session.ts";
import { STRICT } from "../support/strict.ts";
import { Bench, factsOf, FakeActive, IDLE_MS, NOW_MS, principal, refusalOf } from "../unit/session/fakes.ts";

const CAPS = {
  maxSessions: 4,
  maxSessionsPerPrincipal: 2,
  maxCallsPerSession: 2,
  maxStreamsPerSession: 1,
  yieldAfterMs: 30_000,
};
const TTL_MS = 3 * IDLE_MS;
const PRINCIPALS = ["alice", "bob", "carol"].map((name) => principal(name));

/** One id ever issued, as the model sees it. */
interface Issued {
  readonly id: string;
  readonly owner: number;
  readonly expiresAtMs: number;
  dead: boolean;
  live: boolean;
  active: { token: ActiveToken; active: FakeActive }[];
  lastActiveMs: number;
}

class World {
  nowMs = NOW_MS;
  readonly bench = new Bench({ caps: CAPS, steady: () => this.nowMs });
  readonly issued: Issued[] = [];
  readonly pending: { reservation: SessionReservation; owner: number }[] = [];
  /** Whose sessions gave way how often, of late. */
  readonly yields = PRINCIPALS.map(() => ({ taken: 0, sinceMs: 0 }));

  live = () => this.issued.filter((one) => one.live);
  countOf = (owner: number) =>
    this.live().filter((one) => one.owner === owner).length + this.pending.filter((one) => one.owner === owner).length;
  total = () => this.live().length + this.pending.length;

  /** What must hold after every step. */
  check(): void {
    const { bench } = this;
    const owners = new Set([...this.live(), ...this.pending].map((one) => one.owner));
    assert.deepEqual(bench.limits.counts(), {
      sessions: this.total(),
      streams: 0,
      requests: 0,
      principals: owners.size,
    });
    assert.equal(bench.registry.size, this.live().length);
    assert.equal(bench.registry.sizes().principals, new Set(this.live().map((one) => one.owner)).size);
    for (const one of this.issued) {
      // Looked at a moment before anything expires, so that looking changes nothing.
      const session = bench.registry.get(one.id, 0);
      assert.equal(session !== undefined, one.live);
      if (session === undefined) continue;
      assert.equal(session.inFlight, one.active.length);
      assert.equal(session.openStreams, one.active.filter(({ active }) => active.kind === "stream").length);
    }
    assert.deepEqual(bench.faults, []);
  }

  session(one: Issued): Session | undefined {
    return this.bench.registry.get(one.id, 0);
  }

  /** The model's own end of a session: everything in flight must have been cut, once. */
  ended(one: Issued, reason: string): void {
    one.live = false;
    for (const { active } of one.active) assert.deepEqual(active.aborts, [reason]);
    one.active = [];
  }

  /** Whether one of the owner's may give way to a new one: as many as the cap within the idle time, evenly (M5). */
  mayYield(owner: number): boolean {
    const yields = this.yields[owner]!;
    const most = CAPS.maxSessionsPerPrincipal;
    const back = Math.floor((this.nowMs - yields.sinceMs) * most / IDLE_MS);
    if (back >= 1) Object.assign(yields, { taken: Math.max(0, yields.taken - back), sinceMs: this.nowMs });
    return yields.taken < most;
  }

  yielded(owner: number): void {
    const yields = this.yields[owner]!;
    if (yields.taken++ === 0) yields.sinceMs = this.nowMs;
  }

  /** Which idle session the model would evict. */
  longestIdle(among: Issued[]): Issued | undefined {
    return among.filter((one) => one.active.length === 0).sort((a, b) => a.lastActiveMs - b.lastActiveMs)[0];
  }
}

type Command = fc.Command<World, World>;
const pick = <T>(list: readonly T[], index: number): T | undefined =>
  list.length === 0 ? undefined : list[index % list.length];

function command(name: string, run: (world: World) => void): Command {
  return {
    check: () => true,
    run: (world) => {
      world.nowMs += 1; // distinct instants: the model needs no tie-break
      run(world);
      world.check();
    },
    toString: () => name,
  };
}

const reserve = (owner: number) =>
  command(`reserve(${owner})`, (world) => {
    const isOwnFull = world.countOf(owner) >= CAPS.maxSessionsPerPrincipal;
    const own = world.longestIdle(world.live().filter((one) => one.owner === owner));
    const isUnused = own !== undefined && world.nowMs - own.lastActiveMs >= CAPS.yieldAfterMs;
    const yields = isOwnFull && isUnused && world.mayYield(owner);
    const wanted = isOwnFull
      ? yields ? undefined : "principal_limit"
      : world.total() >= CAPS.maxSessions
      ? "session_limit"
      : undefined;
    const refusal = refusalOf(() => {
      world.pending.push({
        reservation: world.bench.registry.reserve(world.bench.caller(PRINCIPALS[owner]!), world.nowMs),
        owner,
      });
    });
    if (yields) {
      world.ended(own!, "evicted");
      world.yielded(owner);
    }
    assert.equal(refusal, wanted);
  });

const settle = (index: number, succeeds: boolean) =>
  command(`settle(${index}, ${succeeds})`, (world) => {
    const one = pick(world.pending, index);
    if (one === undefined) return;
    world.pending.splice(world.pending.indexOf(one), 1);
    if (!succeeds) return one.reservation.release();
    const options = { nowMs: world.nowMs, ttlMs: TTL_MS };
    const facts = factsOf(world.bench.seal(PRINCIPALS[one.owner], options));
    const session = world.bench.registry.add(facts, one.reservation, world.nowMs);
    assert.equal(one.reservation.principalKey, principalKey(PRINCIPALS[one.owner]!));
    world.issued.push({
      id: session.id,
      owner: one.owner,
      expiresAtMs: session.expiresAtMs,
      dead: false,
      live: true,
      active: [],
      lastActiveMs: world.nowMs,
    });
  });

const open = (index: number, owner: number) =>
  command(`open(${index}, ${owner})`, (world) => {
    const one = pick(world.issued, index);
    if (one === undefined) return;
    const refusal = refusalOf(() => world.bench.open(one.id, PRINCIPALS[owner], world.nowMs));
    if (one.live && world.nowMs >= one.expiresAtMs) world.ended(one, "expired");
    if (one.dead || world.nowMs >= one.expiresAtMs) return assert.equal(refusal, "session_not_found");
    if (one.owner !== owner) return assert.equal(refusal, "owner_mismatch");
    if (one.live) return assert.equal(refusal, undefined);
    if (world.countOf(owner) >= CAPS.maxSessionsPerPrincipal) {
      const victim = world.longestIdle(world.live().filter((other) => other.owner === owner));
      if (victim === undefined) return assert.equal(refusal, "principal_limit");
      world.ended(victim, "evicted");
    }
    if (world.total() >= CAPS.maxSessions) {
      const victim = world.longestIdle(world.live().filter((other) => other.owner === owner));
      if (victim === undefined) return assert.equal(refusal, "session_limit");
      world.ended(victim, "evicted");
    }
    assert.equal(refusal, undefined);
    one.live = true;
    one.lastActiveMs = world.nowMs;
  });

const enter = (index: number, kind: "call" | "stream") =>
  command(`enter(${index}, ${kind})`, (world) => {
    const one = pick(world.live(), index);
    if (one === undefined) return;
    const active = new FakeActive(kind);
    const cap = kind === "call" ? CAPS.maxCallsPerSession : CAPS.maxStreamsPerSession;
    const full = one.active.filter((other) => other.active.kind === kind).length >= cap;
    let token: ActiveToken | undefined;
    const refusal = refusalOf(() => token = world.session(one)!.enter(active, world.nowMs));
    assert.equal(refusal, full ? "principal_limit" : undefined);
    if (token === undefined) return;
    one.active.push({ token, active });
    one.lastActiveMs = world.nowMs;
  });

const leave = (index: number, which: number) =>
  command(`leave(${index}, ${which})`, (world) => {
    const one = pick(world.live().filter((other) => other.active.length > 0), index);
    const entry = one && pick(one.active, which);
    if (one === undefined || entry === undefined) return;
    const session = world.session(one)!;
    session.leave(entry.token, world.nowMs);
    session.leave(entry.token, world.nowMs + 1_000_000);
    assert.deepEqual(entry.active.aborts, []);
    one.active.splice(one.active.indexOf(entry), 1);
    one.lastActiveMs = world.nowMs;
  });

const remove = (index: number, reason: "deleted" | "revoked" | "upstream_gone") =>
  command(`remove(${index}, ${reason})`, (world) => {
    const one = pick(world.live(), index);
    if (one === undefined) return;
    const session = world.session(one)!;
    if (reason === "upstream_gone") world.bench.registry.remove(session, reason, world.nowMs);
    else world.bench.registry.revoke(session, reason, world.nowMs);
    world.ended(one, reason);
    one.dead = reason !== "upstream_gone";
  });

const wait = (ms: number) =>
  command(`wait(${ms})`, (world) => {
    world.nowMs += ms;
    world.bench.registry.sweep(world.nowMs);
    for (const one of world.live()) {
      if (world.nowMs >= one.expiresAtMs) world.ended(one, "expired");
      else if (one.active.length === 0 && world.nowMs - one.lastActiveMs >= IDLE_MS) world.ended(one, "idle");
    }
  });

const small = fc.nat({ max: 30 });
const owner = fc.nat({ max: PRINCIPALS.length - 1 });
const COMMANDS = [
  owner.map(reserve),
  fc.tuple(small, fc.boolean()).map(([index, succeeds]) => settle(index, succeeds)),
  fc.tuple(small, fc.constant(true)).map(([index, succeeds]) => settle(index, succeeds)),
  fc.tuple(small, owner).map(([index, as]) => open(index, as)),
  fc.tuple(small, fc.constantFrom("call" as const, "stream" as const)).map(([index, kind]) => enter(index, kind)),
  fc.tuple(small, small).map(([index, which]) => leave(index, which)),
  fc.tuple(small, fc.constantFrom("deleted" as const, "revoked" as const, "upstream_gone" as const))
    .map(([index, reason]) => remove(index, reason)),
  fc.constantFrom(1, CAPS.yieldAfterMs, IDLE_MS / 2, IDLE_MS, TTL_MS).map(wait),
];

Deno.test("M1 L6 L7 L8 O1: every random life keeps the counts, and ends at zero", STRICT, () => {
  fc.assert(
    fc.property(fc.commands(COMMANDS, { maxCommands: 80, size: "max" }), (commands) => {
      const world = new World();
      fc.modelRun(() => ({ model: world, real: world }), commands);
      for (const { reservation } of world.pending.splice(0)) reservation.release();
      // A revocation is kept a little longer than it is needed.
      world.nowMs += 2 * TTL_MS + 600_000;
      world.bench.registry.sweep(world.nowMs);
      assert.deepEqual(world.bench.limits.counts(), { sessions: 0, streams: 0, requests: 0, principals: 0 });
      assert.deepEqual(world.bench.registry.sizes(), {
        sessions: 0,
        finishing: 0,
        principals: 0,
        opening: 0,
        revocations: 0,
        yields: 0,
      });
      for (const one of world.issued) {
        for (const { active } of one.active) assert.deepEqual(active.aborts, ["expired"]);
        assert.equal(
          refusalOf(() => world.bench.open(one.id, PRINCIPALS[one.owner], world.nowMs)),
          "session_not_found",
        );
      }
    }),
    { numRuns: 300 },
  );
});
