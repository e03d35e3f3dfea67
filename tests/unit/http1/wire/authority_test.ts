import assert from "node:assert/strict";
import { formatAuthority, hostOfAuthority, isLoopbackHost } from "../../../../lib/http1/wire/authority.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("formatAuthority brackets IPv6 addresses once", STRICT, () => {
  assert.equal(formatAuthority("::1", 80), "[::1]:80");
  assert.equal(formatAuthority("[::1]", 80), "[::1]:80");
  assert.equal(formatAuthority("a.example", 80), "a.example:80");
});

Deno.test("hostOfAuthority cuts the port and nothing else", STRICT, () => {
  assert.equal(hostOfAuthority("a.example:80"), "a.example");
  assert.equal(hostOfAuthority("a.example"), "a.example");
  assert.equal(hostOfAuthority("[::1]:80"), "[::1]");
  assert.equal(hostOfAuthority("[::1].evil:80"), "[::1].evil:80");
  assert.equal(hostOfAuthority("localhost:80:90"), "localhost:80:90");
});

Deno.test("isLoopbackHost knows the names and addresses of this machine only", STRICT, () => {
  for (const host of ["localhost", "LocalHost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]) {
    assert.equal(isLoopbackHost(host), true, host);
  }
  for (const host of ["0.0.0.0", "::", "localhost.evil", "127.0.0.1.evil", "10.0.0.1", ""]) {
    assert.equal(isLoopbackHost(host), false, host);
  }
});
