// Revocations shared by replicas. The log is the truth and a message only says that there is more of it, so that whoever
// was away reads on from where it stopped. What this process knows to be revoked stays so while the store is away, is
// written as soon as the store takes it, and is written again if it has lost it (docs/behaviour.md L6, R4, R6).
import { DEFAULT_SET_OPTIONS, RevocationSet } from "../memory/revocation_set.ts";
import { BEHIND_MS } from "../purge_clock.ts";
import type { StoreLoss } from "../shared.ts";
import {
  type Revocation,
  type RevocationChanges,
  type RevocationStore,
  type RevocationSubject,
  StoreError,
} from "../store.ts";
import { digestOf } from "./digest.ts";
import { HeardNews } from "./heard_news.ts";
import { KeptRevocations } from "./kept_revocations.ts";
import { listIn, numberIn, purgeAll, strangeAnswer, textIn } from "./redis_answer.ts";
import type { RedisLink } from "./redis_link.ts";
import { ALL, entryOf, nameOf, readEntry, type StoreSeal } from "./revocation_entry.ts";
import { ADD, CHANGES, FIND, MOST_LOGGED, PURGE, PURGED_AT_ONCE } from "./revocation_scripts.ts";
import { READ_TEXT } from "./script.ts";
import { Unwritten } from "./unwritten.ts";

/**
 * A store that has just begun may have lost what it had: for so long nobody is cleared who was let in before, by when whoever
 * knows of revocations has found it and told it again.
 */
const SETTLING_MS = 10_000;

export class RedisRevocations implements RevocationStore {
  readonly keepsUntaken = true;
  readonly #link: RedisLink;
  readonly #seal: StoreSeal;
  readonly #now: () => number;
  readonly #keys: readonly [until: string, cutOffs: string, log: string, last: string, since: string];
  readonly #settlingMs: number;
  /** A key that is never there. */
  readonly #none: string;
  readonly #channel: string;
  /** What this process has heard of. */
  readonly #known = new RevocationSet(DEFAULT_SET_OPTIONS);
  readonly #unwritten = new Unwritten((revocation) => this.#write(revocation));
  readonly #kept: KeptRevocations;
  readonly #onLoss: (loss: StoreLoss) => void;
  readonly #onRead: () => void;
  /** Where messages are waited for. */
  #news: HeardNews | undefined;
  /** Between what was read and what was written last the log had lost something. */
  #hole: { readonly cursor: number; readonly newest: number } | undefined;

  /**
   * @param onLoss told of each loss once, where the store has lost what it had. Must not throw
   * @param onRead told whenever the log has been read: the store may take what it has not taken before. Must not throw
   */
  constructor(
    link: RedisLink,
    { seal, now, onLoss, onRead = () => {}, settlingMs = SETTLING_MS }: {
      readonly seal: StoreSeal;
      readonly now: () => number;
      /** See {@link SETTLING_MS}. */
      readonly settlingMs?: number;
      readonly onLoss: (loss: StoreLoss) => void;
      readonly onRead?: () => void;
    },
  ) {
    this.#link = link;
    this.#seal = seal;
    this.#now = now;
    this.#onLoss = onLoss;
    this.#onRead = onRead;
    this.#settlingMs = settlingMs;
    this.#kept = new KeptRevocations({ now, isWaiting: (name) => this.#unwritten.has(name) });
    const base = `{${link.prefix}:revoked}`;
    this.#keys = [`${base}:until`, `${base}:before`, `${base}:log`, `${base}:last`, `${base}:since`];
    this.#none = base;
    this.#channel = `${base}:changes`;
  }

  /** Calls `wake` whenever there is, or may be, something new to read. */
  watch(wake: () => void): void {
    const news = this.#news ??= new HeardNews();
    const hear = () => {
      news.hear(performance.now());
      wake();
    };
    this.#link.listen(this.#channel, hear, () => {
      this.#unwritten.writeAll();
      hear();
    });
  }

  /** Known here, for metrics. */
  get held(): number {
    return this.#known.size;
  }

  /** To be written as soon as the store takes it. */
  get unwritten(): number {
    return this.#unwritten.size;
  }

  async add(revocation: Revocation): Promise<void> {
    const name = nameOf(revocation);
    this.#learn(revocation);
    try {
      await this.#write(revocation);
    } catch (fault) {
      if (fault instanceof StoreError && fault.code !== "closed") this.#unwritten.keep(name, revocation);
      throw fault;
    }
  }

  async find(subject: RevocationSubject): Promise<Revocation["kind"] | undefined> {
    const known = this.#known.find(subject);
    const [until, cutOffs, , last, since] = this.#keys;
    const { sid, owner, issuedAtMs } = subject;
    const args = [`s${digestOf(sid)}`, `o${owner}`, ALL, this.#channel, this.#settlingMs];
    let answer: readonly string[];
    try {
      answer = listIn(await this.#link.script(FIND, [until, cutOffs, last, since, this.#none], args), 4).map(present);
    } catch (fault) {
      // What is known to be dead needs nobody's word.
      if (known !== undefined && fault instanceof StoreError && fault.code !== "closed") return known;
      throw fault;
    }
    const [all, ofOwner, session, begun] = answer as [string, string, string, string];
    if (reaches(all, issuedAtMs)) return "all";
    if (reaches(ofOwner, issuedAtMs)) return "principal";
    if (session || known !== undefined) return session ? "session" : known;
    if (reaches(begun, issuedAtMs)) throw justBegun();
    return undefined;
  }

  /** While the store is away: from the beginning of what it will have. */
  async head(): Promise<number> {
    try {
      return numberOr0(await this.#link.script(READ_TEXT, [this.#keys[3]], ["GET"]));
    } catch (fault) {
      if (fault instanceof StoreError && fault.code !== "closed") return 0;
      throw fault;
    }
  }

  async changesSince(cursor: number, limit: number): Promise<RevocationChanges> {
    const expected = this.#kept.expected(cursor);
    const args = [`${cursor + 1}-0`, limit + 1, `${expected.number}-0`, this.#channel];
    const askedAtMs = performance.now();
    const [entries, wanted, oldest, length, head, isUntil, isCutOffs, top, isMaster] = listIn(
      await this.#link.script(CHANGES, [...this.#keys, this.#none], args),
      9,
    );
    // What it knows counts; there may be more.
    if (numberIn(isMaster) === 0) this.#link.seekMaster();
    const newest = Math.max(numberOr0(head), ...listIn(top).map((entry) => entryOf(entry).number));
    if (this.#news?.read(newest, { askedAtMs, nowMs: performance.now() }) === true) this.#link.hearAnew();
    const [first] = listIn(oldest).map(entryOf);
    const isTrimmedTo = (number: number) =>
      numberIn(length) >= MOST_LOGGED && first !== undefined && first.number > number;
    // By the entry that was read or written last, not by how far the log goes: another replica may have begun to write it again.
    const isThere = listIn(wanted).length > 0 || isTrimmedTo(expected.number);
    const loss = this.#kept.judge(expected, {
      ...{ newest, isThere, hasUntil: numberIn(isUntil) === 1, hasCutOffs: numberIn(isCutOffs) === 1 },
    });
    if (loss !== undefined) this.#onLoss(loss);
    for (const [name, revocation] of this.#kept.takeOwed()) this.#unwritten.keep(name, revocation);
    // Also what a store that was there the whole time would not take.
    this.#unwritten.writeAll();
    this.#onRead();
    // Numbers have gone back: what is new has one that was passed long ago.
    if (cursor > newest) return await this.#fromTheBeginning(newest, limit);
    const found = listIn(entries).map(entryOf);
    const page = found.slice(0, limit);
    // Numbers only grow: who followed any other would go round in circles, or wait for ever behind it.
    for (const [at, { number }] of page.entries()) {
      if (!Number.isSafeInteger(number) || number <= (page[at - 1]?.number ?? cursor)) throw strangeAnswer();
    }
    const revocations: Revocation[] = [];
    let unread = false;
    for (const { sealed } of page) {
      const revocation = readEntry(this.#seal, sealed);
      unread ||= revocation === undefined;
      if (revocation === undefined) continue;
      this.#learn(revocation);
      this.#kept.keep(nameOf(revocation), revocation);
      revocations.push(revocation);
    }
    const isBehind = cursor > 0 && isTrimmedTo(cursor);
    const changes = { revocations, cursor: page.at(-1)?.number ?? cursor, more: found.length > limit };
    // The log alone may be evicted, before somebody has read what stands in the other keys still.
    const isLost = expected.number > 0 && !isThere;
    const isHole = (isLost || (!changes.more && changes.cursor < newest)) && this.#isNewHole(changes.cursor, newest);
    if (isHole && !isLost) this.#onLoss("evicted");
    const missed = unread || isBehind || isHole;
    return missed ? { ...changes, missed } : changes;
  }

  /** Of another log than the one that was read: what stood in neither is to be asked about. */
  async #fromTheBeginning(newest: number, limit: number): Promise<RevocationChanges> {
    const changes = newest > 0 ? await this.changesSince(0, limit) : { revocations: [], cursor: 0, more: false };
    return { ...changes, missed: true };
  }

  /** Once: a cursor stands still for as long as nothing new is written. */
  #isNewHole(cursor: number, newest: number): boolean {
    const isNew = this.#hole?.cursor !== cursor || this.#hole.newest !== newest;
    this.#hole = { cursor, newest };
    return isNew;
  }

  async size(): Promise<number> {
    return numberIn(await this.#link.command(this.#keys[0], "ZCARD"));
  }

  async purge(nowMs: number): Promise<number> {
    this.#known.purge(nowMs);
    this.#unwritten.purge(nowMs);
    this.#kept.purge(nowMs);
    const [until, cutOffs] = this.#keys;
    return await purgeAll(() => this.#link.script(PURGE, [until, cutOffs], [nowMs, PURGED_AT_ONCE]), PURGED_AT_ONCE);
  }

  async #write(revocation: Revocation): Promise<void> {
    const { untilMs } = revocation;
    const beforeMs = revocation.kind === "session" ? "" : revocation.beforeMs;
    // Longer than it is needed by this clock, which may be ahead of the others; and one of them behind the rest.
    const ttlMs = Math.max(0, untilMs - this.#now()) + 2 * BEHIND_MS;
    const entry = this.#seal.seal(JSON.stringify(revocation));
    const args = [nameOf(revocation), untilMs, beforeMs, entry, ttlMs, this.#channel, MOST_LOGGED];
    const number = numberIn(await this.#link.script(ADD, [...this.#keys, this.#none], args));
    this.#kept.keep(nameOf(revocation), revocation, number);
  }

  #learn(revocation: Revocation): void {
    try {
      this.#known.add(revocation);
    } catch (fault) {
      // No room here; the store has it.
      if (!(fault instanceof StoreError)) throw fault;
    }
  }
}

/** @param beforeMs empty where there is none. @throws StoreError for what is none: it clears nobody */
function reaches(beforeMs: string, issuedAtMs: number): boolean {
  return beforeMs !== "" && issuedAtMs <= numberIn(beforeMs);
}

function justBegun(): StoreError {
  return new StoreError(
    "io",
    "It cannot be told who is revoked: the shared store has just begun, or lost what it had",
    {
      remedy: "Wait some seconds: whoever knows of revocations tells it again. See that it keeps its data.",
    },
  );
}

/** @throws StoreError for nothing */
function present(answer: unknown): string {
  const text = textIn(answer);
  if (text === undefined) throw strangeAnswer();
  return text;
}

function numberOr0(answer: unknown): number {
  return textIn(answer) === undefined ? 0 : numberIn(answer);
}
