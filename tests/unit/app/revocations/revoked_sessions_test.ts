// Sessions in memory are asked about where revocations may have been missed (docs/behaviour.md L6, R6).
import assert from "node:assert/strict";
import { askAgainAbout } from "../../../../lib/app/revocations/revoked_sessions.ts";
import { SignetError } from "../../../../lib/errors.ts";
import { STRICT } from "../../../support/strict.ts";
import { ALICE, Bench, NOW_MS } from "../../session/fakes.ts";

Deno.test(
  "L6 R6: what is revoked ends, and where the store is away halfway the rest is to be asked about again",
  STRICT,
  async () => {
    const bench = new Bench();
    const sessions = [1, 2, 3].map(() => bench.initialize(ALICE));
    let left = 2;
    const revocations = {
      isRevoked: ({ sid }: { sid: string }) => {
        if (left-- === 0) return Promise.reject(new SignetError("identity_unavailable"));
        return Promise.resolve(sid !== sessions[0]!.sid);
      },
    };
    const ask = () => askAgainAbout(bench.registry, revocations, () => NOW_MS);
    assert.equal(await ask(), false);
    assert.equal(bench.registry.size, 2);
    left = Infinity;
    assert.equal(await ask(), true);
    assert.deepEqual([...bench.registry.sessions()], [sessions[0]]);
  },
);
