// Connections to one upstream, kept and shared: last in, first out. RFC 9112 §9.3, §9.4; RFC 9110 §9.2.2.
// Guarantees: a request whose bytes may have reached the upstream is never sent twice unless its method is idempotent, or
// the pool's owner says that it is, and a late abort touches no connection but the one its own call still has.
import { LULLS } from "../../platform/memory/lulls.ts";
import type { Socket } from "../../platform/sockets/socket.ts";
import { eventTime } from "../../platform/time/event_time.ts";
import { ByteAccount } from "../byte_account.ts";
import { type Call, type ClientRequest, type ClientRequestHead, type ClientResponse, HttpError } from "../types.ts";
import { Sweep, sweepInterval, type Timed } from "../wire/deadline.ts";
import { describeEndpoint, type Endpoint } from "../wire/endpoint.ts";
import { DEFAULT_HEAD_LIMITS } from "../wire/fields/fields_parse.ts";
import { Traffic } from "../wire/streams/traffic.ts";
import { ClientConnection } from "./client_connection.ts";
import type { ClientContext, PooledConnection } from "./client_context.ts";
import { PoolCall } from "./pool_call.ts";
import { connectEndpoint, isRefused, pause } from "./pool_connect.ts";
import { DEFAULT_POOL_LIMITS, type PoolLimits, type PoolOptions, type PoolStats } from "./pool_options.ts";
import { SentHeads } from "./sent_heads.ts";

/** A call is sent again this often at most, whatever the reason. */
const MAX_RETRIES = 2;
const BACKOFF_FIRST_MS = 10;
const BACKOFF_LONGEST_MS = 250;

export class Pool implements Timed {
  readonly endpoint: Endpoint;
  /** For its calls. */
  readonly heads: SentHeads = new SentHeads();
  readonly stats: PoolStats = {
    open: 0,
    idle: 0,
    connecting: 0,
    waiting: 0,
    requests: 0,
    connects: 0,
    connectFailures: 0,
    retries: 0,
    traffic: new Traffic(),
  };
  readonly #limits: PoolLimits;
  readonly #connect: NonNullable<PoolOptions["connect"]>;
  readonly #mayRepeat: NonNullable<PoolOptions["mayRepeat"]>;
  readonly #context: ClientContext;
  readonly #now: () => number;
  readonly #connections = new Set<PooledConnection>();
  readonly #idle: PooledConnection[] = [];
  /** Those of the connections that take no further call. */
  readonly #retired = new Set<PooledConnection>();
  readonly #waiting: PoolCall[] = [];
  readonly #closing = new AbortController();

  constructor(endpoint: Endpoint, options: PoolOptions = {}) {
    this.endpoint = endpoint;
    const limits = this.#limits = { ...DEFAULT_POOL_LIMITS, ...options.limits };
    this.#connect = options.connect ?? connectEndpoint;
    this.#mayRepeat = options.mayRepeat ?? (() => false);
    this.#now = options.now ?? eventTime;
    const { responseTimeoutMs, bodyTimeoutMs, writeTimeoutMs, idleTimeoutMs, waitTimeoutMs } = limits;
    const intervalMs = sweepInterval([responseTimeoutMs, bodyTimeoutMs, writeTimeoutMs, idleTimeoutMs, waitTimeoutMs]);
    this.#context = {
      limits,
      headLimits: { ...DEFAULT_HEAD_LIMITS, ...options.headLimits },
      traffic: this.stats.traffic,
      account: options.account ?? new ByteAccount(),
      sweep: new Sweep({ now: this.#now, intervalMs }),
      lulls: options.lulls ?? LULLS,
      plain: endpoint.transport !== "tls",
      onIdle: (connection) => this.#onIdle(connection),
      onClosed: (connection) => this.#onClosed(connection),
      retry: (call, how) => this.#retry(call, how),
    };
  }

  /**
   * Sends a request over a connection that is free, or over a new one.
   * @throws TypeError if the request cannot be sent as it is; all else comes through the call
   */
  send(request: ClientRequest): Call {
    const call = new PoolCall<ClientResponse>(this, request, request.body);
    this.carry(call);
    return call;
  }

  /** The same for a call of another kind, made with this pool and carried once. */
  carry(call: PoolCall): void {
    this.stats.requests++;
    const nowMs = this.#now();
    const connection = this.#takeCarrier(call.request, nowMs) ?? this.#takeIdle(nowMs);
    if (connection !== undefined) connection.send(call, nowMs);
    else this.#enqueue(call);
  }

  /** The idle connection whose other end remembers the head of the request, where that has to be looked for. */
  #takeCarrier({ made }: ClientRequestHead, nowMs: number): PooledConnection | undefined {
    if (made?.carrier === undefined) return undefined;
    const position = this.#idle.lastIndexOf(made.carrier as PooledConnection);
    const connection = this.#idle[position];
    if (connection === undefined || !connection.isUsable(nowMs)) return undefined;
    this.#idle.splice(position, 1);
    this.stats.idle--;
    return connection;
  }

  #takeIdle(nowMs: number): PooledConnection | undefined {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      this.stats.idle--;
      if (connection.isUsable(nowMs)) return connection;
      connection.close();
    }
    return undefined;
  }

  #enqueue(call: PoolCall): void {
    if (this.#closing.signal.aborted) {
      return call.fail(new HttpError("aborted", "sending a request: the pool is closed", { unsent: true }));
    }
    if (this.#hasRoom()) {
      this.#waiting.push(call);
      this.#open();
    } else if (this.#waiting.length - this.stats.connecting < this.#limits.maxWaiting) {
      call.waitUntilMs = this.#now() + this.#limits.waitTimeoutMs;
      this.#waiting.push(call);
      this.#context.sweep.add(this);
    } else {
      call.fail(this.#exhausted("and too many calls wait already"));
    }
    this.stats.waiting = this.#waiting.length;
  }

  #exhausted(why: string): HttpError {
    const message = `all ${this.#limits.maxConnections} connections to ${
      describeEndpoint(this.endpoint)
    } are in use ${why}`;
    return new HttpError("pool_exhausted", message, { unsent: true });
  }

  #hasRoom(): boolean {
    return this.stats.open + this.stats.connecting < this.#limits.maxConnections;
  }

  /** Opens a connection for whichever call waits longest when it is there. */
  async #open(): Promise<void> {
    this.stats.connecting++;
    try {
      const socket = await this.#connectPatiently();
      this.stats.connecting--;
      this.#adopt(socket);
    } catch (error) {
      this.stats.connecting--;
      this.stats.connectFailures++;
      this.#onConnectFailed(error as HttpError);
    }
  }

  async #connectPatiently(): Promise<Socket> {
    const untilMs = this.#now() + this.#limits.connectPatienceMs;
    for (let pauseMs = BACKOFF_FIRST_MS;; pauseMs = Math.min(2 * pauseMs, BACKOFF_LONGEST_MS)) {
      try {
        return await this.#connect(this.endpoint, this.#limits.connectTimeoutMs, this.#closing.signal);
      } catch (error) {
        const pointless = this.#waiting.length < this.stats.connecting;
        if (!isRefused(error) || pointless || this.#now() + pauseMs > untilMs) throw error;
        await pause(pauseMs, this.#closing.signal);
      }
    }
  }

  #adopt(socket: Socket): void {
    if (this.#closing.signal.aborted) return socket.close();
    const connection = new ClientConnection(this.#context, socket);
    this.#connections.add(connection);
    this.#context.sweep.add(connection);
    this.stats.open++;
    this.stats.connects++;
    connection.rest();
  }

  /** Every attempt was begun for a call: one that failed fails one, unless others still try for all that wait. */
  #onConnectFailed(error: HttpError): void {
    if (this.#waiting.length > this.stats.connecting) this.#nextWaiting()?.fail(error);
    this.#refill();
  }

  #nextWaiting(): PoolCall | undefined {
    // Most often none does, and to take the first of a list is a call of the runtime's.
    if (this.#waiting.length === 0) return undefined;
    const call = this.#waiting.shift();
    this.stats.waiting = this.#waiting.length;
    return call;
  }

  #refill(): void {
    while (this.#waiting.length > this.stats.connecting && this.#hasRoom()) this.#open();
  }

  #onIdle(connection: PooledConnection): void {
    if (this.#retired.size > 0 && this.#retired.has(connection)) return connection.close();
    const call = this.#nextWaiting();
    if (call !== undefined) return connection.send(call, this.#now());
    this.#idle.push(connection);
    this.stats.idle++;
  }

  #onClosed(connection: PooledConnection): void {
    this.#connections.delete(connection);
    this.#retired.delete(connection);
    this.#context.sweep.delete(connection);
    this.stats.open--;
    const position = this.#idle.lastIndexOf(connection);
    if (position >= 0) {
      this.#idle.splice(position, 1);
      this.stats.idle--;
    }
    this.#refill();
  }

  /**
   * Whether a call whose connection ended without a byte of an answer goes on elsewhere: if nothing of it was sent, or
   * if it may be sent twice and the connection was an old one, which then most likely was closing already.
   */
  #retry(call: PoolCall, { unsent, reused }: { readonly unsent: boolean; readonly reused: boolean }): boolean {
    if (call.retries >= MAX_RETRIES || this.#closing.signal.aborted) return false;
    const allowed = unsent || (reused && call.retries === 0 && (call.idempotent || this.#mayRepeat(requestOf(call))));
    if (!allowed) return false;
    call.retries++;
    call.connection = undefined;
    this.stats.retries++;
    // Ahead of all others, and with a connection of its own: the idle ones may be as dead as the last.
    this.#waiting.unshift(call);
    this.stats.waiting = this.#waiting.length;
    if (this.#hasRoom()) this.#open();
    return true;
  }

  withdraw(call: PoolCall): void {
    const position = this.#waiting.indexOf(call);
    if (position >= 0) this.#waiting.splice(position, 1);
    this.stats.waiting = this.#waiting.length;
  }

  onSweep(nowMs: number): void {
    const late = this.#waiting.filter((call) => nowMs >= call.waitUntilMs);
    for (const call of late) {
      this.withdraw(call);
      call.fail(this.#exhausted(`for ${this.#limits.waitTimeoutMs} ms`));
    }
    if (this.#waiting.length === 0) this.#context.sweep.delete(this);
  }

  /**
   * No further call is sent on a connection that is open by now: whoever listens may be another one since. Calls under way
   * may end, each as the last on its connection.
   */
  retire(): void {
    for (const connection of this.#connections) this.#retired.add(connection);
    this.stats.idle = 0;
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  /** Closes every connection; calls under way end with `aborted`. */
  close(): void {
    this.#closing.abort();
    this.#context.sweep.delete(this);
    for (const call of this.#waiting.splice(0)) {
      call.fail(new HttpError("aborted", "sending a request: the pool is closed", { unsent: true }));
    }
    this.stats.waiting = 0;
    for (const connection of [...this.#connections]) {
      connection.shut(new HttpError("aborted", "sending a request: the pool is closed"));
    }
  }
}

function requestOf({ request, requestBody }: PoolCall): ClientRequest {
  return { ...request, body: requestBody };
}
