// The server side of the engine: listeners, connections, their bounds and their end. RFC 9112.
import { eventTime } from "../../platform/time/event_time.ts";
import { ByteAccount } from "../byte_account.ts";
import type { Exchange, HttpErrorCode } from "../types.ts";
import { Sweep, sweepInterval } from "../wire/deadline.ts";
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from "../wire/fields/fields_parse.ts";
import { Traffic } from "../wire/streams/traffic.ts";
import { type Accepted, Http1Listener, type ListenAddress } from "./listener.ts";
import { SentAnswers } from "./sent_answers.ts";
import { Http1Connection } from "./server_connection.ts";
import {
  DEFAULT_SERVER_LIMITS,
  type OpenConnection,
  type RenderError,
  type ServerContext,
  type ServerLimits,
} from "./server_context.ts";
import { TurnedAway } from "./turned_away.ts";

export interface ServeOptions {
  /** Called as soon as a head is there. It answers through the exchange, now or later. A failure becomes a 500. */
  readonly handler: (exchange: Exchange) => void | Promise<void>;
  readonly renderError: RenderError;
  readonly limits?: Partial<ServerLimits>;
  readonly headLimits?: Partial<HeadLimits>;
  /** More fields that may occur once only, lower-case. */
  readonly singletons?: readonly string[];
  /** Hears of what broke a connection over TLS before its first request, for the log. */
  readonly onTlsFault?: (cause: unknown, remoteAddress: string) => void;
  /** Hears of failed handlers, for the log. */
  readonly onHandlerFailure?: (cause: unknown) => void;
  /** What memory in use for clients is charged to. Default: one without a bound. */
  readonly account?: ByteAccount;
  /** A monotonic clock in ms. */
  readonly now?: () => number;
}

/** Plain numbers, to be read at any time. */
export interface ServerStats {
  connectionsOpen: number;
  connectionsAccepted: number;
  /** Turned away at `maxConnections`. */
  connectionsRefused: number;
  /** Closed to make room for a new one. */
  connectionsEvicted: number;
  requests: number;
  readonly traffic: Traffic;
  /** Requests the engine refused itself, by code. */
  readonly errors: Partial<Record<HttpErrorCode, number>>;
}

/** A connection that has brought nothing yet may be about to. */
const FRESH_MS = 500;

/** An HTTP/1.1 server; it serves what is given to {@link Http1Server.listen}. */
export function serveHttp1(options: ServeOptions): Http1Server {
  return new Http1Server(options);
}

export class Http1Server {
  readonly stats: ServerStats = {
    connectionsOpen: 0,
    connectionsAccepted: 0,
    connectionsRefused: 0,
    connectionsEvicted: 0,
    requests: 0,
    traffic: new Traffic(),
    errors: {},
  };
  readonly #listeners = new Set<Http1Listener>();
  readonly #connections = new Set<OpenConnection>();
  readonly #turnedAway: TurnedAway;
  readonly #limits: ServerLimits;
  readonly #context: ServerContext;
  #draining = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: ServeOptions) {
    const limits = this.#limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    const now = options.now ?? eventTime;
    const { headTimeoutMs, bodyTimeoutMs, idleTimeoutMs, writeTimeoutMs } = limits;
    const intervalMs = sweepInterval([headTimeoutMs, bodyTimeoutMs, idleTimeoutMs, writeTimeoutMs]);
    const { stats } = this;
    const isDraining = () => this.#draining;
    this.#context = {
      handler: options.handler,
      renderError: options.renderError,
      sentAnswers: new SentAnswers(),
      limits,
      bodies: { side: "request", maxBytes: limits.maxBodyBytes },
      headLimits: headLimitsOf(options),
      traffic: stats.traffic,
      account: options.account ?? new ByteAccount(),
      sweep: new Sweep({ now, intervalMs }),
      get draining() {
        return isDraining();
      },
      onRequest: () => void stats.requests++,
      onError: (code) => void (stats.errors[code] = (stats.errors[code] ?? 0) + 1),
      onTlsFault: options.onTlsFault ?? (() => {}),
      onHandlerFailure: options.onHandlerFailure ?? (() => {}),
      onClosed: (connection) => this.#forget(connection),
      makeRoom: (asking, bytes) => this.#makeRoom(asking, bytes),
    };
    this.#turnedAway = new TurnedAway(this.#context.sweep);
  }

  /** Serves an address. @throws what {@link Http1Listener.open} throws */
  async listen(address: ListenAddress): Promise<Http1Listener> {
    const listener = await Http1Listener.open(address);
    this.#listeners.add(listener);
    listener.accept((accepted) => this.#accept(accepted));
    return listener;
  }

  /** Certificates anew. @throws the first failure; the others have been tried all the same */
  async reload(): Promise<void> {
    const outcomes = await Promise.allSettled([...this.#listeners].map((listener) => listener.reload()));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  #accept(accepted: Accepted): void {
    const { stats } = this;
    stats.connectionsAccepted++;
    if (this.#connections.size >= this.#limits.maxConnections && !this.#evict()) {
      stats.connectionsRefused++;
      return this.#turnedAway.add(accepted);
    }
    const connection = new Http1Connection(this.#context, accepted.socket, accepted);
    this.#connections.add(connection);
    this.#context.sweep.add(connection);
    stats.connectionsOpen++;
    connection.start();
  }

  /**
   * Closes the connection that has let the server wait longest: one on which nobody has proven who he is, whatever it has
   * begun, before one that is trusted and idle, and that before one that is trusted and slow. @returns false if there is
   * none
   */
  #evict(): boolean {
    let first: OpenConnection | undefined;
    for (const connection of this.#connections) if (yieldsBefore(connection, first)) first = connection;
    if (first === undefined) return false;
    this.stats.connectionsEvicted++;
    first.close();
    return true;
  }

  /** Of strangers alone, and as long as callers leave them room: what they hold is the memory in question. */
  #makeRoom(asking: OpenConnection, bytes: number): boolean {
    if (!this.#context.account.leavesStrangers(bytes)) return false;
    let first: OpenConnection | undefined;
    for (const connection of this.#connections) {
      if (connection === asking || connection.strange === 0 || connection.waitingSinceMs === undefined) continue;
      if (first === undefined || connection.waitingSinceMs! < first.waitingSinceMs!) first = connection;
    }
    if (first === undefined) return false;
    this.stats.connectionsEvicted++;
    first.close();
    return true;
  }

  #forget(connection: OpenConnection): void {
    this.#connections.delete(connection);
    this.#context.sweep.delete(connection);
    this.stats.connectionsOpen--;
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  /** Every answer from now on ends its connection, and those that rest end at once; new ones are accepted as before. */
  leave(): void {
    this.#draining = true;
    this.#closeIdle(false);
  }

  /** Takes no new connections; those that are open go on. */
  stopAccepting(): void {
    this.#closeListeners();
  }

  /** @param fresh whether those, too, that have brought no request yet: one may be on its way */
  #closeIdle(fresh: boolean): void {
    for (const connection of [...this.#connections]) {
      if (connection.idle && (fresh || !connection.fresh)) connection.leave();
    }
  }

  /**
   * Stops accepting, closes idle connections, lets requests in flight finish (their answers say `Connection: close`) and
   * cuts what is left after `deadlineMs`.
   * @returns how many requests were cut
   */
  async drain(deadlineMs: number): Promise<number> {
    this.#draining = true;
    this.#closeListeners();
    this.#closeIdle(false);
    if (this.#connections.size === 0) return this.close();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const fresh = setTimeout(() => this.#closeIdle(true), Math.min(FRESH_MS, deadlineMs));
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      timer = setTimeout(resolve, deadlineMs);
    });
    clearTimeout(timer);
    clearTimeout(fresh);
    return this.close();
  }

  /** Cuts everything. @returns how many requests were cut */
  close(): number {
    this.#draining = true;
    this.#closeListeners();
    this.#turnedAway.close();
    let cut = 0;
    for (const connection of [...this.#connections]) {
      if (connection.busy) cut++;
      connection.close();
    }
    return cut;
  }

  #closeListeners(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
  }
}

function headLimitsOf(options: ServeOptions): HeadLimits {
  const limits = { ...DEFAULT_HEAD_LIMITS, ...options.headLimits };
  return { ...limits, singletons: new Set([...limits.singletons, ...(options.singletons ?? [])]) };
}

/**
 * Whoever is slow with a request, proven or not, holds a place that others want: else one caller could have them all.
 * There is nothing of his that a repeated request does not bring back: none of it has been handled.
 */
function yieldsBefore(connection: OpenConnection, other: OpenConnection | undefined): boolean {
  const sinceMs = connection.waitingSinceMs;
  if (sinceMs === undefined) return false;
  if (other === undefined) return true;
  const [rank, otherRank] = [rankOf(connection), rankOf(other)];
  return rank === otherRank ? sinceMs < other.waitingSinceMs! : rank < otherRank;
}

function rankOf({ trusted, idle }: OpenConnection): number {
  if (!trusted) return 0;
  return idle ? 1 : 2;
}
