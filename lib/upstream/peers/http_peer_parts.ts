// What everything about one HTTP server as a peer works with, and how much there may be of it.
import type { ByteAccount } from "../../http1/byte_account.ts";
import type { FieldList, Fields } from "../../http1/types.ts";
import type { Logger } from "../../observe/log.ts";
import type { Timers } from "../../platform/time/timers.ts";
import type { CallerKeys } from "../../session/caller.ts";
import type { Upstream } from "../upstream.ts";
import type { PooledSession } from "./pooled/pooled_session.ts";

export interface HttpPeerLimits {
  /** Of one message of the server, in bytes. */
  readonly maxMessageBytes: number;
  /** Requests under way at once: each is a POST of its own. */
  readonly maxCalls: number;
  /** Notifications and responses under way at once. */
  readonly maxSending: number;
  /** From sending initialize to its answer, in ms. */
  readonly startTimeoutMs: number;
  /** For the server to take a notification or a response, in ms. */
  readonly sendTimeoutMs: number;
  /** For the server to end a session, in ms. */
  readonly endTimeoutMs: number;
  /** Before a stream that has ended is asked for again, in ms, where the server names no time; it doubles each time in vain. */
  readonly retryMs: number;
  /** The longest such time, whoever names it, in ms. */
  readonly maxRetryMs: number;
  /** How often the stream of an answer is asked for again without a new event. */
  readonly maxResumptions: number;
}

export const DEFAULT_HTTP_PEER_LIMITS: HttpPeerLimits = {
  maxMessageBytes: 16 * 1024 * 1024,
  maxCalls: 256,
  maxSending: 64,
  startTimeoutMs: 30_000,
  sendTimeoutMs: 30_000,
  endTimeoutMs: 5_000,
  retryMs: 1000,
  maxRetryMs: 60_000,
  maxResumptions: 5,
};

/** Gates connecting: while a server is known to be down, nobody waits for it (A6). */
export interface Breaker {
  /** @throws SignetError `upstream_unreachable` while nothing is to be sent */
  assertClosed(): void;
  /** The server has answered, whatever it said. */
  succeed(): void;
  /** It could not be reached, or did not answer as HTTP does. */
  fail(error: unknown): void;
}

export const NO_BREAKER: Breaker = { assertClosed() {}, succeed() {}, fail() {} };

export interface HttpPeerParts {
  /** Adds the address, the session's id and, where it is wrapped, a credential; tells a lost session (L4). */
  readonly upstream: Pick<Upstream, "name" | "send">;
  /** Whose peer it is: one session's, or one caller's. */
  readonly caller: CallerKeys;
  /** Names the session in the log: a short hash. */
  readonly session: string | undefined;
  readonly limits: HttpPeerLimits;
  /** What is held of messages is charged to it. */
  readonly account: ByteAccount;
  readonly timers: Timers;
  readonly log: Logger;
  readonly breaker: Breaker;
  /** Which of a client's fields this server is told, in a list of its own (A8). */
  readonly fieldsOf: (fields: Fields) => FieldList;
  /** Where others find the session; undefined where nobody does, or it is a client's own. */
  readonly pooled?: PooledSession | undefined;
}
