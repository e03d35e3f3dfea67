// What is done with sessions in memory where revocations may have been missed: each is asked about (docs/behaviour.md L6).
import { SignetError } from "../../errors.ts";
import type { SessionRegistry } from "../../session/registry.ts";
import type { StoredRevocations } from "../../session/revocations/revocation_store.ts";

/** @returns false if it could not be told of all of them: what is not known to be dead stays, to be asked about again */
export async function askAgainAbout(
  registry: SessionRegistry,
  revocations: Pick<StoredRevocations, "isRevoked">,
  now: () => number,
): Promise<boolean> {
  // In one step: whatever is not held yet is being opened.
  registry.doubt();
  for (const session of [...registry.sessions()]) {
    try {
      if (await revocations.isRevoked(session)) registry.remove(session, "revoked", now());
    } catch (fault) {
      if (!(fault instanceof SignetError)) throw fault;
      return false;
    }
  }
  return true;
}
