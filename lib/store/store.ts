// What restarts and replicas share: session-token records and revocations. Interfaces only.
// Every step that must be atomic is one method, so that a shared store can make it one script or one transaction.
// Memory and SQLite answer at once; a store behind a network answers with a promise (docs/behaviour.md T1–T3, L6).
import type { RateStore } from "./rates.ts";
import type { AliasStore, SharedState } from "./shared.ts";

/** A value now, or later. */
export type MaybePromise<T> = T | Promise<T>;

/** What is kept of an issued session token: never the token itself, only its SHA-256. */
export interface TokenRecord {
  /** The token's own id; unique. */
  readonly sid: string;
  /** Whom it names. */
  readonly agent: string;
  /** Seconds since the epoch; `now >= expiresAtS` is expired. */
  readonly expiresAtS: number;
  /** SHA-256 of the token text, base64url. */
  readonly digest: string;
  /** Milliseconds since the epoch. */
  readonly issuedAtMs: number;
}

/** The outcome of {@link TokenStore.insertBelowLimit}; `live` counts the agent's unexpired records after the step. */
export type InsertOutcome =
  | { readonly inserted: true; readonly live: number }
  | { readonly inserted: false; readonly reason: "agent_limit" | "store_full"; readonly live: number };

/** Which records {@link TokenStore.list} returns: unexpired, ordered by `sid`, one page. */
export interface TokenListQuery {
  readonly nowMs: number;
  readonly agent?: string;
  /** Only records whose `sid` sorts after this one: the last of the page before. */
  readonly afterSid?: string;
  /** 1 or more. */
  readonly limit: number;
}

/** Records of issued session tokens. Every method may throw {@link StoreError}. */
export interface TokenStore {
  /**
   * One atomic step: purges what expired a while ago (`ENDED_KEPT_MS`), counts the agent's unexpired records, and inserts if
   * there are fewer than `limit`.
   */
  insertBelowLimit(
    record: TokenRecord,
    options: { readonly limit: number; readonly nowMs: number },
  ): MaybePromise<InsertOutcome>;
  /** The record as it is kept, expired or not. */
  get(sid: string): MaybePromise<TokenRecord | undefined>;
  /** Whether there was one. */
  remove(sid: string): MaybePromise<boolean>;
  /** How many unexpired ones there were. */
  removeAgent(agent: string, nowMs: number): MaybePromise<number>;
  /** Unexpired records of an agent. */
  count(agent: string, nowMs: number): MaybePromise<number>;
  list(query: TokenListQuery): MaybePromise<readonly TokenRecord[]>;
}

/**
 * A refusal of sessions that stays in force until `untilMs`, when every session it can concern has expired by itself.
 * - `session`: one session, by the `sid` sealed in its id
 * - `principal`: every session of an owner issued at or before `beforeMs`
 * - `all`: every session issued at or before `beforeMs`
 */
export type Revocation =
  | {
    readonly kind: "session";
    readonly sid: string;
    readonly untilMs: number;
    /** A client's DELETE, or an operator. A store that must forget for want of room forgets the former only. */
    readonly by: "client" | "operator";
  }
  | { readonly kind: "principal"; readonly owner: string; readonly beforeMs: number; readonly untilMs: number }
  | { readonly kind: "all"; readonly beforeMs: number; readonly untilMs: number };

/** What of a session decides whether it is revoked. */
export interface RevocationSubject {
  readonly sid: string;
  readonly owner: string;
  /** Milliseconds since the epoch. */
  readonly issuedAtMs: number;
}

/** New revocations, oldest first, and the cursor to ask with next time. */
export interface RevocationChanges {
  readonly revocations: readonly Revocation[];
  readonly cursor: number;
  /** Whether the page was full, so that asking again at once is worth it. */
  readonly more: boolean;
  /** Some may be missing: whoever holds sessions has to ask about each. */
  readonly missed?: boolean;
}

/** Revocations in force. Every method may throw {@link StoreError}. */
export interface RevocationStore {
  /**
   * Whether what it fails to add is in force in this process all the same, and is added as soon as it can be. Default: no.
   */
  readonly keepsUntaken?: boolean;
  /** Durable, where the store is, when it returns or resolves. Adding again only ever extends. */
  add(revocation: Revocation): MaybePromise<void>;
  /**
   * Why a session is refused (the widest reason, if there are several), or undefined. Sees what any process sharing the
   * store has added before.
   */
  find(subject: RevocationSubject): MaybePromise<Revocation["kind"] | undefined>;
  /** The cursor of this moment: everything added from now on comes after it. */
  head(): MaybePromise<number>;
  /** What was added or extended, by whichever process, since `cursor` (0: from the beginning). */
  changesSince(cursor: number, limit: number): MaybePromise<RevocationChanges>;
  /** Unpurged revocations. */
  size(): MaybePromise<number>;
}

/** Everything shared. One per process. */
export interface Store {
  readonly tokens: TokenStore;
  readonly revocations: RevocationStore;
  /** Rates counted for all that share the store; undefined where each process counts for itself. */
  readonly rates: RateStore | undefined;
  /** Sessions at servers that stateless clients share; undefined where nothing outlives the process. */
  readonly pools: AliasStore | undefined;
  /** What replicas share besides; undefined for a store of one machine. */
  readonly shared: SharedState | undefined;
  /** Drops what has expired; returns how many entries. Called by a timer; correctness never depends on it. */
  purge(nowMs: number): MaybePromise<number>;
  /** Sizes and losses, for metrics. Never waits. */
  stats(): StoreStats;
  /** Calling it again does nothing; every other method throws afterwards. */
  close(): MaybePromise<void>;
}

export interface StoreStats {
  /** Revocations held in this process's memory. */
  readonly revocationsHeld: number;
  /** Deleted sessions that memory had to forget before their expiry. */
  readonly revocationsForgotten: number;
}

/**
 * - `busy`: another process held the store too long
 * - `full`: no room, in memory or on disk
 * - `corrupt`, `foreign`, `newer`: the file is damaged, of another program, of a newer Signet
 * - `conflict`: a record with that id exists
 * - `closed`: used after `close`
 * - `io`: anything else between here and the disk or the network
 */
export type StoreErrorCode = "busy" | "full" | "corrupt" | "foreign" | "newer" | "conflict" | "closed" | "io";

/** The store could not do what it was asked. Holds no id, digest or agent. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;
  /** What was attempted and what was found, without a full stop: the message without its remedy. */
  readonly problem: string;
  /** What the operator can do about it. */
  readonly remedy: string;

  constructor(code: StoreErrorCode, problem: string, options: { readonly remedy: string; readonly cause?: unknown }) {
    super(`${problem}. ${options.remedy}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problem = problem;
    this.remedy = options.remedy;
  }
}

/** @param what the store, as its operator knows it */
export function closedError(what = "The store"): StoreError {
  return new StoreError("closed", `${what} was used after it had been closed`, {
    remedy: "This is a fault of Signet.",
  });
}

/** Thrown by every store for a second record with the same id: 128 random bits were not random. */
export function conflictError(): StoreError {
  return new StoreError("conflict", "A token was not recorded: a record with its id exists", {
    remedy: "Check the source of randomness; ids are 128 random bits.",
  });
}

/** Continues with a value that may have to be waited for, at once when it need not be. */
export function whenReady<T, R>(value: MaybePromise<T>, next: (value: T) => R | Promise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
