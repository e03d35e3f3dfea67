// What every step of the path of a request may use. Made in app/parts/gateway_parts.ts; replaced as a whole on reload.
import type { ByteAccount } from "../http1/byte_account.ts";
import type { Exchange } from "../http1/types.ts";
import type { Authenticator } from "../identity/authenticator.ts";
import type { ProtectedResource } from "../identity/challenges/protected_resource.ts";
import type { Logger } from "../observe/log.ts";
import type { Observers } from "../observe/observers.ts";
import type { Replicas } from "../replica/replicas.ts";
import type { AdoptionRegistry } from "../session/adoption.ts";
import type { Caller } from "../session/caller.ts";
import type { Limits } from "../session/limits/limits.ts";
import type { Reopenings } from "../session/limits/reopenings.ts";
import type { SharedPlaces } from "../session/limits/shared_places.ts";
import type { OwnerBook } from "../session/owner.ts";
import type { SessionRegistry } from "../session/registry.ts";
import type { RevocationList } from "../session/revocations/revocation_list.ts";
import type { Tracer } from "../telemetry/tracer.ts";
import type { Upstream } from "../upstream/upstream.ts";
import type { Authentication } from "./in/authenticate.ts";
import type { Guard } from "./in/guard.ts";
import type { SessionOnly } from "./in/session_only.ts";
import type { Inbound } from "./inbound.ts";
import type { Law, RulesAndRates } from "./law.ts";
import type { GatewayMetrics } from "./metrics.ts";
import type { FieldPolicy } from "./out/fields/fields.ts";
import type { KeepAlive } from "./out/keep_alive.ts";
import type { Moves } from "./out/sessions/moves.ts";
import type { Discoveries } from "./out/stateless/discoveries.ts";
import type { UnderWay } from "./out/under_way.ts";
import type { ErrorResponder } from "./respond.ts";

/** Numbers and switches of the path. */
export interface GatewayOptions {
  /** Path of the MCP endpoint. */
  readonly path: string;
  /** Sends every request down the full lane. */
  readonly fullLane: boolean;
  readonly maxJsonDepth: number;
  readonly maxIdLength: number;
  readonly sessionTtlMs: number;
  /** C3: whether a client that goes away cancels its call. */
  readonly cancelOnDisconnect: boolean;
  /** S1: whether what stateless clients bring back to their server is sealed. */
  readonly sealState: boolean;
}

/** Shared by everything that must behave differently while Signet goes down. */
export interface Lifecycle {
  /** Not ready any more, and serving everything: whoever balances is to notice first. */
  leaving: boolean;
  /** When the port closes, in ms since the epoch; Infinity as long as nobody knows. */
  closesAtMs: number;
  draining: boolean;
}

/** Takes a request down the path. Never rejects. */
export type Handle = (parts: GatewayParts, exchange: Exchange) => Promise<void>;

/** Where clients of the transport before Streamable HTTP come in (`gateway/legacy/`). */
export interface LegacyDoor {
  /** Where their streams are opened. */
  readonly path: string;
  serves(path: string): boolean;
  /** What a browser asks before it sends; undefined for anything else. */
  preflight(inbound: Inbound): Promise<void> | undefined;
  /** @throws SignetError as the path of any request; `session_not_found`, `owner_mismatch` for another's stream */
  serve(
    parts: GatewayParts,
    asked: { readonly inbound: Inbound; readonly caller: Caller; readonly handle: Handle },
  ): Promise<void>;
}

export interface GatewayParts {
  readonly options: GatewayOptions;
  readonly guard: Guard;
  readonly authentication: Authentication;
  /** The one behind `authentication`, for its sizes. */
  readonly authenticator: Authenticator;
  readonly owners: OwnerBook;
  /** Has the ring, too: sealing and opening never see two. */
  readonly registry: SessionRegistry;
  readonly limits: Limits;
  /** How often lost sessions were opened again: outside of sessions, which memory may drop. */
  readonly reopenings: Reopenings;
  /** Callers' caps over all replicas; undefined where they share no store. */
  readonly places: SharedPlaces | undefined;
  /** This replica among its peers. */
  readonly replicas: Replicas;
  /** Where sessions went that were opened again; undefined where replicas share no store. */
  readonly moves: Moves | undefined;
  readonly upstream: Upstream;
  /** What it has said of itself to stateless clients. */
  readonly discoveries: Discoveries;
  readonly fields: FieldPolicy;
  readonly keepAlive: KeepAlive;
  readonly errors: ErrorResponder;
  readonly metrics: GatewayMetrics;
  /** Memory held for clients and servers, of all of Signet together. */
  readonly account: ByteAccount;
  readonly lifecycle: Lifecycle;
  /** Everything that lasts, and the one way to begin it. */
  readonly underWay: UnderWay;
  readonly revocations: RevocationList;
  /** `--session-only`; undefined when off. */
  readonly sessionOnly: SessionOnly | undefined;
  /** `--adopt`; undefined when off. */
  readonly adoption: AdoptionRegistry | undefined;
  /** `--legacy-sse`; undefined when off. */
  readonly legacyClients: LegacyDoor | undefined;
  /** RFC 9728 metadata to serve; undefined where no resource is configured. */
  readonly resource: ProtectedResource | undefined;
  /** What is in force of rules and rates, for what is under way, too. */
  readonly law: Law;
  /** What comes into force with these parts. */
  readonly rulesAndRates: RulesAndRates;
  readonly log: Logger;
  /** Who is told of every exchange when it has ended, and of what else happens. */
  readonly observers: Observers;
  /** Undefined where nothing is traced. */
  readonly tracer: Tracer | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** `n` random bytes. */
  readonly random: (n: number) => Uint8Array;
}
