// What belongs to no session and is under way where revocations may have been missed: its caller is asked about, and what he
// had begun by the moment that is revoked is cut (docs/behaviour.md L6, R4).
import type { UnderWay } from "../../gateway/out/under_way.ts";
import type { OwnerKey } from "../../session/caller.ts";
import type { JudgeOwner } from "./revoked_stateless.ts";

/** @returns false if it could not be told of all of it: then it goes on, to be asked about again */
export async function askAgainAboutUnderWay(underWay: Pick<UnderWay, "cut">, judge: JudgeOwner): Promise<boolean> {
  const begun = new Map<OwnerKey, Set<number>>();
  underWay.cut("revoked", ({ owner }, sinceMs) => {
    const moments = begun.get(owner);
    if (moments === undefined) begun.set(owner, new Set([sinceMs]));
    else moments.add(sinceMs);
    return false;
  });
  let isWhole = true;
  for (const [owner, moments] of begun) {
    const { untilMs, isTold } = await lastRevoked([...moments].sort((a, b) => a - b), (ms) => judge(owner, ms));
    if (!isTold) isWhole = false;
    // What has begun since then was not asked about: it is behind whatever was missed.
    if (untilMs !== undefined) underWay.cut("revoked", (each, sinceMs) => each.owner === owner && sinceMs <= untilMs);
  }
  return isWhole;
}

/**
 * The last of these moments up to which all is revoked: who has begun thousands of calls costs a dozen questions, and one
 * where nothing is. @param moments earliest first
 */
async function lastRevoked(moments: readonly number[], judge: (ms: number) => ReturnType<JudgeOwner>) {
  let [revoked, good, isTold] = [0, moments.length, true];
  for (let asked = 0; revoked < good && isTold; asked++) {
    const at = asked === 0 ? 0 : (revoked + good) >> 1;
    const verdict = await judge(moments[at]!);
    if (verdict === "revoked") revoked = at + 1;
    else good = at;
    isTold = verdict !== "untold";
  }
  return { untilMs: moments[revoked - 1], isTold };
}
