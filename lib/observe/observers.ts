// Who is told of exchanges and of what else happens. Where nobody observes, an exchange costs one look at `watched`, and
// nothing of it is noted. An observer that throws harms nobody: it is counted.
import type { Actor, ExchangeRecord } from "./exchange_record.ts";

/** What happens besides exchanges, or in the middle of one that lasts. A closed list: `signet explain` knows them. */
const LIFE_EVENTS = [
  /** A client's initialize was answered, and an id given. */
  "session.open",
  /** An id that was not in memory was opened: after a restart, on another replica, or when it had been dropped. */
  "session.resume",
  /** For good: `reason` says by whom or what. */
  "session.end",
  /** Left memory, to make room or for being idle; its id stays good. */
  "session.leave",
  /** A listening stream has begun; its exchange tells of its end. */
  "stream.open",
  "token.issue",
  "token.revoke",
  /** An operator has revoked sessions, by `what`. */
  "session.revoke",
  "config.reload",
  /** The admin listener refuses a request: by `what` path, with the status that is the `reason`. */
  "admin.refuse",
  /** Connections were turned away, `count` of them, before there was a request. */
  "connection.refuse",
] as const;

export type LifeEventName = typeof LIFE_EVENTS[number];

export interface LifeEvent {
  readonly event: LifeEventName;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** Who did it, where that is a caller. */
  readonly actor?: Actor | undefined;
  /** To whom an operator did it. */
  readonly subject?: Actor | undefined;
  /** The hash that the log uses. */
  readonly session?: string | undefined;
  /** Address of the TCP peer. */
  readonly from?: string | undefined;
  readonly reason?: string | undefined;
  readonly what?: string | undefined;
  /** An agent's session token, by its hash. */
  readonly token?: string | undefined;
  readonly agent?: string | undefined;
  readonly count?: number | undefined;
  /** Whether it came about; false where it was tried in vain. */
  readonly ok?: boolean | undefined;
}

/** All members are optional. None may throw, wait, or change what it is given. */
export interface Observer {
  /** It begins: head and address are known, nothing else. */
  readonly onBegin?: (record: ExchangeRecord) => void;
  /** It has ended: told once of each, and the record is then the observers' to keep. */
  readonly onExchange?: (record: ExchangeRecord) => void;
  readonly onEvent?: (event: LifeEvent) => void;
}

export class Observers {
  /** Whether there is any. */
  watched = false;
  /** What observers threw, against their contract. */
  faults = 0;
  /**
   * Asked before an exchange walks its path: undefined where it may at once, else it waits, and what that rejects with
   * refuses it. For an observer without which nothing may be done.
   */
  gate: (() => Promise<void> | undefined) | undefined = undefined;
  /** Given the JSON text of a call's arguments, on loan until it returns; undefined where nobody wants to see them. */
  readArguments: ((record: ExchangeRecord, text: Uint8Array) => void) | undefined = undefined;
  #all: readonly Observer[] = [];

  /** @returns what takes it away again */
  add(observer: Observer): () => void {
    this.#set([...this.#all, observer]);
    return () => this.#set(this.#all.filter((other) => other !== observer));
  }

  begin(record: ExchangeRecord): void {
    for (const observer of this.#all) {
      if (observer.onBegin !== undefined) this.#tell(observer.onBegin, record);
    }
  }

  tell(record: ExchangeRecord): void {
    for (const observer of this.#all) {
      if (observer.onExchange !== undefined) this.#tell(observer.onExchange, record);
    }
  }

  tellEvent(event: LifeEvent): void {
    for (const observer of this.#all) {
      if (observer.onEvent !== undefined) this.#tell(observer.onEvent, event);
    }
  }

  #set(all: readonly Observer[]): void {
    this.#all = all;
    this.watched = all.length > 0;
  }

  #tell<T>(listen: (about: T) => void, about: T): void {
    try {
      listen(about);
    } catch {
      this.faults++;
    }
  }
}
