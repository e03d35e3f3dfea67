// Tombstones against a plain map: below the bound nothing is forgotten before its time; at the bound the size holds and
// whatever gave way is counted and was among those that would have gone first.
import assert from "node:assert/strict";
import fc from "fast-check";
import { Tombstones } from "../../lib/session/tombstones.ts";
import { Bench, NOW_MS } from "../unit/session/fakes.ts";

const strict = { sanitizeOps: true, sanitizeResources: true };
const MINUTE = 60_000;
const SEALED = new Bench().sealed();

const step = fc.oneof(
  fc.record({ sid: fc.nat({ max: 12 }), ttlMs: fc.nat({ max: 10 * MINUTE }), kind: fc.constant("revoke" as const) }),
  fc.record({ passMs: fc.nat({ max: 3 * MINUTE }), kind: fc.constant("sweep" as const) }),
);

for (const maxEntries of [4, 1_000]) {
  Deno.test(`L6 M3: random revocations in a list of ${maxEntries} are kept until they expire`, strict, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const list = new Tombstones({ maxEntries });
        const isRevoked = (sid: string) => list.isRevoked({ ...SEALED, sid });
        const expiries = new Map<string, number>();
        const given = new Set<string>();
        let nowMs = NOW_MS;
        for (const one of steps) {
          if (one.kind === "sweep") {
            nowMs += one.passMs;
            list.sweep(nowMs);
          } else {
            const sid = String(one.sid);
            list.revoke(sid, nowMs + one.ttlMs, nowMs);
            expiries.set(sid, Math.max(expiries.get(sid) ?? 0, nowMs + one.ttlMs));
          }
          assert.ok(list.size <= maxEntries);
          const alive = [...expiries].filter(([, expiresAtMs]) => expiresAtMs > nowMs);
          const missing = alive.filter(([sid]) => !isRevoked(sid));
          // The newest is always kept: a revocation that was asked for takes effect.
          const newest = one.kind === "revoke" ? String(one.sid) : undefined;
          assert.ok(newest === undefined || expiries.get(newest)! <= nowMs || isRevoked(newest));
          const kept = alive.filter(([sid]) => sid !== newest && isRevoked(sid)).map(([, expiresAtMs]) => expiresAtMs);
          for (const [sid, expiresAtMs] of missing) {
            // Given up only when full, and never one that outlives by more than a bucket what was kept then.
            if (!given.has(sid)) {
              assert.equal(list.size, maxEntries);
              assert.ok(expiresAtMs - Math.min(...kept) < MINUTE);
            }
          }
          given.clear();
          for (const [sid] of missing) given.add(sid);
          assert.ok(list.lost >= missing.length);
          if (maxEntries === 1_000) assert.deepEqual([missing.length, list.lost], [0, 0]);
        }
        list.sweep(nowMs + 20 * MINUTE);
        assert.equal(list.size, 0);
      }),
      { numRuns: 300 },
    );
  });
}
