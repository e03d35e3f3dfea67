import assert from "node:assert/strict";
import { adminHosts } from "../../../lib/admin/admin_hosts.ts";
import { STRICT } from "../../support/strict.ts";

Deno.test("V3: on loopback the listener answers to names of this machine, and to those it is given", STRICT, () => {
  const allows = adminHosts({ hostname: "127.0.0.1", allowed: ["Signet.Internal"] });
  for (const host of ["localhost", "127.0.0.1", "[::1]", "signet.internal"]) assert.ok(allows(host), host);
  for (const host of ["evil.example", "10.0.0.1", "localhost.evil.example", ""]) assert.ok(!allows(host), host);
});

Deno.test("V3: beyond loopback addresses are names enough: nobody is led to them by a name", STRICT, () => {
  const allows = adminHosts({ hostname: "0.0.0.0", allowed: ["signet"] });
  for (const host of ["10.0.0.1", "[fe80::1]", "localhost", "signet"]) assert.ok(allows(host), host);
  for (const host of ["evil.example", "1.2.3.4.evil.example", "signet.evil.example"]) assert.ok(!allows(host), host);
  assert.ok(adminHosts({ hostname: "signet-admin", allowed: [] })("signet-admin"));
});
