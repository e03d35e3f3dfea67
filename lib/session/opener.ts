// From the text a client holds to a session that may live: authentic, unexpired, unrevoked (docs/behaviour.md E8, L2,
// L3, L6, L8). One open per id at a time. Every failure is one outcome outside, 404, and told apart only in `outcomes`.
import type { KeyRing, MasterKey } from "../envelope/key_ring.ts";
import { openSession, type OpenSessionOptions, type OpenSessionResult } from "../envelope/session_id.ts";
import { SessionForms } from "../envelope/session_forms.ts";
import type { SealedSession } from "../envelope/session_payload.ts";
import { refusalAbout, SignetError } from "../errors.ts";
import { LabelledCounter } from "../observe/metrics.ts";
import { shortHash } from "../observe/redact.ts";
import type { RevocationList } from "./revocation_list.ts";

type OpenFailure = Extract<OpenSessionResult, { ok: false }>["reason"];

/** How an attempt to open ended. Bounded, fit for a metric label. */
export type OpenOutcome = "opened" | OpenFailure | "expired" | "revoked" | "owner_mismatch" | "limit" | "unavailable";

const OUTCOMES: readonly OpenOutcome[] = [
  "opened",
  "alphabet",
  "length",
  "version",
  "key",
  "tag",
  "shape",
  "expired",
  "revoked",
  "owner_mismatch",
  "limit",
  "unavailable",
];

/** What an id says, and the key that sealed it. */
export interface OpenedSession {
  readonly sealed: SealedSession;
  readonly key: MasterKey;
}

export interface OpenerOptions {
  readonly ring: KeyRing;
  readonly revocations: RevocationList;
  /** Longest id looked at, in characters. Default 4,096 (E7). */
  readonly maxIdLength?: number;
}

// Made once each: capturing a stack for every forged id would cost more than opening a good one.
const NOT_FOUND = new Map(
  OUTCOMES.map((outcome) => [outcome, new SignetError("session_not_found", { facts: { outcome } })]),
);

interface Opening {
  readonly sid: string;
  readonly opened: Promise<OpenedSession>;
  /** Revoked here while the list was being asked. */
  revoked: boolean;
}

export class SessionOpener {
  readonly outcomes = new LabelledCounter<OpenOutcome>(OUTCOMES);
  /** What is known of payloads: what clients say of themselves is shared by all sessions that are opened. */
  readonly forms = new SessionForms();
  #ring: KeyRing;
  readonly #revocations: RevocationList;
  readonly #openOptions: OpenSessionOptions;
  readonly #opening = new Map<string, Opening>();
  /** Being revoked in a list that takes its time: dead here already. */
  readonly #dying = new Map<string, number>();

  constructor(options: OpenerOptions) {
    this.#ring = options.ring;
    this.#revocations = options.revocations;
    this.#openOptions = {
      forms: this.forms,
      ...(options.maxIdLength === undefined ? {} : { maxLength: options.maxIdLength }),
    };
  }

  /** Ids being opened by way of an asynchronous list. */
  get pending(): number {
    return this.#opening.size;
  }

  get ring(): KeyRing {
    return this.#ring;
  }

  setRing(ring: KeyRing): void {
    this.#ring = ring;
  }

  /**
   * Synchronous unless the revocation list is not. Counts failures; what opens is counted by the caller, who has more
   * to check.
   * @throws SignetError `session_not_found`; whatever the list throws when it cannot tell
   */
  open(idText: string, nowMs: number): OpenedSession | Promise<OpenedSession> {
    const opening = this.#opening.get(idText);
    if (opening !== undefined) return opening.opened;
    const result = openSession(this.#ring, idText, this.#openOptions);
    if (!result.ok) return this.#refuse(result.reason);
    const { session: sealed, key } = result;
    if (nowMs >= sealed.expiresAtMs) return this.#refuse("expired", sealed);
    if (this.#dying.has(sealed.sid)) return this.#refuse("revoked", sealed);
    const revoked = this.#askList(sealed);
    if (revoked === true) return this.#refuse("revoked", sealed);
    if (revoked === false) return { sealed, key };
    return this.#await(idText, { sealed, key }, revoked);
  }

  /** Remembers that a session is dead, from this instant on in this process. Resolves when the list has it. */
  revoke(sid: string, expiresAtMs: number, nowMs: number): void | Promise<void> {
    for (const opening of this.#opening.values()) if (opening.sid === sid) opening.revoked = true;
    const done = this.#revocations.revoke(sid, expiresAtMs, nowMs);
    if (done === undefined) return;
    this.#dying.set(sid, (this.#dying.get(sid) ?? 0) + 1);
    return done.finally(() => {
      const others = (this.#dying.get(sid) ?? 1) - 1;
      if (others === 0) this.#dying.delete(sid);
      else this.#dying.set(sid, others);
    });
  }

  #askList(sealed: SealedSession): boolean | Promise<boolean> {
    try {
      return this.#revocations.isRevoked(sealed);
    } catch (fault) {
      this.outcomes.inc("unavailable");
      throw fault;
    }
  }

  #await(idText: string, found: OpenedSession, answer: Promise<boolean>): Promise<OpenedSession> {
    const opened = answer.then(
      (revoked) => {
        this.#opening.delete(idText);
        if (revoked || opening.revoked) this.#refuse("revoked", found.sealed);
        // The ring may have been reloaded meanwhile (E5).
        if (this.#ring.find(found.key.idWord) === undefined) this.#refuse("key");
        return found;
      },
      (fault) => {
        this.#opening.delete(idText);
        this.outcomes.inc("unavailable");
        throw fault;
      },
    );
    const opening: Opening = { sid: found.sealed.sid, opened, revoked: false };
    this.#opening.set(idText, opening);
    return opened;
  }

  /** @param sealed what the id says, where it is authentic: then the log says which session it was */
  #refuse(outcome: OpenOutcome, sealed?: SealedSession): never {
    this.outcomes.inc(outcome);
    const refusal = NOT_FOUND.get(outcome)!;
    throw sealed === undefined ? refusal : refusalAbout(refusal, { session: shortHash(sealed.sid) });
  }
}
