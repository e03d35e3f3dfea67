import assert from "node:assert/strict";
import { SignetError } from "../../../../lib/errors.ts";
import { principalKey } from "../../../../lib/session/caller.ts";
import { Unit } from "../../../../lib/session/limits/holdings.ts";
import { Limits } from "../../../../lib/session/limits/limits.ts";
import { principalKeyOf } from "../../../support/callers.ts";
import { STRICT } from "../../../support/strict.ts";
import { principal, refusalOf } from "../fakes.ts";

const ZERO = { sessions: 0, streams: 0, requests: 0, principals: 0 };

Deno.test("M1: 100 parallel initializes at a cap of 10 get exactly 10 places", STRICT, async () => {
  const limits = new Limits({ maxSessions: 10 });
  let inside = 0;
  let most = 0;
  const gate = Promise.withResolvers<void>();
  const attempts = Array.from({ length: 100 }, async (_, i) => {
    const place = limits.reserveSession(principalKeyOf(`principal-${i}`));
    most = Math.max(most, ++inside);
    await gate.promise;
    inside--;
    place.release();
  });
  gate.resolve();
  const outcomes = await Promise.allSettled(attempts);
  assert.equal(outcomes.filter((outcome) => outcome.status === "fulfilled").length, 10);
  assert.equal(most, 10);
  assert.deepEqual(limits.counts(), ZERO);
  assert.equal(limits.refusals().sessions, 90);
});

Deno.test("M1: releasing twice gives back once", STRICT, () => {
  const limits = new Limits({ maxSessions: 2 });
  const [one, other] = [limits.reserveSession(principalKeyOf("a")), limits.reserveSession(principalKeyOf("a"))];
  one.release();
  one.release();
  assert.deepEqual(limits.counts(), { ...ZERO, sessions: 1, principals: 1 });
  assert.deepEqual([one.released, other.released], [true, false]);
  other.release();
  assert.deepEqual(limits.counts(), ZERO);
});

Deno.test("M2: one principal's cap is 429 with Retry-After, and leaves room for others", STRICT, () => {
  const limits = new Limits({ maxSessionsPerPrincipal: 2 });
  const places = [limits.reserveSession(principalKeyOf("a")), limits.reserveSession(principalKeyOf("a"))];
  assert.throws(() => limits.reserveSession(principalKeyOf("a")), (fault) => {
    assert.ok(fault instanceof SignetError);
    assert.deepEqual([fault.code, fault.kind.status, fault.detail.retryAfterS], ["principal_limit", 429, 30]);
    return true;
  });
  places.push(limits.reserveSession(principalKeyOf("b")));
  places[0]!.release();
  places.push(limits.reserveSession(principalKeyOf("a")));
  assert.equal(limits.refusals().principals, 1);
  for (const place of places) place.release();
  assert.deepEqual(limits.counts(), ZERO);
});

Deno.test("M2: the cap of all sessions is 503 with Retry-After 30", STRICT, () => {
  const limits = new Limits({ maxSessions: 1 });
  limits.reserveSession(principalKeyOf("a"));
  assert.throws(() => limits.reserveSession(principalKeyOf("b")), (fault) => {
    assert.ok(fault instanceof SignetError);
    assert.deepEqual([fault.code, fault.kind.status, fault.detail.retryAfterS], ["session_limit", 503, 30]);
    return true;
  });
  assert.equal(limits.counts().principals, 1); // the refused one left no entry behind
});

for (const what of ["stream", "request"] as const) {
  Deno.test(`M1: ${what}s at once are capped, and their places come back`, STRICT, () => {
    const limits = new Limits({ maxStreams: 2, maxRequests: 2 });
    const key = principalKeyOf("a");
    const reserve = () => new Unit(`${what}s`, limits.roomFor(`${what}s`, key));
    const places = [reserve(), reserve()];
    assert.equal(refusalOf(reserve), "request_limit");
    assert.deepEqual(limits.counts(), { ...ZERO, [`${what}s`]: 2, principals: 1 });
    assert.equal(limits.refusals()[`${what}s`], 1);
    places[0]!.release();
    places[0]!.release();
    places.push(reserve());
    assert.equal(refusalOf(reserve), "request_limit");
    for (const place of places) place.release();
    assert.deepEqual(limits.counts(), ZERO);
  });
}

Deno.test("M1: new caps count for what is reserved from then on", STRICT, () => {
  const limits = new Limits({ maxSessions: 2 });
  const places = [limits.reserveSession(principalKeyOf("a")), limits.reserveSession(principalKeyOf("b"))];
  limits.setCaps({ maxSessions: 1 });
  places[0]!.release();
  assert.equal(refusalOf(() => limits.reserveSession(principalKeyOf("c"))), "session_limit");
  limits.setCaps({ maxSessions: 2 });
  limits.reserveSession(principalKeyOf("c"));
});

Deno.test("M1: a principal's key is its issuer and subject, and nothing else is that key", STRICT, () => {
  const keyOf = (issuer: string, subject: string) => principalKey(principal(subject, { issuer }));
  assert.equal(principalKey(principal("alice")), principalKey(principal("alice", { scopes: ["x"], clientId: "app" })));
  const keys = [keyOf("ab", "c"), keyOf("a", "bc"), keyOf("a", "b"), keyOf("1:a", "b"), keyOf("a:1", "b")];
  assert.equal(new Set(keys).size, keys.length);
});

for (const what of ["stream", "request"] as const) {
  Deno.test(
    `M1 M2: one principal's share of ${what}s is 429, others have the rest, and nothing is left over`,
    STRICT,
    () => {
      const limits = new Limits({
        ...{ maxStreams: 4, maxStreamsPerPrincipal: 2 },
        ...{ maxRequests: 4, maxRequestsPerPrincipal: 2 },
      });
      const reserve = (name: string) => new Unit(`${what}s`, limits.roomFor(`${what}s`, principalKeyOf(name)));
      const places = [reserve("a"), reserve("a")];
      assert.throws(() => reserve("a"), (fault) => {
        assert.ok(fault instanceof SignetError);
        assert.deepEqual([fault.code, fault.kind.status, fault.detail.retryAfterS], ["principal_limit", 429, 1]);
        assert.match(
          fault.message,
          what === "stream" ? /Too many streams .*for this caller/ : /Too many calls .*for this caller/,
        );
        return true;
      });
      places.push(reserve("b"), reserve("c"));
      assert.throws(() => reserve("d"), (fault) => {
        assert.ok(fault instanceof SignetError);
        assert.deepEqual([fault.code, fault.kind.status, fault.detail.retryAfterS], ["request_limit", 503, 1]);
        assert.match(fault.message, what === "stream" ? /^Too many streams at once$/ : /^Too many calls at once$/);
        return true;
      });
      assert.equal(limits.counts().principals, 3, "who was refused left no entry");
      assert.equal(limits.refusals()[`own_${what}s`], 1);
      for (const place of places) place.release();
      assert.deepEqual(limits.counts(), ZERO);
    },
  );
}
