// What a list of dead sessions answers: which must stay dead although their ids still open, because they were deleted
// or revoked, until they expire (docs/behaviour.md L6). An interface: the registry needs no more; `StoredRevocations`
// is the list.
import type { RevocationSubject } from "../../store/store.ts";

/** What a revocation means to something: `untold` where nobody could be asked, which clears nothing and ends nothing. */
export type Verdict = "good" | "revoked" | "untold";

/**
 * Which sessions are dead before their time. Asked on every cold open. A list that answers synchronously keeps cold
 * opens synchronous; one that cannot tell rejects with `SignetError`, and the open fails (closed).
 */
export interface RevocationList {
  isRevoked(session: RevocationSubject): boolean | Promise<boolean>;
  /** Idempotent. Resolves when the list will remember. @param expiresAtMs when the id would have died anyway */
  revoke(sid: string, expiresAtMs: number, nowMs: number): void | Promise<void>;
  /** Forgets what has expired. Called about every 30 s. */
  sweep(nowMs: number): void;
  /** Entries held in this process, for a metric. */
  readonly size: number;
}
