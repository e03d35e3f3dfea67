// What a stateless client has is asked about where revocations may have been missed: what was there by then ends, and
// nothing that began while the store was thinking (docs/behaviour.md L6, S3, S4).
import assert from "node:assert/strict";
import {
  askAgainAboutStateless,
  endStateless,
  judgeOwners,
} from "../../../../lib/app/revocations/revoked_stateless.ts";
import type { OwnedSince } from "../../../../lib/bridge/request.ts";
import { SignetError } from "../../../../lib/errors.ts";
import type { OwnerKey } from "../../../../lib/session/caller.ts";
import type { StoredRevocations } from "../../../../lib/session/revocations/revocation_store.ts";
import { freshRing } from "../../../support/signet.ts";
import { STRICT } from "../../../support/strict.ts";

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
  const judge = judgeOwners({ revocations, ring: () => ring, onFault: (fault) => assert.fail(String(fault)) });
  const holdings = { upstream: { endStateless }, pools: undefined, ring: () => ring };
  assert.equal(await askAgainAboutStateless(holdings, judge), true);
  assert.deepEqual(asked, [1000], "as old as the oldest");
  assert.deepEqual(hosted, [3000]);
  assert.equal(await askAgainAboutStateless(holdings, () => Promise.resolve("untold")), false, "to be asked again");
});

Deno.test("P8 L6: what a stateless client had before the clock was set back ends with what it has now", STRICT, () => {
  let hosted = [1000, 2000, 3000];
  const upstream = {
    endStateless: (which: OwnedSince) => void (hosted = hosted.filter((sinceMs) => !which(OWNER, sinceMs))),
  };
  const ring = freshRing();
  endStateless({ upstream, pools: undefined, ring: () => ring }, { kind: "all", beforeMs: 1500, untilMs: 9000 }, 2500);
  assert.deepEqual(hosted, [2000], "opened behind that moment, and before now");
});

Deno.test(
  "L6 S3: where nobody can say what is revoked, nobody is judged, and a fault of Signet's own is told of",
  STRICT,
  async () => {
    const told: unknown[] = [];
    const judgeWith = (isRevoked: StoredRevocations["isRevoked"]) =>
      judgeOwners({ revocations: { isRevoked }, ring: () => freshRing(), onFault: (fault) => void told.push(fault) });
    const away = judgeWith(() => Promise.reject(new SignetError("identity_unavailable")));
    assert.equal(await away(OWNER, 1000), "untold");
    assert.deepEqual(told, []);
    const boom = new TypeError("boom");
    const thrown = judgeWith(() => {
      throw boom;
    });
    for (const judge of [thrown, judgeWith(() => Promise.reject(boom))]) {
      assert.equal(await judge(OWNER, 1000), "untold");
    }
    assert.deepEqual(told, [boom, boom]);
  },
);
