// Revocations that the store has not taken, or has lost: kept here, and written as soon as it takes them, some at a time and
// beside whatever else is asked. Nobody waits for it: what others have revoked meanwhile is told at once (docs/behaviour.md
// R4, R6).
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { type Revocation, StoreError } from "../store.ts";

/** What is kept to be written (again). */
const MOST_REMEMBERED = 10_000;
/** On their way at once: few enough for everybody else to have their turn among them. */
const WRITTEN_AT_ONCE = 100;

export class Unwritten {
  readonly #waiting = new Map<string, Revocation>();
  readonly #write: (revocation: Revocation) => Promise<void>;
  #isWriting = false;
  /** Somebody has asked for it meanwhile: the store may have come back behind a word that it did not take. */
  #isAskedAgain = false;

  /** @param write rejects with StoreError where the store does not take it */
  constructor(write: (revocation: Revocation) => Promise<void>) {
    this.#write = write;
  }

  get size(): number {
    return this.#waiting.size;
  }

  keep(name: string, revocation: Revocation): void {
    remember(this.#waiting, name, revocation);
  }

  has(name: string): boolean {
    return this.#waiting.has(name);
  }

  purge(nowMs: number): void {
    forgetOver(this.#waiting, nowMs);
  }

  /** Begins to write what waits, or will once more: until there is nothing left, or the store does not take one. */
  writeAll(): void {
    this.#isAskedAgain = this.#isWriting;
    if (this.#isWriting || this.#waiting.size === 0) return;
    this.#isWriting = true;
    this.#writeOn().catch(tellIfOwn).finally(() => {
      this.#isWriting = false;
      if (this.#isAskedAgain) this.writeAll();
    });
  }

  async #writeOn(): Promise<void> {
    let isTaken = true;
    while (isTaken && this.#waiting.size > 0) {
      const some = this.#waiting.entries().take(WRITTEN_AT_ONCE);
      const taken = await Promise.all([...some].map(([name, revocation]) => this.#writeOne(name, revocation)));
      isTaken = taken.every((each) => each);
    }
  }

  async #writeOne(name: string, revocation: Revocation): Promise<boolean> {
    try {
      await this.#write(revocation);
      // Longer, or wider, by now: that is to be written yet.
      if (this.#waiting.get(name) === revocation) this.#waiting.delete(name);
      return true;
    } catch (fault) {
      if (!(fault instanceof StoreError)) throw fault;
      // Away again: the next time, and others first.
      if (this.#waiting.get(name) === revocation) this.keep(name, revocation);
      return false;
    }
  }
}

/**
 * The newest stay, and what an operator revoked before what clients deleted: only a session's own owner could open such an id
 * again. @returns the name of what has made room
 */
export function remember(map: Map<string, Revocation>, name: string, revocation: Revocation): string | undefined {
  const held = map.get(name);
  map.delete(name);
  map.set(name, held === undefined ? revocation : both(held, revocation));
  if (map.size <= MOST_REMEMBERED) return undefined;
  const isClients = ([, each]: [string, Revocation]) => each.kind === "session" && each.by === "client";
  const forgotten = map.entries().find(isClients)?.[0] ?? map.keys().next().value!;
  map.delete(forgotten);
  return forgotten;
}

/** As much as two that are about the same: one that comes later may be about less. */
function both(held: Revocation, added: Revocation): Revocation {
  const untilMs = Math.max(held.untilMs, added.untilMs);
  if (held.kind === "session" || added.kind === "session") {
    const longer = untilMs === held.untilMs ? held : added;
    // That a client has deleted it, too, takes nothing from an operator's word.
    const spoken = [longer, held, added].find((each) => each.kind === "session" && each.by === "operator") ?? longer;
    return spoken.untilMs === untilMs ? spoken : { ...spoken, untilMs };
  }
  const beforeMs = Math.max(held.beforeMs, added.beforeMs);
  return held.untilMs === untilMs && held.beforeMs === beforeMs ? held : { ...added, untilMs, beforeMs };
}

export function forgetOver(map: Map<string, Revocation>, nowMs: number): void {
  for (const [name, { untilMs }] of map) if (untilMs <= nowMs) map.delete(name);
}
