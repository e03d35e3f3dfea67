// What a revocation ends, whichever process it was made in: sessions in memory, what stateless clients have at servers with
// sessions, and what is under way without either; and what is asked about where some may have been missed
// (docs/behaviour.md L6).
import type { UnderWay } from "../../gateway/out/under_way.ts";
import { wasThereBy } from "../../platform/time/time_of_day.ts";
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import type { Caller } from "../../session/caller.ts";
import type { OwnerBook } from "../../session/owner.ts";
import type { SessionRegistry } from "../../session/registry.ts";
import type { StoredRevocations } from "../../session/revocations/revocation_store.ts";
import type { Revocation } from "../../store/store.ts";
import { askAgainAbout } from "./revoked_sessions.ts";
import { askAgainAboutStateless, endStateless, type JudgeOwner, type StatelessHoldings } from "./revoked_stateless.ts";
import { askAgainAboutUnderWay } from "./revoked_under_way.ts";

interface Revocable {
  readonly registry: SessionRegistry;
  readonly owners: OwnerBook;
  readonly underWay: UnderWay;
  readonly stateless: StatelessHoldings;
  readonly judge: JudgeOwner;
  readonly now: () => number;
}

export function watchRevocations(revocations: StoredRevocations, revocable: Revocable): void {
  const { registry, owners, underWay, stateless, judge, now } = revocable;
  const fingerprintsOf = ({ principal }: Caller) => registry.ring.keys.map((key) => owners.fingerprint(principal, key));
  revocations.watch((revocation) => registry.endRevoked(revocation, now()));
  revocations.watch((revocation) => endStateless(stateless, revocation, SYSTEM_TIMERS.now()));
  revocations.watch((revocation) => cutRevoked(underWay, revocation, { fingerprintsOf, nowMs: now() }));
  revocations.watchGaps(() => askAgainAbout(registry, revocations, now));
  revocations.watchGaps(() => askAgainAboutStateless(stateless, judge));
  revocations.watchGaps(() => askAgainAboutUnderWay(underWay, judge));
}

/** What belongs to no session: whoever is revoked up to now has nothing under way that began before. */
function cutRevoked(
  underWay: UnderWay,
  revocation: Revocation,
  { fingerprintsOf, nowMs }: {
    readonly fingerprintsOf: (caller: Caller) => readonly string[];
    readonly nowMs: number;
  },
): void {
  if (revocation.kind === "session") return;
  const { beforeMs } = revocation;
  const owner = revocation.kind === "principal" ? revocation.owner : undefined;
  underWay.cut("revoked", (caller, sinceMs) => {
    return wasThereBy(beforeMs, sinceMs, nowMs) && (owner === undefined || fingerprintsOf(caller).includes(owner));
  });
}
