import assert from "node:assert/strict";
import { STRICT } from "../../support/strict.ts";
import { ALICE, Bench, BOB, KEY_A, KEY_B, principal } from "./fakes.ts";

Deno.test("O1: a session is its owner's and nobody else's", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize(ALICE);
  assert.equal(bench.owners.owns(bench.caller(ALICE), session), true);
  assert.equal(bench.owners.owns(bench.caller(BOB), session), false);
  assert.equal(bench.owners.owns(bench.caller(ALICE), session), true);
});

Deno.test("O1: a stranger's attempt does not become the memo", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize(ALICE);
  bench.owners.owns(bench.caller(BOB), session);
  assert.equal(session.lastOwner, undefined);
  bench.owners.owns(bench.caller(ALICE), session);
  bench.owners.owns(bench.caller(BOB), session);
  assert.equal(session.lastOwner, bench.caller(ALICE));
});

Deno.test("O2: a refreshed token, another object of the same person, is the same owner", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize(ALICE);
  const refreshed = principal("alice", { expiresAtMs: 1, scopes: ["more"], source: "introspection", clientId: "app" });
  assert.equal(bench.owners.owns(bench.caller(refreshed), session), true);
});

const STRANGERS = [
  principal("alice", { issuer: "https://other.example" }),
  principal("alicE"),
  principal("alice "),
  principal("lice", { issuer: "https://issuer.examplea" }),
];

for (const stranger of STRANGERS) {
  Deno.test(`O2: ${JSON.stringify(stranger.subject)} of ${stranger.issuer} is not alice`, STRICT, () => {
    const bench = new Bench();
    assert.equal(bench.owners.owns(bench.caller(stranger), bench.initialize(ALICE)), false);
  });
}

Deno.test("O2: bound to the client, the same person through another client is a stranger", STRICT, () => {
  const bench = new Bench({ owner: { bindClientId: true } });
  const session = bench.initialize(principal("alice", { clientId: "app" }));
  assert.equal(bench.owners.owns(bench.caller(principal("alice", { clientId: "app" })), session), true);
  assert.equal(bench.owners.owns(bench.caller(principal("alice", { clientId: "other" })), session), false);
  assert.equal(bench.owners.owns(bench.caller(ALICE), session), false);
});

Deno.test("O2: not bound to the client, any client of the same person owns the session", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize(principal("alice", { clientId: "app" }));
  assert.equal(bench.owners.owns(bench.caller(principal("alice", { clientId: "other" })), session), true);
});

Deno.test("E4: fingerprints differ from key to key, and are remembered for each", STRICT, () => {
  const { owners } = new Bench();
  const [a, b] = [owners.fingerprint(ALICE, KEY_A), owners.fingerprint(ALICE, KEY_B)];
  assert.notEqual(a, b);
  assert.deepEqual([owners.fingerprint(ALICE, KEY_A), owners.fingerprint(ALICE, KEY_B)], [a, b]);
});

Deno.test("O4: a blank principal owns nothing: it fails closed", STRICT, () => {
  const bench = new Bench();
  const session = bench.initialize(ALICE);
  assert.throws(() => bench.owners.owns(bench.caller(principal("")), session));
});
