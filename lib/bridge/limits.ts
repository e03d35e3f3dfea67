// How much there may be of everything that a bridge holds, and how long it waits.
import type { ByteAccount } from "../http1/byte_account.ts";
import type { Timers } from "../platform/time/timers.ts";
import type { Here } from "../replica/elsewhere.ts";
import type { CallerKeys } from "../session/caller.ts";
import type { OutboxOptions } from "./answers/outbox.ts";
import type { RememberedLimits } from "./peer/remembered.ts";

export interface BridgeLimits extends RememberedLimits {
  /** A call without an answer becomes a stream after this long, in ms. */
  readonly streamAfterMs: number;
  /** Bytes an event stream may hold back before the peer is held back. */
  readonly highWaterBytes: number;
  /** How long a client may hold the peer back by reading nothing, in ms. */
  readonly stallMs: number;
  /** Events of one session kept for resumption. */
  readonly maxLoggedEvents: number;
  readonly maxLoggedBytes: number;
  /** The peer of a caller's stateless requests ends after this long without any, in ms. */
  readonly idleMs: number;
  /** Asked each time: a reload may change them. */
  readonly peerCaps: () => PeerCaps;
  /** A call that waits for a stateless client's answer is given up after this long, in ms. */
  readonly parkMs: number;
  /** A server that wants an address opened, again after its client said that it was, gets so long to say that it is, in ms. */
  readonly openedMs: number;
  /** Questions of one call that come within this time, in ms, are asked together. */
  readonly gatherMs: number;
  /** Calls that wait for answers of stateless clients, of all callers and of one. */
  readonly maxParked: number;
  readonly maxParkedPerCaller: number;
  /** Requests of one session without a response, those whose client has left included. */
  readonly maxCalls: number;
  /** Bytes of messages that may wait while a peer is started, besides one of any length. */
  readonly maxWaitingBytes: number;
}

/** Most peers of stateless clients there may be at a time. */
export interface PeerCaps {
  readonly all: number;
  /** Through whatever OAuth client it comes. */
  readonly ofOneCaller: number;
}

/** What is configured of every bridge alike, whatever is behind it. */
export type ConfiguredLimits = Pick<BridgeLimits, "idleMs" | "parkMs" | "peerCaps">;

export const DEFAULT_BRIDGE_LIMITS: BridgeLimits = {
  streamAfterMs: 1000,
  highWaterBytes: 1024 * 1024,
  stallMs: 30_000,
  maxLoggedEvents: 1000,
  maxLoggedBytes: 1024 * 1024,
  idleMs: 15 * 60_000,
  parkMs: 10 * 60_000,
  openedMs: 45_000,
  gatherMs: 25,
  maxParked: 5000,
  maxParkedPerCaller: 100,
  peerCaps: () => ({ all: 10_000, ofOneCaller: 100 }),
  maxCalls: 1000,
  maxWaitingBytes: 4 * 1024 * 1024,
  maxSubscriptions: 1000,
  maxSubscribedLength: 256 * 1024,
};

/** What everything in a bridge works with. */
export interface BridgeParts {
  readonly limits: BridgeLimits;
  /** What messages and events that wait are charged to; a caller's, to the caller's share of it. */
  readonly account: ByteAccount;
  readonly timers: Timers;
  /** `n` random bytes. */
  readonly random: (n: number) => Uint8Array;
  /** This replica among others; undefined where there are none, or it has no name. */
  readonly here?: Here | undefined;
  /** A call was lost while it waited for its stateless client, who has come back. */
  readonly onLostCall?: ((outcome: RerunOutcome) => void) | undefined;
}

/** `rerun`: its tool may be run again, and is. */
export type RerunOutcome = "rerun" | "not_rerun";

/** The same for what is a caller's: it has a share of the memory, never all of it (M2). */
export function partsOf({ principalKey }: CallerKeys, parts: BridgeParts): BridgeParts {
  return { ...parts, account: parts.account.shareOf(principalKey) };
}

/** Letters and digits of `n` random bytes. */
export function randomName({ random }: Pick<BridgeParts, "random">, n: number): string {
  return random(n).toHex();
}

export function outboxOptions({ limits: { highWaterBytes, stallMs }, account, timers }: BridgeParts): OutboxOptions {
  return { highWaterBytes, stallMs, account, timers };
}
