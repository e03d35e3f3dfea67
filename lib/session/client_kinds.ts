// What clients say of themselves when they initialize: the same for every session of one kind of client, of which there are
// few. Kept once for all sessions, a third of what a session takes otherwise. Bounded; whoever has an object keeps it.
import type { SealedSession } from "../envelope/session_payload.ts";

type Said = Pick<SealedSession, "clientInfo" | "capabilities" | "protocolVersion">;

const MOST_KINDS = 256;
/** Characters; what says more is rarely said twice. */
const LONGEST = 2048;

export class ClientKinds {
  readonly #kinds = new Map<string, Said>();

  get size(): number {
    return this.#kinds.size;
  }

  /** The same session, which says what others say in the same objects; nobody may change them. */
  shared(sealed: SealedSession): SealedSession {
    const { clientInfo, capabilities, protocolVersion } = sealed;
    const key = JSON.stringify([protocolVersion, clientInfo, capabilities]);
    if (key.length > LONGEST) return sealed;
    let said = this.#kinds.get(key);
    if (said === undefined) {
      if (this.#kinds.size >= MOST_KINDS) this.#kinds.clear();
      this.#kinds.set(key, said = { clientInfo, capabilities, protocolVersion });
    }
    return { ...sealed, ...said };
  }
}
