import fc from "fast-check";
import assert from "node:assert/strict";
import { inspect } from "node:util";
import type { Principal } from "../../../../lib/identity/principal.ts";
import { Credential } from "../../../../lib/identity/remembered/credential.ts";
import { IdentityCache, type VerifiedOwner } from "../../../../lib/identity/remembered/identity_cache.ts";
import { STRICT } from "../../../support/strict.ts";

const NOW_MS = 1_700_000_000_000;
const A = "http://a.example/mcp";
const B = "http://b.example/mcp";

const principal = (subject: string, expiresAtMs = Infinity): Principal => ({
  source: "jwt",
  issuer: "https://issuer.example",
  subject,
  scopes: ["read"],
  expiresAtMs,
});

const owner = (subject = "alice", overrides: Partial<VerifiedOwner> = {}): VerifiedOwner => ({
  sealedOwner: `fingerprint of ${subject}`,
  callerOwner: `fingerprint of ${subject}`,
  principal: principal(subject),
  ...overrides,
});

const key = (sid = "s1", upstream = A) => ({ sid, upstream });
const found = (cache: IdentityCache, at = key(), nowMs = NOW_MS) => cache.find(at, nowMs)?.principal.subject;

Deno.test("I2: what was written for the verified owner is found for the session and the upstream", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 1_000 });
  assert.equal(found(cache), undefined);
  assert.equal(cache.rememberVerifiedOwner(key(), owner(), NOW_MS), true);
  assert.equal(found(cache), "alice");
  assert.deepEqual([cache.stats().hits, cache.stats().misses, cache.stats().written], [1, 1, 1]);
});

Deno.test("P8: what was written while the clock was ahead is not found once it is set back", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 900_000 });
  cache.rememberVerifiedOwner(key(), owner(), NOW_MS + 3_600_000);
  assert.equal(found(cache), undefined);
  assert.equal(cache.stats().entries, 0);
});

Deno.test("M6: cached credentials are bounded in bytes together, the longest unused make room", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 1_000, maxCredentialLengths: 3_500 });
  const write = (sid: string) =>
    cache.rememberVerifiedOwner(key(sid), owner(sid, { credential: new Credential("x".repeat(1_000)) }), NOW_MS);
  for (const sid of ["a", "b", "c"]) assert.equal(write(sid), true);
  assert.equal(found(cache, key("a")), "a");
  assert.equal(write("d"), true);
  assert.deepEqual(["a", "b", "c", "d"].map((sid) => found(cache, key(sid))), ["a", undefined, "c", "d"]);
  assert.deepEqual([cache.stats().entries, cache.stats().evictedForRoom], [3, 1]);
});

Deno.test("I2: an identity of one upstream or session is never found for another", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 1_000 });
  cache.rememberVerifiedOwner(key("s1", A), owner(), NOW_MS);
  assert.equal(found(cache, key("s1", B)), undefined);
  assert.equal(found(cache, key("s2", A)), undefined);
});

Deno.test("I2: no two pairs of session and upstream share an entry, whatever they contain", STRICT, () => {
  const text = fc.string({ maxLength: 6, unit: fc.constantFrom("a", "1", ":", "\n") });
  const pair = fc.record({ sid: text, upstream: text });
  const shifted: [{ sid: string; upstream: string }, { sid: string; upstream: string }] = [
    { sid: "a", upstream: "bc" },
    { sid: "ab", upstream: "c" },
  ];
  fc.assert(
    fc.property(pair, pair, (one, other) => {
      const cache = new IdentityCache({ ttlMs: 1_000 });
      cache.rememberVerifiedOwner(one, owner(), NOW_MS);
      const same = one.sid === other.sid && one.upstream === other.upstream;
      assert.equal(found(cache, other), same ? "alice" : undefined);
    }),
    { examples: [shifted] },
  );
});

Deno.test("I2: another authenticated caller can never overwrite the owner's identity", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 1_000 });
  cache.rememberVerifiedOwner(key(), owner("alice"), NOW_MS);
  const mallory = owner("mallory", { sealedOwner: "fingerprint of alice" });
  assert.equal(cache.rememberVerifiedOwner(key(), mallory, NOW_MS), false);
  assert.equal(found(cache), "alice");
  assert.equal(cache.stats().refusedWrites, 1);
});

Deno.test("O4: a blank owner or subject is never written", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 1_000 });
  for (const bad of [owner("x", { sealedOwner: "", callerOwner: "" }), owner("x", { principal: principal(" ") })]) {
    assert.equal(cache.rememberVerifiedOwner(key(), bad, NOW_MS), false);
  }
  assert.equal(cache.stats().entries, 0);
});

Deno.test("I2: the owner's newer credential replaces the older one", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 10_000 });
  const write = (value: string, expiresAtMs: number) =>
    cache.rememberVerifiedOwner(
      key(),
      owner("alice", { principal: principal("alice", expiresAtMs), credential: new Credential(value) }),
      NOW_MS,
    );
  write("Bearer old", NOW_MS + 1_000);
  write("Bearer new", NOW_MS + 5_000);
  assert.equal(cache.find(key(), NOW_MS + 4_999)?.credential?.reveal(), "Bearer new");
  assert.equal(cache.stats().entries, 1);
});

Deno.test(
  "I2: an entry ends with the credential or with the configured time, whichever comes first; end == now is over",
  STRICT,
  () => {
    const cases = [
      { expiresAtMs: NOW_MS + 500, ends: 500 },
      { expiresAtMs: NOW_MS + 5_000, ends: 1_000 },
      { expiresAtMs: Infinity, ends: 1_000 },
      { expiresAtMs: NOW_MS + 100, credentialExpiresAtMs: NOW_MS + 800, ends: 800 },
    ];
    for (const { expiresAtMs, ends, ...rest } of cases) {
      const cache = new IdentityCache({ ttlMs: 1_000 });
      cache.rememberVerifiedOwner(
        key(),
        owner("alice", { principal: principal("alice", expiresAtMs), ...rest }),
        NOW_MS,
      );
      assert.equal(found(cache, key(), NOW_MS + ends - 1), "alice");
      assert.equal(found(cache, key(), NOW_MS + ends), undefined);
      assert.deepEqual([cache.stats().expired, cache.stats().entries], [1, 0]);
    }
  },
);

Deno.test("I2: an expired credential is not written", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 1_000 });
  for (const expiresAtMs of [NOW_MS, NOW_MS - 1, NaN]) {
    const expired = owner("alice", { principal: principal("alice", expiresAtMs) });
    assert.equal(cache.rememberVerifiedOwner(key(), expired, NOW_MS), false);
  }
  assert.equal(cache.stats().entries, 0);
});

Deno.test("I2: DELETE and revocation evict a session at every upstream, a 404 at one", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 1_000 });
  for (const at of [key("s1", A), key("s1", B), key("s2", A)]) cache.rememberVerifiedOwner(at, owner(), NOW_MS);
  assert.equal(cache.evict(key("s1", A)), true);
  assert.equal(cache.evict(key("s1", A)), false);
  assert.deepEqual([found(cache, key("s1", A)), found(cache, key("s1", B))], [undefined, "alice"]);
  assert.equal(cache.evictSession("s1"), 1);
  assert.equal(cache.evictSession("s1"), 0);
  assert.deepEqual([found(cache, key("s1", B)), found(cache, key("s2", A))], [undefined, "alice"]);
  assert.equal(cache.stats().evictedByCause, 2);
});

Deno.test("M3: the cache is bounded, and gives up what was used least", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 1_000, maxEntries: 3 });
  cache.rememberVerifiedOwner(key("s0", A), owner(), NOW_MS);
  for (let i = 1; i < 1_000; i++) {
    assert.equal(found(cache, key("s0", A)), "alice");
    cache.rememberVerifiedOwner(key(`s${i}`, i % 2 ? A : B), owner(), NOW_MS);
  }
  assert.deepEqual([cache.stats().entries, cache.stats().evictedForRoom], [3, 997]);
  // What was pushed out has left the index of its session as well.
  assert.equal(cache.evictSession("s1"), 0);
  assert.equal(cache.evictSession("s999"), 1);
});

Deno.test("M3: a credential longer than the cap is not kept", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 1_000, maxCredentialLength: 10 });
  const write = (value: string) =>
    cache.rememberVerifiedOwner(key(), owner("alice", { credential: new Credential(value) }), NOW_MS);
  assert.equal(write("x".repeat(11)), false);
  assert.equal(write("x".repeat(10)), true);
});

Deno.test("P1: a cached credential prints as nothing", STRICT, () => {
  const cache = new IdentityCache({ ttlMs: 1_000 });
  const secret = "Bearer very-secret";
  cache.rememberVerifiedOwner(key(), owner("alice", { credential: new Credential(secret) }), NOW_MS);
  const identity = cache.find(key(), NOW_MS);
  for (
    const shown of [inspect(identity), Deno.inspect(identity), JSON.stringify(identity), `${identity?.credential}`]
  ) {
    assert.ok(!shown.includes("very-secret"), shown);
  }
});
