import assert from "node:assert/strict";
import { StoreSeal } from "../../../../../lib/envelope/store_seal.ts";
import { openKept } from "../../../../../lib/upstream/peers/pooled/kept_session.ts";
import { freshRing } from "../../../../support/signet.ts";
import { STRICT } from "../../../../support/strict.ts";

Deno.test("S3: what another version has kept of a session is none", STRICT, () => {
  const ring = freshRing();
  const seal = new StoreSeal(() => ring, "pool");
  const kept = { of: "place", id: "id", version: "2025-11-25", openedAtMs: 1, result: {} };
  assert.deepEqual(openKept(seal, seal.seal(JSON.stringify(kept))), kept);
  const texts = [
    "no JSON",
    "null",
    "[]",
    "1",
    ...Object.keys(kept).map((name) => JSON.stringify({ ...kept, [name]: [] })),
  ];
  for (const text of texts) assert.equal(openKept(seal, seal.seal(text)), undefined, text);
});
