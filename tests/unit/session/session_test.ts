import assert from "node:assert/strict";
import { sealSession } from "../../../lib/envelope/session_id.ts";
import type { SealedSession } from "../../../lib/envelope/session_payload.ts";
import { DEFAULT_CAPS } from "../../../lib/session/limits/limits.ts";
import type { Session } from "../../../lib/session/session.ts";
import { STRICT } from "../../support/strict.ts";
import { Bench, factsOf, FakeActive, KEY_A, NOW_MS, refusalOf, UPSTREAM } from "./fakes.ts";

const newSession = () => new Bench().initialize();
const enter = (session: Session, active = new FakeActive(), nowMs = NOW_MS) => session.enter(active, nowMs);
const countsOf = (session: Session) => [session.inFlight, session.openStreams];

Deno.test("L7: what is entered is in flight until it leaves", STRICT, () => {
  const session = newSession();
  const call = enter(session);
  const stream = enter(session, new FakeActive("stream"));
  assert.deepEqual(countsOf(session), [2, 1]);
  session.leave(call, NOW_MS + 7);
  assert.deepEqual(countsOf(session), [1, 1]);
  session.leave(stream, NOW_MS + 9);
  assert.deepEqual(countsOf(session), [0, 0]);
  assert.equal(session.lastActiveMs, NOW_MS + 9);
});

Deno.test("N1: leaving twice, or with another session's token, does nothing", STRICT, () => {
  const [session, other] = [newSession(), newSession()];
  const [first, second] = [enter(session), enter(session)];
  session.leave(first, NOW_MS);
  session.leave(first, NOW_MS);
  other.leave(second, NOW_MS);
  assert.deepEqual(countsOf(session), [1, 0]);
  assert.deepEqual(countsOf(other), [0, 0]);
});

Deno.test("N1: an old stream's late end does not end its replacement", STRICT, () => {
  const session = newSession();
  const old = enter(session, new FakeActive("stream"));
  session.leave(old, NOW_MS);
  const replacement = new FakeActive("stream");
  enter(session, replacement);
  session.leave(old, NOW_MS);
  assert.deepEqual(countsOf(session), [1, 1]);
  session.abortAll("drain", NOW_MS);
  assert.deepEqual(replacement.aborts, ["drain"]);
});

Deno.test("N1: any order of leaving leaves the right ones in flight", STRICT, () => {
  const session = newSession();
  const actives = Array.from({ length: 6 }, () => new FakeActive());
  const tokens = actives.map((active) => enter(session, active));
  for (const i of [2, 0, 5]) session.leave(tokens[i]!, NOW_MS);
  session.abortAll("drain", NOW_MS);
  assert.deepEqual(actives.map((active) => active.aborts.length), [0, 1, 0, 1, 1, 0]);
});

Deno.test("L5: aborting reaches everything in flight exactly once, whatever the callbacks do", STRICT, () => {
  const session = newSession();
  const actives: FakeActive[] = [];
  const tokens = new Map<FakeActive, ReturnType<typeof enter>>();
  for (let i = 0; i < 5; i++) {
    // Each leaves itself and everybody else, as a connection that closes several streams at once does.
    const active = new FakeActive("stream", () => tokens.forEach((token) => session.leave(token, NOW_MS)));
    actives.push(active);
    tokens.set(active, enter(session, active));
  }
  assert.deepEqual(session.abortAll("deleted", NOW_MS), []);
  assert.deepEqual(actives.map((active) => active.aborts), Array(5).fill(["deleted"]));
  assert.deepEqual(countsOf(session), [0, 0]);
});

Deno.test("L5: a callback that throws is reported and stops nobody", STRICT, () => {
  const session = newSession();
  const fault = new Error("broken");
  const last = new FakeActive();
  enter(
    session,
    new FakeActive("call", () => {
      throw fault;
    }),
  );
  enter(session, last);
  assert.deepEqual(session.abortAll("deleted", NOW_MS), [fault]);
  assert.deepEqual(last.aborts, ["deleted"]);
});

Deno.test("L5: what a callback enters while all are aborted goes on", STRICT, () => {
  const session = newSession();
  const replacement = new FakeActive("stream");
  enter(session, new FakeActive("stream", () => enter(session, replacement)));
  session.abortAll("drain", NOW_MS);
  assert.deepEqual(replacement.aborts, []);
  assert.deepEqual(countsOf(session), [1, 1]);
});

Deno.test("L2: nothing enters a session that has ended", STRICT, () => {
  const session = newSession();
  const active = new FakeActive();
  enter(session, active);
  session.end("deleted", NOW_MS);
  session.end("expired", NOW_MS);
  assert.deepEqual(active.aborts, ["deleted"]);
  assert.equal(session.endReason, "deleted");
  assert.equal(refusalOf(() => enter(session)), "session_not_found");
  assert.deepEqual(countsOf(session), [0, 0]);
});

Deno.test("M1: calls and streams of one session have caps of their own", STRICT, () => {
  const bench = new Bench({ caps: { maxCallsPerSession: 2, maxStreamsPerSession: 1 } });
  const session = bench.initialize();
  const call = enter(session);
  enter(session);
  assert.equal(refusalOf(() => enter(session)), "principal_limit");
  enter(session, new FakeActive("stream"));
  assert.equal(refusalOf(() => enter(session, new FakeActive("stream"))), "principal_limit");
  assert.deepEqual(countsOf(session), [3, 1]);
  session.leave(call, NOW_MS);
  enter(session);
  bench.limits.setCaps({ ...DEFAULT_CAPS, maxCallsPerSession: 3 });
  enter(session);
  assert.equal(refusalOf(() => enter(session)), "principal_limit");
});

Deno.test("L4: a link begins as sealed, and a revived one is told from the one before", STRICT, () => {
  const { link, remembered } = newSession();
  const { upstreamUrl, upstreamSessionId, generation, reviving, reopened, home, move } = link!;
  assert.deepEqual([upstreamUrl, upstreamSessionId, generation], [UPSTREAM, "upstream-1", 0]);
  assert.deepEqual([reviving, reopened, home, move], [undefined, undefined, undefined, undefined]);
  assert.deepEqual(remembered, { "mcp-session-id": "upstream-1", authorization: "Bearer x" });
});

Deno.test("E3: a session sealed for no upstream has no link, and one for several that of the first", STRICT, () => {
  const bench = new Bench();
  const linkOf = (upstreams: SealedSession["upstreams"]) => {
    const sealed = { ...bench.sealed(), upstreams };
    return bench.open(sealSession(KEY_A, sealed)).link;
  };
  assert.equal(linkOf({}), undefined);
  const two = linkOf({ "http://b/": { "mcp-session-id": "2" }, "http://a/": { "mcp-session-id": "1" } });
  assert.deepEqual([two?.upstreamUrl, two?.upstreamSessionId], ["http://a/", "1"]);
});

Deno.test("M1: a session's place is given back once, however it ends, and by nobody else", STRICT, () => {
  const bench = new Bench();
  const reservation = bench.registry.reserve(bench.caller(), NOW_MS);
  const session = bench.registry.add(factsOf(bench.seal()), reservation, NOW_MS);
  reservation.release();
  assert.equal(bench.limits.counts().sessions, 1, "it is the session's now");
  session.end("idle", NOW_MS);
  session.end("deleted", NOW_MS);
  assert.equal(bench.limits.counts().sessions, 0);
});

Deno.test("E9: transient headers are replaced as a whole", STRICT, () => {
  const session = newSession();
  assert.deepEqual(session.transient, []);
  session.replaceTransient(["x-a", "1", "x-b", "2"]);
  session.replaceTransient(["x-b", "3"]);
  assert.deepEqual(session.transient, ["x-b", "3"]);
  session.replaceTransient([]);
  assert.deepEqual(session.transient, []);
});
