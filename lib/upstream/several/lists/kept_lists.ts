// What a session knows of its members' lists, so that a list that has not changed is answered without asking anybody again
// (docs/behaviour.md A2). What was read holds for as long as the member says so, or until it tells of a change, where that
// would have been heard; for the pages of one walk in any case. Charged to the caller, and given up where memory is scarce.
import type { ByteAccount, Charge } from "../../../http1/byte_account.ts";
import type { FieldList } from "../../../http1/types.ts";
import type { Timers } from "../../../platform/time/timers.ts";
import { sameCredential } from "../../refused_credential.ts";
import { type Listed, sizeOfListed, sizeOfTold } from "../members/listed.ts";
import type { MemberLife } from "../members/member_life.ts";
import type { ListKind } from "./list_kinds.ts";
import type { Merged } from "./pages.ts";

/** A change that should have been told, and was not, is found after this, in ms. */
const LONGEST_MS = 5 * 60_000;
/** The pages of one walk are of one list for so long, in ms. */
const WALK_MS = 60_000;

/** A member's list as it is about to be read: whether what comes of it holds is known by what was then. */
export interface Reading {
  readonly key: string;
  readonly kind: string;
  readonly fields: FieldList;
  readonly generation: number;
  readonly hearing: number | undefined;
}

interface Kept extends Reading {
  /** Undefined where there was room for its names alone. */
  readonly listed: Listed | undefined;
  readonly told: ReadonlyMap<string, string>;
  readonly atMs: number;
  readonly charge: Charge;
}

interface Whole {
  readonly of: readonly Listed[];
  readonly line: Uint8Array;
  readonly charge: Charge;
}

/** What is asked for. */
export interface Asked {
  readonly list: ListKind;
  readonly fields: FieldList;
  /** Whether it is a page behind the first. */
  readonly goesOn: boolean;
}

export class KeptLists {
  readonly #account: ByteAccount;
  readonly #timers: Timers;
  readonly #kept = new Map<string, Kept>();
  readonly #wholes = new Map<string, Whole>();
  readonly #generations = new Map<string, number>();
  #closed = false;

  constructor(account: ByteAccount, timers: Timers) {
    this.#account = account;
    this.#timers = timers;
  }

  /** Undefined where the member has to be asked. */
  find(
    life: MemberLife,
    { list, fields, goesOn }: Asked,
  ): { readonly listed: Listed; readonly leftMs: number } | undefined {
    const kept = this.#kept.get(keyOf(life, list));
    if (kept?.listed === undefined || !sameCredential(kept.fields, fields)) return undefined;
    const ageMs = this.#ageOf(kept);
    if (ageMs >= lifetimeOf(kept, life, goesOn)) return undefined;
    return { listed: kept.listed, leftMs: (kept.listed.ttlMs ?? 0) - ageMs };
  }

  begin(life: MemberLife, { list, fields }: Asked): Reading {
    const generation = this.#generations.get(life.name) ?? 0;
    return { key: keyOf(life, list), kind: list.kind, fields, generation, hearing: life.hearing(list.kind) };
  }

  /** @param isWalk whether there are further pages, which are to be of the same list */
  keep(life: MemberLife, reading: Reading, { listed, isWalk }: { readonly listed: Listed; readonly isWalk: boolean }) {
    this.#drop(reading.key);
    if (this.#closed || reading.generation !== (this.#generations.get(life.name) ?? 0)) return;
    const charge = this.#account.open();
    const holds = isWalk || listed.ttlMs !== undefined || tells(reading, life);
    const isListed = holds && charge.resizeIfAmple(sizeOfListed(listed));
    if (!isListed && (listed.told.size === 0 || !charge.resizeIfAmple(sizeOfTold(listed.told)))) return;
    const { told } = listed;
    const atMs = this.#timers.now();
    this.#kept.set(reading.key, { ...reading, listed: isListed ? listed : undefined, told, atMs, charge });
  }

  /** What a name stands for that only a list can tell, and how old that list is, in ms; undefined where none is known. */
  told(life: MemberLife, list: ListKind, outward: string) {
    const kept = this.#kept.get(keyOf(life, list));
    return kept && { inward: kept.told.get(outward), ageMs: this.#ageOf(kept) };
  }

  /**
   * In ms. Of a clock that has been set back since it is as old as can be: it would hold for as long again as that was
   * ahead.
   */
  #ageOf({ atMs }: Kept): number {
    const ageMs = this.#timers.now() - atMs;
    return ageMs < 0 ? Infinity : ageMs;
  }

  /** A merged list as it was answered, if it is made of these very lists. */
  findWhole({ method }: ListKind, merged: Merged): Uint8Array | undefined {
    const whole = this.#wholes.get(method);
    const isSame = whole !== undefined && whole.of.length === merged.length &&
      merged.every(({ listed }, at) => listed === whole.of[at]);
    return isSame ? whole.line : undefined;
  }

  keepWhole({ method }: ListKind, merged: Merged, line: Uint8Array): void {
    this.#dropWhole(method);
    // Of what is not kept itself the next one is another.
    if (this.#closed || merged.some(({ listed }) => listed.ends.length > 0 && !this.#keeps(listed))) return;
    const charge = this.#account.open();
    if (!charge.resizeIfAmple(line.length)) return;
    this.#wholes.set(method, { of: merged.map(({ listed }) => listed), line, charge });
  }

  /** What was known of a member's lists is known no more, and what is being read does not count. */
  forget(life: MemberLife): void {
    this.#generations.set(life.name, (this.#generations.get(life.name) ?? 0) + 1);
    for (const key of [...this.#kept.keys()]) if (key.endsWith(` ${life.name}`)) this.#drop(key);
    for (const method of [...this.#wholes.keys()]) this.#dropWhole(method);
  }

  /** Nothing is kept any more, from now on. */
  close(): void {
    this.#closed = true;
    for (const key of [...this.#kept.keys()]) this.#drop(key);
    for (const method of [...this.#wholes.keys()]) this.#dropWhole(method);
  }

  #keeps(listed: Listed): boolean {
    for (const kept of this.#kept.values()) if (kept.listed === listed) return true;
    return false;
  }

  #drop(key: string): void {
    this.#kept.get(key)?.charge.release();
    this.#kept.delete(key);
  }

  #dropWhole(method: string): void {
    this.#wholes.get(method)?.charge.release();
    this.#wholes.delete(method);
  }
}

function keyOf({ name }: MemberLife, { method }: ListKind): string {
  return `${method} ${name}`;
}

/** Whether a change since then would have been heard. */
function tells({ kind, hearing }: Reading, life: MemberLife): boolean {
  return hearing !== undefined && life.hearing(kind) === hearing;
}

/** For how long it holds, in ms. */
function lifetimeOf(kept: Kept, life: MemberLife, goesOn: boolean): number {
  const { listed } = kept;
  const said = listed!.ttlMs ?? (tells(kept, life) ? LONGEST_MS : 0);
  return Math.max(Math.min(said, LONGEST_MS), goesOn ? WALK_MS : 0);
}
