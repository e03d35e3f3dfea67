// What a stateless client has is asked about where revocations may have been missed: what was there by then ends, and
// nothing that began while the store was thinking (docs/behaviour.md L6, S3, S4).
import assert from "node:assert/strict";
import { askAgainAboutStateless } from "../../../lib/app/revoked_stateless.ts";
import type { OwnedSince } from "../../../lib/bridge/request.ts";
import type { OwnerKey } from "../../../lib/session/caller.ts";
import type { StoredRevocations } from "../../../lib/session/revocation_store.ts";
import { freshRing } from "../../support/signet.ts";
import { STRICT } from "../../support/strict.ts";

const OWNER = "1:ia" as OwnerKey;

Deno.test("L6 S3: what begins while it is asked what is revoked goes on", STRICT, async () => {
  let hosted = [1000, 2000];
  const endStateless = (which: OwnedSince) => void (hosted = hosted.filter((sinceMs) => !which(OWNER, sinceMs)));
  const asked: number[] = [];
  const revocations = {
    isRevoked({ issuedAtMs }: { issuedAtMs: number }) {
      asked.push(issuedAtMs);
      hosted.push(3000);
      return Promise.resolve(true);
    },
  } as unknown as StoredRevocations;
  const ring = freshRing();
  await askAgainAboutStateless({ upstream: { endStateless }, pools: undefined, ring: () => ring }, revocations);
  assert.deepEqual(asked, [1000], "as old as the oldest");
  assert.deepEqual(hosted, [3000]);
});
