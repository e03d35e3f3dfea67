import assert from "node:assert/strict";
import { AnonymousSource } from "../../../../lib/identity/anonymous.ts";
import { TrustedHeaderSource } from "../../../../lib/identity/proxies/trusted_header.ts";
import { CidrList } from "../../../../lib/platform/network/cidr.ts";
import { STRICT } from "../../../support/strict.ts";
import { principalOf, request } from "../fakes.ts";

const source = (maxRemembered?: number) =>
  new TrustedHeaderSource({
    header: "X-Forwarded-User",
    peers: new CidrList(["10.0.0.0/8"]),
    ...(maxRemembered === undefined ? {} : { maxRemembered }),
  });

Deno.test("I1: a trusted peer's header names the principal", STRICT, () => {
  const principal = principalOf(source().identify(request([["x-forwarded-user", "alice\xc2\xa0"]], "10.1.2.3")));
  // The engine has removed what is no part of the value; what else looks like a blank belongs to the name.
  assert.equal(principal.subject, "alice\u00a0");
  assert.equal(principal.issuer, "signet:header");
  assert.equal(principal.expiresAtMs, Infinity);
});

Deno.test("O2: a trusted peer's name is read as the UTF-8 that proxies send", STRICT, () => {
  for (const name of ["müller", "李雷", "😀", "\ufeffalice", "Ã©"]) {
    const sent = String.fromCharCode(...new TextEncoder().encode(name));
    assert.equal(principalOf(source().identify(request([["x-forwarded-user", sent]], "10.1.2.3"))).subject, name);
  }
});

Deno.test("I1: an IPv4 peer seen through a dual-stack listener is trusted all the same", STRICT, () => {
  principalOf(source().identify(request([["x-forwarded-user", "alice"]], "::ffff:10.1.2.3")));
});

Deno.test("I1: the header of any other peer is no credential", STRICT, () => {
  const trusting = source();
  const fields = [["x-forwarded-user", "alice"]] as const;
  principalOf(trusting.identify(request(fields, "10.1.2.3")));
  for (const address of ["11.0.0.1", "::1", "127.0.0.1", ""]) {
    assert.deepEqual(trusting.identify(request(fields, address)), { kind: "none" }, address);
  }
});

Deno.test("I1: a trusted peer without the header is no credential", STRICT, () => {
  assert.deepEqual(source().identify(request([], "10.1.2.3")), { kind: "none" });
});

const INVALID: readonly [string, readonly (readonly [string, string])[], RegExp][] = [
  ["repeated", [["x-forwarded-user", "alice"], ["x-forwarded-user", "alice"]], /more than once/],
  ["empty", [["x-forwarded-user", ""]], /blank/],
  ["blank", [["x-forwarded-user", " \t "]], /blank/],
  ["seemingly not blank", [["x-forwarded-user", "\xc2\xa0"]], /blank/],
  // Read as Latin-1 it would be the name of somebody whose proxy sends UTF-8.
  ["Latin-1", [["x-forwarded-user", "m\xfcller"]], /not in UTF-8/],
  ["cut", [["x-forwarded-user", "m\xc3"]], /not in UTF-8/],
  ["endless", [["x-forwarded-user", "a".repeat(1_025)]], /longer/],
];

for (const [what, fields, reason] of INVALID) {
  Deno.test(`O4: a trusted peer's ${what} header fails closed`, STRICT, () => {
    const answer = source().identify(request(fields, "10.1.2.3"));
    assert.ok(answer.kind === "invalid" && answer.error === "invalid_request", JSON.stringify(answer));
    assert.match(answer.reason, reason);
  });
}

Deno.test("O1: the same caller is the same object, so that owner checks hit their memo", STRICT, () => {
  const trusting = source();
  const ask = () => principalOf(trusting.identify(request([["x-forwarded-user", "alice"]], "10.1.2.3")));
  assert.equal(ask(), ask());
});

Deno.test("M3: principals remembered are bounded", STRICT, () => {
  const trusting = source(2);
  for (const name of ["a", "b", "c"]) trusting.identify(request([["x-forwarded-user", name]], "10.1.2.3"));
  assert.equal(trusting.remembered, 2);
});

Deno.test("O6: everybody anonymous is one principal", STRICT, () => {
  const anonymous = new AnonymousSource();
  assert.equal(principalOf(anonymous.identify()), principalOf(new AnonymousSource().identify()));
});
