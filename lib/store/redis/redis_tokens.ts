// Records of session tokens shared by replicas (docs/behaviour.md T1–T3). All of them stand in one slot, so that purging,
// counting and inserting are one script.
import { parseJson } from "../../platform/json.ts";
import { ignoreStoreError } from "../fail_closed.ts";
import { ENDED_KEPT_MS } from "../purge_clock.ts";
import { conflictError, type InsertOutcome, type TokenListQuery, type TokenRecord, type TokenStore } from "../store.ts";
import { digestOf } from "./digest.ts";
import { listIn, numberIn, purgeAll, strangeAnswer, textIn } from "./redis_answer.ts";
import type { RedisLink } from "./redis_link.ts";
import { RemovedTokens } from "./removed_tokens.ts";
import { READ_LIST } from "./script.ts";
import {
  AGENT_CHARACTERS,
  GET,
  INSERT,
  PURGE,
  PURGED_AT_ONCE,
  REMOVE,
  REMOVE_OF_AGENT,
  REMOVE_UNLISTED,
  REMOVED_AT_ONCE,
  SCANNED_AT_ONCE,
} from "./token_scripts.ts";

const MOST_REMOVALS = 2000;
const MOST_SCANS = 1000;
const READ_AT_ONCE = 1000;

interface Page {
  readonly nowMs: number;
  /** Ids behind this one. */
  readonly after: string;
  readonly limit: number;
}

export class RedisTokens implements TokenStore {
  readonly #link: RedisLink;
  readonly #removed = new RemovedTokens((sids) => this.#removeAll(sids));
  readonly #keys: readonly [records: string, expiries: string, all: string];
  readonly #agents: string;
  /** A key that is never there. */
  readonly #none: string;

  constructor(link: RedisLink) {
    this.#link = link;
    const base = `{${link.prefix}:tokens}`;
    this.#keys = [`${base}:records`, `${base}:expiries`, `${base}:all`];
    this.#agents = `${base}:agent:`;
    this.#none = base;
  }

  async insertBelowLimit(
    record: TokenRecord,
    options: { readonly limit: number; readonly nowMs: number },
  ): Promise<InsertOutcome> {
    const { limit, nowMs } = options;
    const agent = digestOf(record.agent);
    const ttlMs = Math.max(0, record.expiresAtS * 1000 - nowMs) + ENDED_KEPT_MS;
    const text = agent + JSON.stringify(record);
    const keys = [...this.#keys, this.#agents + agent];
    const args = [secondsOf(nowMs), this.#agents, record.sid, record.expiresAtS, text, limit, ttlMs];
    const [outcome, live] = listIn(await this.#link.script(INSERT, keys, args), 2).map(numberIn) as [number, number];
    if (outcome === 2) throw conflictError();
    if (outcome === 1) return { inserted: true, live };
    return { inserted: false, reason: "agent_limit", live };
  }

  async get(sid: string): Promise<TokenRecord | undefined> {
    if (this.#removed.has(sid)) {
      this.#removeAll([sid]).catch(ignoreStoreError); // it may have it again
      return undefined;
    }
    return recordOf(await this.#link.script(GET, [this.#keys[0], this.#none], [sid]));
  }

  async remove(sid: string): Promise<boolean> {
    const isRemoved = await this.#removeAll([sid]) === 1;
    // Also where there was none: it may have been removed by a question whose answer was lost.
    this.#removed.add([sid]);
    return isRemoved;
  }

  /** The store may have lost what was removed last, as with a master that it has lost. Nobody waits for it. */
  removeAgain(): void {
    this.#removed.removeAgain();
  }

  /** The same where it has not taken that yet. */
  removeOwed(): void {
    this.#removed.removeOwed();
  }

  async #removeAll(sids: readonly string[]): Promise<number> {
    return numberIn(await this.#link.script(REMOVE, [...this.#keys, this.#none], [this.#agents, ...sids]));
  }

  async removeAgent(agent: string, nowMs: number): Promise<number> {
    const keys = [...this.#keys, this.#agents + digestOf(agent), this.#none];
    let live = 0;
    for (let round = 0; round < MOST_REMOVALS; round++) {
      const [removed, wereLive] = listIn(await this.#link.script(REMOVE_OF_AGENT, keys, [secondsOf(nowMs)]), 2);
      this.#removed.add(texts(removed));
      live += numberIn(wereLive);
      if (listIn(removed).length < REMOVED_AT_ONCE) return live + await this.#removeUnlisted(agent, nowMs);
    }
    throw strangeAnswer();
  }

  /** A store that is full may have evicted the agent's own key alone: a token holds for as long as its record is there. */
  async #removeUnlisted(agent: string, nowMs: number): Promise<number> {
    let live = 0;
    let cursor = "0";
    for (let round = 0; round < MOST_SCANS; round++) {
      const args = [cursor, digestOf(agent), secondsOf(nowMs)];
      const answer = await this.#link.script(REMOVE_UNLISTED, [...this.#keys, this.#none], args);
      const [next, removed, wereLive] = listIn(answer, 3);
      this.#removed.add(texts(removed));
      live += numberIn(wereLive);
      cursor = textIn(next) ?? "0";
      if (cursor === "0") return live;
    }
    throw strangeAnswer();
  }

  async count(agent: string, nowMs: number): Promise<number> {
    const key = this.#agents + digestOf(agent);
    return numberIn(await this.#link.command(key, "ZCOUNT", `(${secondsOf(nowMs)}`, "+inf"));
  }

  async list(query: TokenListQuery): Promise<readonly TokenRecord[]> {
    const { nowMs, agent, limit, afterSid = "" } = query;
    if (agent !== undefined) return await this.#listOf(agent, { nowMs, after: afterSid, limit });
    let after = afterSid;
    const found: TokenRecord[] = [];
    for (let isEnd = false; !isEnd && found.length < limit;) {
      const sids = await this.#sidsAfter(after, limit);
      isEnd = sids.length < limit;
      const last = sids.at(-1) ?? after;
      // One that goes round in circles would be followed for ever.
      if (!isEnd && last <= after) throw strangeAnswer();
      after = last;
      found.push(...await this.#records(sids, nowMs));
    }
    return found.slice(0, limit);
  }

  async purge(nowMs: number): Promise<number> {
    const args = [secondsOf(nowMs), this.#agents];
    return await purgeAll(() => this.#link.script(PURGE, this.#keys, args), PURGED_AT_ONCE);
  }

  async #sidsAfter(sid: string, limit: number): Promise<string[]> {
    const from = sid === "" ? "-" : `(${sid}`;
    return texts(await this.#link.script(READ_LIST, [this.#keys[2]], ["ZRANGEBYLEX", from, "+", "LIMIT", 0, limit]));
  }

  /** An agent's are kept by their expiry: all are looked through, once, and none that is there all the while is missed. */
  async #listOf(agent: string, { nowMs, after, limit }: Page): Promise<readonly TokenRecord[]> {
    const key = this.#agents + digestOf(agent);
    let found: readonly TokenRecord[] = [];
    let cursor = "0";
    for (let round = 0; round < MOST_SCANS; round++) {
      const answer = await this.#link.script(READ_LIST, [key], ["ZSCAN", cursor, "COUNT", SCANNED_AT_ONCE]);
      const [next, scanned] = listIn(answer, 2);
      const pairs = texts(scanned);
      const before = found.length < limit ? undefined : found.at(-1)?.sid;
      const isNext = (sid: string, at: number) =>
        at % 2 === 0 && sid > after && (before === undefined || sid < before) &&
        Number(pairs[at + 1]) > secondsOf(nowMs);
      found = await this.#merge(found, { sids: pairs.filter(isNext).sort(), nowMs, limit });
      cursor = textIn(next) ?? "0";
      if (cursor === "0") return found;
    }
    throw strangeAnswer();
  }

  /** The first `limit` of those that are found and of those that are recorded of `sids`, which are in order. */
  async #merge(
    found: readonly TokenRecord[],
    { sids, nowMs, limit }: { readonly sids: readonly string[]; readonly nowMs: number; readonly limit: number },
  ): Promise<readonly TokenRecord[]> {
    // A scan may tell of one twice.
    const bySid = new Map(found.map((record) => [record.sid, record]));
    const most = bySid.size + limit;
    for (let at = 0; at < sids.length && bySid.size < most; at += READ_AT_ONCE) {
      for (const record of await this.#records(sids.slice(at, at + READ_AT_ONCE), nowMs)) bySid.set(record.sid, record);
    }
    return [...bySid.values()].sort((a, b) => a.sid < b.sid ? -1 : 1).slice(0, limit);
  }

  /** Of those that are recorded, and live. */
  async #records(sids: readonly string[], nowMs: number): Promise<TokenRecord[]> {
    if (sids.length === 0) return [];
    const found = listIn(await this.#link.script(READ_LIST, [this.#keys[0]], ["HMGET", ...sids]), sids.length);
    const live: TokenRecord[] = [];
    for (const [at, record] of found.map(recordOf).entries()) {
      if (record === undefined || record.sid !== sids[at]) continue;
      if (record.expiresAtS > secondsOf(nowMs)) live.push(record);
    }
    return live;
  }
}

function secondsOf(ms: number): number {
  return Math.floor(ms / 1000);
}

function texts(answer: unknown): string[] {
  return listIn(answer).map((text) => textIn(text) ?? "");
}

/** Undefined for what is no record, whoever has put it there: a token that is not recorded does not hold. */
function recordOf(answer: unknown): TokenRecord | undefined {
  const text = textIn(answer);
  if (text === undefined) return undefined;
  try {
    const record: TokenRecord | null = parseJson(text.slice(AGENT_CHARACTERS));
    const { sid, agent, digest, expiresAtS } = record ?? {};
    const isRecord = [sid, agent, digest].every((member) => typeof member === "string") && Number.isFinite(expiresAtS);
    return isRecord ? record ?? undefined : undefined;
  } catch {
    return undefined;
  }
}
