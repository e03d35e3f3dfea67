// What all connections of a pool share: its bounds, its counters, and what becomes of calls.
import type { Lulls } from "../../platform/memory/lulls.ts";
import type { ByteAccount } from "../byte_account.ts";
import type { HttpError } from "../types.ts";
import type { Sweep, Timed } from "../wire/deadline.ts";
import type { HeadLimits } from "../wire/fields/fields_parse.ts";
import type { Traffic } from "../wire/streams/traffic.ts";
import type { PoolCall } from "./pool_call.ts";

/** Times in ms; 0 means none. */
export interface ClientLimits {
  /** Longest response head in bytes. */
  readonly maxHeadBytes: number;
  /** For a whole response head, from when the request has been sent. */
  readonly responseTimeoutMs: number;
  /** For the next bytes of a response body that is being read. Event streams may be silent for ever: leave it 0. */
  readonly bodyTimeoutMs: number;
  /** For the upstream to take the next bytes of a request. */
  readonly writeTimeoutMs: number;
  /** How long a connection is kept without a request; less if the upstream's Keep-Alive says so. */
  readonly idleTimeoutMs: number;
}

/** What a pool sees of a connection. */
export interface PooledConnection extends Timed {
  /** Whether a request may be sent now. */
  isUsable(nowMs: number): boolean;
  /** @param nowMs by the sweep's clock */
  send(call: PoolCall, nowMs: number): void;
  /** Closes the connection, whoever has it; its call fails with `error`. */
  shut(error: HttpError): void;
  /** Closes a connection without a call. */
  close(): void;
}

/** What all connections of a pool share. */
export interface ClientContext {
  readonly limits: ClientLimits;
  readonly headLimits: HeadLimits;
  readonly traffic: Traffic;
  readonly account: ByteAccount;
  readonly sweep: Sweep;
  /** Hears of every request sent and of what comes of it. */
  readonly lulls: Lulls;
  /** TLS keeps bytes of its own: that a write failed does not tell how much of it went out. */
  readonly plain: boolean;
  onIdle(connection: PooledConnection): void;
  onClosed(connection: PooledConnection): void;
  /** The connection ended before a byte of the answer. @returns whether the call goes on elsewhere */
  retry(call: PoolCall, how: { readonly unsent: boolean; readonly reused: boolean }): boolean;
}
