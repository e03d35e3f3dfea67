// A caller's names out of the key that its sessions are kept under, against the names that the key was made of.
import fc from "fast-check";
import assert from "node:assert/strict";
import { namesOf } from "../../lib/session/caller.ts";
import { OwnerBook } from "../../lib/session/owner.ts";
import { STRICT } from "../support/strict.ts";

/** With much of what the key's own form is made of. */
const name = fc.array(fc.oneof(fc.constantFrom("c", ":", "1", "12", "0:"), fc.string()), { maxLength: 6 }).map((
  parts,
) => parts.join(""));

Deno.test("V3: whatever a caller is called, its key leads back to exactly that", STRICT, () => {
  fc.assert(
    fc.property(
      name,
      name,
      fc.option(name, { nil: undefined }),
      fc.boolean(),
      (issuer, subject, clientId, bindClientId) => {
        const principal = {
          ...{ source: "jwt", issuer, subject, scopes: [], expiresAtMs: Infinity },
          ...(clientId === undefined ? {} : { clientId }),
        };
        const { owner, principalKey } = new OwnerBook({ bindClientId }).callerOf(principal);
        assert.deepEqual(namesOf(principalKey), { issuer, subject });
        const bound = bindClientId && clientId !== undefined ? { clientId } : {};
        assert.deepEqual(namesOf(owner), { issuer, subject, ...bound });
      },
    ),
  );
});
