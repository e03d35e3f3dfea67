// Who asks, as one value from authentication to the upstream: what was proven, and the two names this process keeps
// what is a caller's under. Both are types of their own, so that one is never taken for the other (docs/behaviour.md
// O2, M1).
import type { Principal } from "../identity/principal.ts";
import type { Actor } from "../observe/exchange_record.ts";
import { shortHash } from "../observe/redact.ts";

/** Whose caps something counts against: the person or program itself, through whatever client it comes. */
export type PrincipalKey = string & { readonly __brand: "PrincipalKey" };

/** Whose something is: the principal, and the OAuth client as well where sessions are bound to it. */
export type OwnerKey = string & { readonly __brand: "OwnerKey" };

/** As much of a caller as an upstream is told: enough to keep what is one caller's from every other. */
export interface CallerKeys {
  readonly principalKey: PrincipalKey;
  readonly owner: OwnerKey;
  /** As of a `Principal`: hashed in its keys' place where a log names it. */
  readonly keyedName?: string;
}

/** A proven caller. `OwnerBook.callerOf` makes it, once a principal. */
export interface Caller extends CallerKeys {
  readonly principal: Principal;
}

/**
 * Names a principal unambiguously, whatever its issuer and subject contain, and whatever key its sessions are sealed
 * with.
 */
export function principalKey({ issuer, subject }: Pick<Principal, "issuer" | "subject">): PrincipalKey {
  return `${issuer.length}:${issuer}${subject}` as PrincipalKey;
}

/** By whom somebody was proven, and a hash for the name: in the log the name itself is nobody's business. */
export function callerInLog(actor: Actor): string {
  return `${actor.source} ${shortHash(actor.keyedName ?? principalKey(actor))}`;
}

/** What a key of a caller was made of: the reverse of {@link principalKey}, and of `OwnerBook.callerOf`. */
export function namesOf(
  key: PrincipalKey | OwnerKey,
): { readonly issuer: string; readonly subject: string; readonly clientId?: string } {
  const bound = key.startsWith("c");
  const [clientId, rest] = bound ? cut(key.slice(1)) : [undefined, key as string];
  const [issuer, subject] = cut(rest);
  return clientId === undefined ? { issuer, subject } : { issuer, subject, clientId };
}

/** `3:abcdef` → `abc` and `def`. */
function cut(text: string): [first: string, rest: string] {
  const colon = text.indexOf(":");
  const from = colon + 1;
  const end = from + Number(text.slice(0, colon));
  return [text.slice(from, end), text.slice(end)];
}
