// The store of one process without a state file: everything is gone with the process.
// Bounded: records of tokens beyond the cap are refused, revocations see revocation_set.ts (docs/behaviour.md T1, L6,
// M3).
import { ENDED_KEPT_MS } from "../purge_clock.ts";
import {
  closedError,
  conflictError,
  type InsertOutcome,
  type Revocation,
  type RevocationChanges,
  type RevocationStore,
  type RevocationSubject,
  type Store,
  type StoreStats,
  type TokenListQuery,
  type TokenRecord,
  type TokenStore,
} from "../store.ts";
import { DEFAULT_SET_OPTIONS, RevocationSet, type RevocationSetOptions } from "./revocation_set.ts";

export interface MemoryStoreOptions extends Partial<RevocationSetOptions> {
  /** Token records kept, over all agents; some 300 bytes each. Default 100,000. */
  readonly maxTokens?: number;
  /** Revocations that `changesSince` can look back on. Default 10,000. */
  readonly maxChanges?: number;
}

export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  const tokens = new MemoryTokens(options.maxTokens ?? 100_000);
  const revocations = new MemoryRevocations(options);
  return {
    tokens,
    revocations,
    rates: undefined,
    pools: undefined,
    shared: undefined,
    purge: (nowMs) => tokens.purge(nowMs) + revocations.purge(nowMs),
    stats: () => revocations.stats(),
    close: () => {
      tokens.close();
      revocations.close();
    },
  };
}

class MemoryTokens implements TokenStore {
  readonly #maxTokens: number;
  readonly #records = new Map<string, TokenRecord>();
  readonly #byAgent = new Map<string, Set<string>>();
  /** No record expires before this, so that a purge with nothing to do looks at nothing. */
  #earliestExpiryMs = Infinity;
  #closed = false;

  constructor(maxTokens: number) {
    this.#maxTokens = maxTokens;
  }

  insertBelowLimit(
    record: TokenRecord,
    { limit, nowMs }: { readonly limit: number; readonly nowMs: number },
  ): InsertOutcome {
    this.#requireOpen();
    this.purge(nowMs - ENDED_KEPT_MS);
    if (this.#records.size >= this.#maxTokens) this.purge(nowMs);
    const live = this.#countLive(record.agent, nowMs);
    if (live >= limit) return { inserted: false, reason: "agent_limit", live };
    if (this.#records.size >= this.#maxTokens) return { inserted: false, reason: "store_full", live };
    if (this.#records.has(record.sid)) throw conflictError();
    const sids = this.#byAgent.get(record.agent) ?? new Set();
    this.#records.set(record.sid, record);
    this.#byAgent.set(record.agent, sids.add(record.sid));
    this.#earliestExpiryMs = Math.min(this.#earliestExpiryMs, record.expiresAtS * 1000);
    return { inserted: true, live: live + 1 };
  }

  get(sid: string): TokenRecord | undefined {
    this.#requireOpen();
    return this.#records.get(sid);
  }

  remove(sid: string): boolean {
    this.#requireOpen();
    const record = this.#records.get(sid);
    if (!record) return false;
    this.#drop(record);
    return true;
  }

  removeAgent(agent: string, nowMs: number): number {
    this.#requireOpen();
    const count = this.#countLive(agent, nowMs);
    for (const sid of this.#byAgent.get(agent) ?? []) this.#records.delete(sid);
    this.#byAgent.delete(agent);
    return count;
  }

  count(agent: string, nowMs: number): number {
    this.#requireOpen();
    return this.#countLive(agent, nowMs);
  }

  list(query: TokenListQuery): readonly TokenRecord[] {
    this.#requireOpen();
    const { agent, afterSid = "", nowMs } = query;
    return [...this.#records.values()]
      .filter((record) =>
        record.sid > afterSid && (agent === undefined || record.agent === agent) && lives(record, nowMs)
      )
      .sort((a, b) => a.sid < b.sid ? -1 : 1)
      .slice(0, query.limit);
  }

  purge(nowMs: number): number {
    if (nowMs < this.#earliestExpiryMs) return 0;
    const before = this.#records.size;
    this.#earliestExpiryMs = Infinity;
    for (const record of this.#records.values()) {
      const expiresAtMs = record.expiresAtS * 1000;
      if (nowMs >= expiresAtMs) this.#drop(record);
      else if (expiresAtMs < this.#earliestExpiryMs) this.#earliestExpiryMs = expiresAtMs;
    }
    return before - this.#records.size;
  }

  close(): void {
    this.#closed = true;
    this.#records.clear();
    this.#byAgent.clear();
  }

  #countLive(agent: string, nowMs: number): number {
    let live = 0;
    for (const sid of this.#byAgent.get(agent) ?? []) if (lives(this.#records.get(sid)!, nowMs)) live++;
    return live;
  }

  #drop(record: TokenRecord): void {
    this.#records.delete(record.sid);
    const sids = this.#byAgent.get(record.agent);
    sids?.delete(record.sid);
    if (sids?.size === 0) this.#byAgent.delete(record.agent);
  }

  #requireOpen(): void {
    if (this.#closed) throw closedError();
  }
}

function lives({ expiresAtS }: TokenRecord, nowMs: number): boolean {
  return nowMs < expiresAtS * 1000;
}

class MemoryRevocations implements RevocationStore {
  readonly #set: RevocationSet;
  readonly #maxChanges: number;
  /** The latest additions; the first one has sequence number `#sequence - #changes.length + 1`. */
  #changes: Revocation[] = [];
  #sequence = 0;
  #closed = false;

  constructor(options: MemoryStoreOptions) {
    this.#set = new RevocationSet({ ...DEFAULT_SET_OPTIONS, ...options });
    this.#maxChanges = options.maxChanges ?? 10_000;
  }

  add(revocation: Revocation): void {
    this.#requireOpen();
    if (!this.#set.add(revocation)) return;
    this.#sequence++;
    this.#changes.push(revocation);
    // Cut in halves: shifting one off for each one added would be quadratic.
    if (this.#changes.length >= 2 * this.#maxChanges) this.#changes = this.#changes.slice(-this.#maxChanges);
  }

  find(subject: RevocationSubject): Revocation["kind"] | undefined {
    this.#requireOpen();
    return this.#set.find(subject);
  }

  head(): number {
    this.#requireOpen();
    return this.#sequence;
  }

  changesSince(cursor: number, limit: number): RevocationChanges {
    this.#requireOpen();
    const first = this.#sequence - this.#changes.length;
    const start = Math.max(cursor - first, 0);
    const revocations = this.#changes.slice(start, start + limit);
    return {
      revocations,
      cursor: Math.max(cursor, first + start + revocations.length),
      more: start + limit < this.#changes.length,
      // What was cut is known by nobody: whoever holds sessions asks about each.
      ...(cursor < first ? { missed: true } : {}),
    };
  }

  size(): number {
    this.#requireOpen();
    return this.#set.size;
  }

  purge(nowMs: number): number {
    this.#requireOpen();
    return this.#set.purge(nowMs);
  }

  stats(): StoreStats {
    return { revocationsHeld: this.#set.size, revocationsForgotten: this.#set.forgotten };
  }

  close(): void {
    this.#closed = true;
    this.#changes = [];
  }

  #requireOpen(): void {
    if (this.#closed) throw closedError();
  }
}
