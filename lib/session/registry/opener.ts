// From the text a client holds to a session that may live: authentic, unexpired, unrevoked (docs/behaviour.md E8, L2,
// L3, L6, L8). One open per id at a time. Every failure is one outcome outside, 404, and told apart only in `outcomes`.
import type { KeyRing, MasterKey } from "../../envelope/key_ring.ts";
import { SessionForms } from "../../envelope/session_forms.ts";
import { openSession, type OpenSessionOptions, type OpenSessionResult } from "../../envelope/session_id.ts";
import type { SealedSession } from "../../envelope/session_payload.ts";
import { refusalAbout, SignetError } from "../../errors.ts";
import { LabelledCounter } from "../../observe/metrics.ts";
import { shortHash } from "../../observe/redact.ts";
import type { Revocation, RevocationSubject } from "../../store/store.ts";
import type { RevocationList } from "../revocations/revocation_list.ts";
import { concerns } from "../revocations/revocation_store.ts";

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

/** What becomes of what the list says. */
export interface AskedFor<Used> {
  /** Called in the step in which it is told whether the session is revoked. */
  readonly use: (revoked: boolean) => Used;
  /** What is taken for its answer where it cannot tell, with the fault; default: the fault is thrown. */
  readonly untold?: (fault: unknown) => boolean;
}

/** What the list is asked about: what it says of that is not the last word while somebody waits for it. */
interface Hearing {
  readonly subject: RevocationSubject;
  /** What the list answers, the last time it was asked. */
  answer: Promise<boolean>;
  /** See {@link AskedFor.untold}. */
  readonly untold: AskedFor<unknown>["untold"];
  /** Revoked while the list was being asked, or before everybody who waits for it has gone on. */
  revoked: boolean;
}

interface Opening extends OpenedSession {
  readonly hearing: Hearing;
  /** Who have not gone on. */
  waiting: number;
}

export class SessionOpener {
  readonly outcomes = new LabelledCounter<OpenOutcome>(OUTCOMES);
  /** What is known of payloads: what clients say of themselves is shared by all sessions that are opened. */
  readonly forms = new SessionForms();
  #ring: KeyRing;
  readonly #revocations: RevocationList;
  readonly #openOptions: OpenSessionOptions;
  readonly #opening = new Map<string, Opening>();
  readonly #hearings = new Set<Hearing>();
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

  /** Sessions that an asynchronous list is being asked about. */
  get pending(): number {
    return this.#hearings.size;
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
   * @param use called in the step in which it is clear that the session lives
   * @throws SignetError `session_not_found`; whatever the list throws when it cannot tell; whatever `use` throws
   */
  open<Used>(idText: string, nowMs: number, use: (opened: OpenedSession) => Used): Used | Promise<Used> {
    const opening = this.#opening.get(idText);
    if (opening !== undefined) return this.#await(idText, opening, use);
    const result = openSession(this.#ring, idText, this.#openOptions);
    if (!result.ok) return this.#refuse(result.reason);
    const { session: sealed, key } = result;
    if (nowMs >= sealed.expiresAtMs) return this.#refuse("expired", sealed);
    if (this.#dying.has(sealed.sid)) return this.#refuse("revoked", sealed);
    const revoked = this.#askList(sealed);
    if (revoked === true) return this.#refuse("revoked", sealed);
    if (revoked === false) return use({ sealed, key });
    return this.#await(idText, this.#begin(idText, { sealed, key }, revoked), use);
  }

  /**
   * The same of what no id has been opened of: one that is issued now, or none of ours (O5). See
   * {@link SessionRegistry.askRevoked}.
   */
  ask<Used>(subject: RevocationSubject, { use, untold }: AskedFor<Used>): Used | Promise<Used> {
    const revoked = this.#askList(subject);
    if (!(revoked instanceof Promise)) return use(revoked);
    return this.#hear({ subject, answer: untold === undefined ? revoked : revoked.catch(untold), untold }, use);
  }

  /** A revocation is in force from now on: what the list says of what it was asked before is not the last word. */
  heed(revocation: Revocation): void {
    for (const hearing of this.#hearings) if (concerns(revocation, hearing.subject)) hearing.revoked = true;
  }

  /** Some may have been missed: what the list has said of what it was asked before is not the last word. */
  doubt(): void {
    for (const hearing of this.#hearings) {
      const { subject, untold } = hearing;
      const again = Promise.try(() => this.#askList(subject));
      hearing.answer = untold === undefined ? again : again.catch(untold);
      // Whoever waits may have been refused by what was said before, and does not ask.
      hearing.answer.catch(() => {});
    }
  }

  /** Remembers that a session is dead, from this instant on in this process. Resolves when the list has it. */
  revoke(sid: string, expiresAtMs: number, nowMs: number): void | Promise<void> {
    for (const hearing of this.#hearings) if (hearing.subject.sid === sid) hearing.revoked = true;
    const done = this.#revocations.revoke(sid, expiresAtMs, nowMs);
    if (done === undefined) return;
    this.#dying.set(sid, (this.#dying.get(sid) ?? 0) + 1);
    return done.finally(() => {
      const others = (this.#dying.get(sid) ?? 1) - 1;
      if (others === 0) this.#dying.delete(sid);
      else this.#dying.set(sid, others);
    });
  }

  async #hear<Used>(asked: Omit<Hearing, "revoked">, use: (revoked: boolean) => Used): Promise<Used> {
    const hearing = this.#attend(asked);
    try {
      return await this.#lastWord(hearing, use);
    } finally {
      this.#hearings.delete(hearing);
    }
  }

  #attend(asked: Omit<Hearing, "revoked">): Hearing {
    const hearing: Hearing = { ...asked, revoked: false };
    this.#hearings.add(hearing);
    return hearing;
  }

  /** @param use called in the step in which nothing more is to be heard */
  async #lastWord<Used>(hearing: Hearing, use: (revoked: boolean) => Used): Promise<Used> {
    for (;;) {
      const { answer } = hearing;
      const revoked = await answer || hearing.revoked;
      if (revoked || answer === hearing.answer) return use(revoked);
    }
  }

  #askList(subject: RevocationSubject): boolean | Promise<boolean> {
    try {
      return this.#revocations.isRevoked(subject);
    } catch (fault) {
      this.outcomes.inc("unavailable");
      throw fault;
    }
  }

  #begin(idText: string, { sealed, key }: OpenedSession, answer: Promise<boolean>): Opening {
    const counted = answer.catch((fault) => {
      this.outcomes.inc("unavailable");
      throw fault;
    });
    const hearing = this.#attend({ subject: sealed, answer: counted, untold: undefined });
    const opening: Opening = { sealed, key, hearing, waiting: 0 };
    this.#opening.set(idText, opening);
    return opening;
  }

  async #await<Used>(idText: string, opening: Opening, use: (opened: OpenedSession) => Used): Promise<Used> {
    opening.waiting++;
    try {
      return await this.#lastWord(opening.hearing, (revoked) => {
        if (revoked) this.#refuse("revoked", opening.sealed);
        // The ring may have been reloaded meanwhile (E5).
        if (this.#ring.find(opening.key.idWord) === undefined) this.#refuse("key");
        return use(opening);
      });
    } finally {
      // Not before the last one has gone on: until then it hears of revocations.
      if (--opening.waiting === 0) {
        this.#opening.delete(idText);
        this.#hearings.delete(opening.hearing);
      }
    }
  }

  /** @param sealed what the id says, where it is authentic: then the log says which session it was */
  #refuse(outcome: OpenOutcome, sealed?: SealedSession): never {
    this.outcomes.inc(outcome);
    const refusal = NOT_FOUND.get(outcome)!;
    throw sealed === undefined ? refusal : refusalAbout(refusal, { session: shortHash(sealed.sid) });
  }
}
