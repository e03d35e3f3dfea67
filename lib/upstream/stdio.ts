// A stdio MCP server as an upstream: one process a session, each a peer of the bridge, which shows them as a Streamable
// HTTP server (docs/behaviour.md B1–B9). An id that it does not know is answered as a server does that was restarted:
// the gateway then opens the session again from what it has sealed (L4).
import { type BridgeLimits, type BridgeParts, DEFAULT_BRIDGE_LIMITS } from "../bridge/limits.ts";
import { type ChoosePeers, NO_GATE, type OwnedSince } from "../bridge/request.ts";
import { BridgeServer, type BridgeSizes } from "../bridge/server.ts";
import { TYPICAL_ID_LENGTH, type UpstreamSessionId } from "../envelope/session_id.ts";
import { ByteAccount } from "../http1/byte_account.ts";
import type { Fields } from "../http1/types.ts";
import type { Logger } from "../observe/log.ts";
import { shortHash } from "../observe/redact.ts";
import { type Spawn, spawnProcess } from "../platform/process/child_process.ts";
import { randomBytes } from "../platform/random.ts";
import { SYSTEM_TIMERS, type Timers } from "../platform/time/timers.ts";
import type { CallerKeys } from "../session/caller.ts";
import type { SessionCall } from "../session/lost_session.ts";
import { type BackoffOptions, DEFAULT_BACKOFF } from "./backoff.ts";
import type { CredentialSource } from "./credentials/credential.ts";
import { Rotation } from "./credentials/rotation.ts";
import { EitherEraLife, type EitherEraMemo } from "./either_era_peer.ts";
import { StartGate } from "./start_gate.ts";
import { statelessPeer } from "./stateless/stateless_peer_life.ts";
import type { Machine, ServerCommand } from "./stdio/launch.ts";
import { endOrphans } from "./stdio/orphans.ts";
import { DEFAULT_PROCESS_LIMITS } from "./stdio/process.ts";
import { type HostLimits, type ProcessCounts, type ProcessHost, resolvePrograms } from "./stdio/process_host.ts";
import { type ProcessTable, ProcFilesystem } from "./stdio/process_table.ts";
import { ServerLife } from "./stdio/server_life.ts";
import { type SlotCaps, Slots } from "./stdio/slots.ts";
import { Turns } from "./stdio/turns.ts";
import type { HereFor, Upstream, UpstreamRequest } from "./upstream.ts";

export type StdioLimits = HostLimits & BridgeLimits;

const DEFAULT_STDIO_LIMITS: StdioLimits = {
  ...DEFAULT_PROCESS_LIMITS,
  ...DEFAULT_BRIDGE_LIMITS,
  startTimeoutMs: 60_000,
};

const DEFAULT_SLOT_CAPS: SlotCaps = { maxProcesses: 100, maxProcessesPerPrincipal: 10, yieldAfterMs: 30_000 };

/** How much there is of everything that grows. */
export interface StdioSizes extends BridgeSizes {
  readonly processes: number;
}

/** Who needs a credential for a server of its own. */
export interface CredentialAsker {
  readonly caller: CallerKeys;
  /** Fields of the request that starts the server. */
  readonly fields: Fields;
}

export interface StdioUpstreamOptions {
  readonly name: string;
  readonly server: ServerCommand;
  readonly machine: Machine;
  readonly log: Logger;
  readonly limits?: Partial<StdioLimits>;
  readonly caps?: Partial<SlotCaps>;
  readonly backoff?: Partial<BackoffOptions>;
  /** Where a session's server gets its credential from; one source may serve many sessions. Default: nowhere. */
  readonly credentials?: (asker: CredentialAsker) => CredentialSource | undefined;
  readonly rotation?: { readonly sweepMs?: number; readonly leadMs?: number };
  readonly spawn?: Spawn;
  readonly table?: ProcessTable;
  readonly timers?: Timers;
  readonly random?: (n: number) => Uint8Array;
  /** What waits for servers and clients is charged to it. Default: one without a bound. */
  readonly account?: ByteAccount;
  /** This replica among others. Default: there are none. */
  readonly here?: HereFor | undefined;
  /** See `BridgeParts`. */
  readonly onLostCall?: BridgeParts["onLostCall"];
}

/** A start that takes too long is refused here, with a cure, before anybody gives up waiting for it. */
const TELLING_MS = 5000;
/** Starts of processes that take others' places, at once. */
const MAX_REPLACEMENTS = 4;

export class StdioUpstream implements Upstream {
  readonly name: string;
  /** Stands for the command in the envelope: a session sealed for another command is opened anew here. */
  readonly url: string;
  readonly isLocal = true;
  readonly idLength = TYPICAL_ID_LENGTH;
  readonly initializeTimeoutMs: number;
  readonly slots: Slots;
  onEnded: ((upstreamSessionId: UpstreamSessionId) => void) | undefined;
  /** Its processes as peers of sessions, for who serves them together with others'. */
  readonly choosePeers: ChoosePeers;
  readonly #host: ProcessHost;
  readonly #bridge: BridgeServer;
  /** For sessions with a server that has none: what their requests are made on, a process for each owner. */
  readonly #stateless: BridgeServer;

  constructor(options: StdioUpstreamOptions) {
    this.name = options.name;
    this.url = `stdio:${options.name}`;
    this.slots = new Slots({ ...DEFAULT_SLOT_CAPS, ...options.caps }, () => (options.timers ?? SYSTEM_TIMERS).now());
    const limits = { ...DEFAULT_STDIO_LIMITS, ...options.limits };
    this.initializeTimeoutMs = limits.startTimeoutMs + TELLING_MS;
    const parts: BridgeParts = {
      limits,
      account: options.account ?? new ByteAccount(),
      timers: options.timers ?? SYSTEM_TIMERS,
      random: options.random ?? randomBytes,
      here: options.here?.(this),
      onLostCall: options.onLostCall,
    };
    this.#host = hostOf(options, { parts, limits, slots: this.slots });
    const gate = new StartGate(this.#host.backoff, parts.timers);
    const processes = serversOf(this.#host, options.credentials);
    this.#stateless = new BridgeServer({
      ...{ parts, gate: NO_GATE, choose: processes },
      onEnded: () => {},
      statelessPeersAre: "modern",
    });
    this.choosePeers = this.#ofEitherEra(processes, parts);
    this.#bridge = new BridgeServer({
      ...{ parts, gate },
      choose: (opening) => (opening.session === undefined ? processes : this.choosePeers)(opening),
      onEnded: (upstreamSessionId) => this.onEnded?.(upstreamSessionId),
    });
  }

  /** A process a session; or, of a server that has no sessions, sessions of our own with what each owner has. */
  #ofEitherEra(processes: ChoosePeers, { account, timers, random }: BridgeParts): ChoosePeers {
    const memo: EitherEraMemo = { isStateless: false };
    const { log } = this.#host;
    const send = (request: UpstreamRequest) => this.#stateless.send(request);
    return (opening) => {
      const { caller, session } = opening;
      const sessions = processes(opening);
      const upstream = { name: this.name, send };
      const stateless = statelessPeer({ upstream, caller, session, account, timers, random, log });
      return (events) => new EitherEraLife({ sessions, stateless, passing: sessions, memo }, events);
    };
  }

  /** Of processes, since the start. */
  get counts(): Readonly<ProcessCounts> {
    return this.#host.counts;
  }

  /** Everything here that grows, for metrics. */
  sizes(): StdioSizes {
    const sizes = this.#bridge.sizes();
    const { shared, calls } = this.#stateless.sizes();
    return { ...sizes, shared: sizes.shared + shared, calls: sizes.calls + calls, processes: this.slots.total };
  }

  /** Process ids of the servers that run. */
  get pids(): number[] {
    return [...this.#host.pids];
  }

  send(request: UpstreamRequest): SessionCall {
    return this.#bridge.send(request);
  }

  endStateless(which: OwnedSince): void {
    this.#bridge.endStateless(which);
    this.#stateless.endStateless(which);
  }

  release(upstreamSessionId: UpstreamSessionId): void {
    this.#bridge.release(upstreamSessionId);
  }

  /** Whether the program can be found; nothing is started. @throws HttpError `connect_failed` */
  async probe(): Promise<void> {
    await resolvePrograms(this.#host);
  }

  /**
   * To be called once, before the first session: ends what a Signet that was killed has left, of whatever server.
   * Answers how many.
   */
  endOrphans(log: Logger): Promise<number> {
    const { table, timers } = this.#host;
    return endOrphans({ table, timers, log });
  }

  async close(): Promise<void> {
    await Promise.all([this.#bridge.close(), this.#stateless.close()]);
  }

  /** Renews the credentials that are due, as happens every minute. */
  rotate(): Promise<void> {
    return this.#host.rotation.sweep();
  }
}

function hostOf(
  options: StdioUpstreamOptions,
  shared: { readonly parts: BridgeParts; readonly limits: StdioLimits; readonly slots: Slots },
): ProcessHost {
  const { server, machine, log, rotation, spawn = spawnProcess } = options;
  const { parts: { timers, random, account }, limits, slots } = shared;
  return {
    server,
    machine,
    limits,
    backoff: { ...DEFAULT_BACKOFF, ...options.backoff },
    slots,
    replacements: new Turns(MAX_REPLACEMENTS),
    table: options.table ?? new ProcFilesystem(),
    spawn,
    timers,
    random,
    account,
    log,
    counts: { started: 0, restarted: 0, ended_unasked: 0 },
    pids: new Set(),
    rotation: new Rotation({ timers, log, ...rotation }),
  };
}

/** A session's peers are processes of its own, one after the other; so are those of an owner's stateless requests. */
function serversOf(host: ProcessHost, credentialsOf: StdioUpstreamOptions["credentials"]): ChoosePeers {
  return ({ caller, session, fields }) => {
    const credentials = credentialsOf?.({ caller, fields });
    const name = session === undefined ? { principal: shortHash(caller.keyedName ?? caller.owner) } : { session };
    return (events) => new ServerLife({ host, caller, credentials, facts: () => name, events });
  };
}
