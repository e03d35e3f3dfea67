// Callers by name, for what is told no more of them than their names.
import type { CallerKeys, OwnerKey, PrincipalKey } from "../../lib/session/caller.ts";

export function ownerKey(name: string): OwnerKey {
  return name as OwnerKey;
}

export function principalKeyOf(name: string): PrincipalKey {
  return name as PrincipalKey;
}

/** Both names of a caller that is known by one. */
export function callerKeys(name: string): CallerKeys {
  return { principalKey: principalKeyOf(name), owner: ownerKey(name) };
}
