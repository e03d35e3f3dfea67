import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { BearerSource } from "../../../lib/identity/bearer.ts";
import { STRICT } from "../../support/strict.ts";
import { principalOf, request, withToken } from "./fakes.ts";

Deno.test("O2: bearer source makes the token's SHA-256 the subject", STRICT, () => {
  const principal = principalOf(new BearerSource().identify(withToken("opaque-token")));
  assert.equal(principal.subject, createHash("sha256").update("opaque-token").digest("hex"));
  assert.equal(principal.issuer, "signet:bearer");
  assert.equal(principal.source, "bearer");
  assert.equal(principal.expiresAtMs, Infinity);
});

Deno.test("O2: bearer source tells a refreshed token from the one before", STRICT, () => {
  const source = new BearerSource();
  const [one, other] = ["token-1", "token-2"].map((token) => principalOf(source.identify(withToken(token))).subject);
  assert.notEqual(one, other);
});

for (const scheme of ["Bearer", "bearer", "BEARER"]) {
  Deno.test(`I1: the scheme may be written ${scheme}`, STRICT, () => {
    const plain = principalOf(new BearerSource().identify(withToken("abc")));
    const view = request([["authorization", `${scheme}   abc`]]);
    assert.equal(principalOf(new BearerSource().identify(view)).subject, plain.subject);
  });
}

for (const value of ["Basic dXNlcjpwYXNz", "Bearertoken", "DPoP abc", "", "Bearer\tabc"]) {
  Deno.test(`I1: Authorization "${value}" is no bearer credential`, STRICT, () => {
    assert.deepEqual(new BearerSource().identify(request([["authorization", value]])), { kind: "none" });
  });
}

Deno.test("I1: no Authorization is no credential", STRICT, () => {
  assert.deepEqual(new BearerSource().identify(request([["x-authorization", "Bearer abc"]])), { kind: "none" });
});

const MALFORMED: readonly [string, readonly (readonly [string, string])[]][] = [
  ["a repeated Authorization", [["authorization", "Bearer a"], ["authorization", "Bearer a"]]],
  ["an empty token", [["authorization", "Bearer "]]],
  ["a bare scheme", [["authorization", "Bearer"]]],
  ["two tokens", [["authorization", "Bearer a b"]]],
  ["a joined pair", [["authorization", "Bearer a, Bearer b"]]],
  ["a character outside b64token", [["authorization", "Bearer a\u00e4b"]]],
  ["a token longer than the cap", [["authorization", `Bearer ${"a".repeat(33)}`]]],
];

for (const [what, fields] of MALFORMED) {
  Deno.test(`I3: ${what} is invalid_request, not nothing`, STRICT, () => {
    const answer = new BearerSource({ maxTokenLength: 32 }).identify(request(fields));
    assert.equal(answer.kind === "invalid" && answer.error, "invalid_request", JSON.stringify(answer));
  });
}

Deno.test("I1: a token of exactly the cap is taken", STRICT, () => {
  principalOf(new BearerSource({ maxTokenLength: 32 }).identify(withToken("a".repeat(32))));
});
