// What a revocation does to what stateless clients have at servers with sessions, which is no session of theirs: what was
// opened up to that moment ends, with the calls that wait in it, and what is kept of it is gone on with by nobody
// (docs/behaviour.md L6, S3, S4).
import type { KeyRing } from "../../envelope/key_ring.ts";
import { fingerprintOwner, type OwnerFingerprint } from "../../envelope/owner_fingerprint.ts";
import { SignetError } from "../../errors.ts";
import { wasThereBy } from "../../platform/time/time_of_day.ts";
import { namesOf, type OwnerKey } from "../../session/caller.ts";
import type { Verdict } from "../../session/revocations/revocation_list.ts";
import type { StoredRevocations } from "../../session/revocations/revocation_store.ts";
import type { Revocation } from "../../store/store.ts";
import type { PooledSessions } from "../../upstream/peers/pooled/pooled_sessions.ts";
import type { Upstream } from "../../upstream/upstream.ts";

export interface StatelessHoldings {
  readonly upstream: Pick<Upstream, "endStateless">;
  readonly pools: PooledSessions | undefined;
  readonly ring: () => KeyRing;
}

/** A revocation has come into force, in whichever process. @param nowMs by the clock that tells since when they are there */
export function endStateless(
  { upstream, pools, ring }: StatelessHoldings,
  revocation: Revocation,
  nowMs: number,
): void {
  if (revocation.kind === "session") return;
  const { beforeMs } = revocation;
  const revoked = revocation.kind === "principal" ? revocation.owner : undefined;
  upstream.endStateless((owner, sinceMs) => {
    if (revoked !== undefined && !fingerprintsOf(ring(), owner).some((each) => each === revoked)) return false;
    return wasThereBy(beforeMs, Math.min(sinceMs, pools?.oldestOf(owner) ?? Infinity), nowMs);
  });
}

/** Some may have been missed: each owner is asked about. @returns false if it could not be told of all of them */
export async function askAgainAboutStateless(holdings: StatelessHoldings, judge: JudgeOwner): Promise<boolean> {
  const { upstream, pools } = holdings;
  const ageOf = (owner: OwnerKey, sinceMs: number) => Math.min(sinceMs, pools?.oldestOf(owner) ?? Infinity);
  const held = new Map<OwnerKey, { readonly oldestMs: number; readonly youngestMs: number }>();
  upstream.endStateless((owner, sinceMs) => {
    const { oldestMs, youngestMs } = held.get(owner) ?? { oldestMs: Infinity, youngestMs: 0 };
    held.set(owner, {
      oldestMs: Math.min(oldestMs, ageOf(owner, sinceMs)),
      youngestMs: Math.max(youngestMs, sinceMs),
    });
    return false;
  });
  let isWhole = true;
  for (const [owner, { oldestMs, youngestMs }] of held) {
    const verdict = await judge(owner, oldestMs);
    // What cannot be told stays, and is asked about again.
    if (verdict === "untold") isWhole = false;
    if (verdict !== "revoked") continue;
    // What has begun since then was not asked about: it found out by itself what is revoked.
    upstream.endStateless((each, sinceMs) => each === owner && ageOf(owner, sinceMs) <= youngestMs);
  }
  return isWhole;
}

/** Whether what an owner had opened by then is revoked; `untold` where nobody can say. Never rejects. */
export type JudgeOwner = (owner: OwnerKey, issuedAtMs: number) => Promise<Verdict>;

export interface Judging {
  readonly revocations: Pick<StoredRevocations, "isRevoked">;
  readonly ring: () => KeyRing;
  /** Told of what is no answer of the store's. Must not throw. */
  readonly onFault: (fault: unknown) => void;
}

/** Who asks may be ending something, and waits for nothing but the verdict: a fault is told of here, and judges nobody. */
export function judgeOwners({ revocations, ring, onFault }: Judging): JudgeOwner {
  return async (owner, issuedAtMs) => {
    try {
      for (const fingerprint of fingerprintsOf(ring(), owner)) {
        if (await revocations.isRevoked({ sid: NO_SESSION, owner: fingerprint, issuedAtMs })) return "revoked";
      }
      return "good";
    } catch (fault) {
      if (!(fault instanceof SignetError)) onFault(fault);
      return "untold";
    }
  };
}

/** Sessions have longer names. */
const NO_SESSION = "-";

function fingerprintsOf({ keys }: KeyRing, owner: OwnerKey): OwnerFingerprint[] {
  const names = namesOf(owner);
  return keys.map((key) => fingerprintOwner(key, names));
}
