// A raw id that is being taken in while the list of revocations is asked: what is heard meanwhile counts (docs/behaviour.md
// O5, L6, R4).
import assert from "node:assert/strict";
import { KeyRing } from "../../../../lib/envelope/key_ring.ts";
import { SignetError } from "../../../../lib/errors.ts";
import { adopt, endAdopted } from "../../../../lib/gateway/in/adopt.ts";
import type { Bearing } from "../../../../lib/gateway/in/bearing.ts";
import type { GatewayParts } from "../../../../lib/gateway/parts.ts";
import { AdoptionRegistry } from "../../../../lib/session/adoption.ts";
import type { RevocationList } from "../../../../lib/session/revocations/revocation_list.ts";
import type { Session } from "../../../../lib/session/session.ts";
import { STRICT } from "../../../support/strict.ts";
import { ALICE, Bench, codeOf, KEY_A, KEY_B, NOW_MS, TTL_MS, UPSTREAM } from "../../session/fakes.ts";

const RAW = "raw-id-1";

/** A list that is somewhere else: it answers when told to. */
function scene() {
  const answer = Promise.withResolvers<boolean>();
  const revocations: RevocationList = { isRevoked: () => answer.promise, revoke: () => {}, sweep: () => {}, size: 0 };
  const bench = new Bench({ revocations });
  const adoption = new AdoptionRegistry();
  const parts = {
    ...{ adoption, revocations, registry: bench.registry, owners: bench.owners, now: () => NOW_MS },
    ...{ options: { sessionTtlMs: TTL_MS }, upstream: { url: UPSTREAM }, log: { info: () => {} } },
  } as unknown as GatewayParts;
  const caller = bench.caller(ALICE);
  const bearing = { inbound: { receivedAtMs: NOW_MS }, caller, sessionId: RAW } as unknown as Bearing;
  const notOurs = new SignetError("session_not_found", { facts: { outcome: "alphabet" } });
  const take = () => adopt(parts, { ...bearing, use: (session: Session) => session }, notOurs);
  return { bench, adoption, parts, take, answer };
}

type Scene = ReturnType<typeof scene>;

const MEANWHILE: readonly [string, (scene: Scene) => void][] = [
  ["everything before now is revoked", ({ bench }) => {
    bench.registry.endRevoked({ kind: "all", beforeMs: NOW_MS, untilMs: NOW_MS + 1000 }, NOW_MS);
  }],
  ["its caller is revoked", ({ bench }) => {
    const owner = bench.owners.fingerprint(ALICE, KEY_A);
    bench.registry.endRevoked({ kind: "principal", owner, beforeMs: NOW_MS, untilMs: NOW_MS + 1000 }, NOW_MS);
  }],
  ["a reload takes --adopt back", ({ adoption, parts }) => {
    adoption.isOpen = false;
    endAdopted(parts);
  }],
  ["the key that names its owner is taken away", ({ bench }) => bench.registry.setRing(new KeyRing([KEY_B]), NOW_MS)],
];

for (const [what, happen] of MEANWHILE) {
  Deno.test(`O5 L6: a raw id is not taken in where ${what} meanwhile, in any turn of it`, STRICT, async () => {
    for (let turns = 0; turns < 12; turns++) {
      const begun = scene();
      const { bench, adoption, take, answer } = begun;
      const taking = [take(), take()];
      const settled = Promise.allSettled(taking);
      answer.resolve(false);
      for (let turn = 0; turn < turns; turn++) await undefined;
      happen(begun);
      await settled;
      assert.equal(bench.registry.size, 0, `${turns} turns on`);
      assert.deepEqual([bench.limits.counts().sessions, bench.registry.sizes().opening], [0, 0]);
      if (turns === 0) {
        for (const one of taking) await assert.rejects(one, codeOf("session_not_found"));
        assert.equal(adoption.stats().pending, 0, "nobody has claimed it");
      }
    }
  });
}

Deno.test("O5: a raw id that nothing speaks against is taken in once", STRICT, async () => {
  const { bench, take, answer } = scene();
  const taking = [take(), take()];
  answer.resolve(false);
  const [one, other] = await Promise.all(taking);
  assert.equal(one, other);
  assert.deepEqual([bench.registry.size, bench.registry.sizes().opening], [1, 0]);
});
