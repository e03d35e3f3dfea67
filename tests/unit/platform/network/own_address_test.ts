import assert from "node:assert/strict";
import { isOwnAddress } from "../../../../lib/platform/network/own_address.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("isOwnAddress knows the machine's own, whatever listens there, and leaves names alone", STRICT, () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assert.equal(taken.addr.hostname, "127.0.0.1");
  for (const own of ["127.0.0.1", "0.0.0.0", "nosuch.invalid"]) assert.equal(isOwnAddress(own), true, own);
  // Of a range for documentation (RFC 5737).
  assert.equal(isOwnAddress("192.0.2.1"), false);
});
