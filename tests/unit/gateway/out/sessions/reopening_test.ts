// What is kept of a request to end a session by that was opened again.
import assert from "node:assert/strict";
import type { Inbound } from "../../../../../lib/gateway/inbound.ts";
import { keep } from "../../../../../lib/gateway/out/sessions/reopening.ts";
import type { Caller } from "../../../../../lib/session/caller.ts";
import { callerKeys } from "../../../../support/callers.ts";
import { STRICT } from "../../../../support/strict.ts";

/** With a request of this query. */
function kept(fields: string[], query = "") {
  const asked = { inbound: { head: { query } } as Inbound, caller: callerKeys("alice") as Caller };
  return keep(fields, asked);
}

Deno.test("M6: of the request that a session was opened again for a bounded part is kept", STRICT, () => {
  const long = "x".repeat(5_000);
  assert.deepEqual(kept(["authorization", "Bearer a", "x-tenant", "t"], "a=1").fields.length, 4);
  assert.deepEqual(kept(["authorization", `Bearer ${long}`, "x-tenant", "t"]).fields, [
    "authorization",
    `Bearer ${long}`,
  ]);
  assert.deepEqual(kept(["authorization", `Bearer ${long}${long}`, "x-tenant", "t"]).fields, []);
  assert.equal(kept([], "a=1").query, "a=1");
  assert.equal(kept([], long).query, "");
});
