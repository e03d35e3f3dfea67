// Revocations over the memory store against a plain map: below the bound nothing is forgotten before its time; at the bound
// the size holds, and what gave way was deleted longest ago, and is counted.
import fc from "fast-check";
import assert from "node:assert/strict";
import { StoredRevocations } from "../../lib/session/revocations/revocation_store.ts";
import { createMemoryStore } from "../../lib/store/memory/memory.ts";
import { STRICT } from "../support/strict.ts";
import { Bench, NOW_MS } from "../unit/session/fakes.ts";

/** How long what has ended is kept all the same. */
const KEPT_MS = 600_000;
const MINUTE = 60_000;
const SEALED = new Bench().sealed();

const step = fc.oneof(
  fc.record({ sid: fc.nat({ max: 12 }), ttlMs: fc.nat({ max: 10 * MINUTE }), kind: fc.constant("revoke" as const) }),
  fc.record({ passMs: fc.nat({ max: 3 * MINUTE }), kind: fc.constant("sweep" as const) }),
);

for (const maxSessions of [4, 1_000]) {
  Deno.test(`L6 M3: random revocations in a list of ${maxSessions} are kept until they expire`, STRICT, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const store = createMemoryStore({ maxSessions });
        let nowMs = NOW_MS;
        const list = new StoredRevocations({ store, maxSessionTtlMs: 10 * MINUTE, steady: () => nowMs }, 0);
        const isRevoked = (sid: string) => list.isRevoked({ ...SEALED, sid });
        /** sid → expiry, first deleted first. */
        const expiries = new Map<string, number>();
        let lost = 0;
        for (const one of steps) {
          if (one.kind === "sweep") {
            nowMs += one.passMs;
            list.sweep(nowMs);
            for (const [sid, expiresAtMs] of expiries) if (expiresAtMs <= nowMs - KEPT_MS) expiries.delete(sid);
          } else {
            const sid = String(one.sid);
            list.revoke(sid, nowMs + one.ttlMs, nowMs);
            if (one.ttlMs === 0) continue;
            const [oldest] = expiries.keys();
            if (!expiries.has(sid) && expiries.size === maxSessions && oldest !== undefined) {
              expiries.delete(oldest);
              lost++;
            }
            expiries.set(sid, Math.max(expiries.get(sid) ?? 0, nowMs + one.ttlMs));
          }
          const dead = Array.from({ length: 13 }, (_, sid) => String(sid)).filter(isRevoked);
          assert.deepEqual(new Set(dead), new Set(expiries.keys()));
          assert.deepEqual([list.size, store.stats().revocationsForgotten], [expiries.size, lost]);
        }
        if (maxSessions === 1_000) assert.equal(lost, 0);
        nowMs += 20 * MINUTE + KEPT_MS;
        list.sweep(nowMs);
        assert.equal(list.size, 0);
      }),
      { numRuns: 300 },
    );
  });
}
