import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { MasterKey, parseKeyRing } from "../../../lib/envelope/key_ring.ts";
import { fingerprintOwner, type OwnerIdentity } from "../../../lib/envelope/owner_fingerprint.ts";
import { STRICT } from "../../support/strict.ts";
import vectors from "../../vectors/owners.json" with { type: "json" };

const key = new MasterKey(Buffer.alloc(32, 1));

Deno.test("O2: fingerprintOwner gives the fingerprint of every committed vector", STRICT, () => {
  for (const vector of vectors) {
    const { active } = parseKeyRing(vector.key, "vectors");
    assert.equal(fingerprintOwner(active, vector.owner as OwnerIdentity), vector.fingerprint);
  }
});

Deno.test("O2: fingerprintOwner tells owners apart wherever their fields are split", STRICT, () => {
  const owners: OwnerIdentity[] = [
    { issuer: "ab", subject: "c" },
    { issuer: "a", subject: "bc" },
    { issuer: "c", subject: "ab" },
    { issuer: "ab", subject: "c", clientId: "d" },
    { issuer: "ab", subject: "cd" },
    { issuer: "ab", subject: "c\u0001\0\0\0d" },
    { issuer: "ab", subject: "C" },
    { issuer: "ab", subject: "c " },
    { issuer: "ab", subject: "\u00e9" },
    { issuer: "ab", subject: "e\u0301" },
  ];
  assert.equal(new Set(owners.map((owner) => fingerprintOwner(key, owner))).size, owners.length);
});

Deno.test("E4: fingerprintOwner differs under another master key", STRICT, () => {
  const owner = { issuer: "a", subject: "b" };
  assert.notEqual(fingerprintOwner(key, owner), fingerprintOwner(new MasterKey(Buffer.alloc(32, 2)), owner));
});

Deno.test("O2: fingerprintOwner takes a whole principal and looks at nothing but the owner in it", STRICT, () => {
  const principal = { source: "jwt", issuer: "a", subject: "b", scopes: ["x"], expiresAtMs: 5 };
  const refreshed = { ...principal, scopes: [], expiresAtMs: 6 };
  assert.equal(fingerprintOwner(key, principal), fingerprintOwner(key, refreshed));
});

Deno.test("O4: fingerprintOwner throws when a field is blank, and names it", STRICT, () => {
  for (const blank of ["", " ", "\t\n", "\u00a0"]) {
    assert.throws(() => fingerprintOwner(key, { issuer: blank, subject: "b" }), /blank issuer/);
    assert.throws(() => fingerprintOwner(key, { issuer: "a", subject: blank }), /blank subject/);
    assert.throws(() => fingerprintOwner(key, { issuer: "a", subject: "b", clientId: blank }), /blank clientId/);
  }
});

Deno.test("O4: fingerprintOwner throws for a lone surrogate, which UTF-8 would merge with others", STRICT, () => {
  assert.throws(() => fingerprintOwner(key, { issuer: "a", subject: "\ud800" }), /lone surrogate in subject/);
});
