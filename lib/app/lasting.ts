// What a reload keeps: sessions, limits, the store, the upstream and counts. Made once, from the settings at the start.
import { Feeds } from "../admin/feeds.ts";
import type { AuditLog } from "../audit/audit_log.ts";
import type { ConfiguredLimits } from "../bridge/limits.ts";
import type { Secrets } from "../config/named/secrets.ts";
import type { Settings } from "../config/schema.ts";
import { MAX_SESSION_TTL_MS } from "../config/sections/sessions.ts";
import { Law } from "../gateway/law.ts";
import type { LegacyClients } from "../gateway/legacy/legacy_clients.ts";
import type { GatewayMetrics } from "../gateway/metrics.ts";
import { KeepAlive } from "../gateway/out/keep_alive.ts";
import type { Moves } from "../gateway/out/sessions/moves.ts";
import { Discoveries } from "../gateway/out/stateless/discoveries.ts";
import { UnderWay } from "../gateway/out/under_way.ts";
import type { Lifecycle } from "../gateway/parts.ts";
import type { ByteAccount } from "../http1/byte_account.ts";
import { IdentityCache } from "../identity/remembered/identity_cache.ts";
import { SessionTokens } from "../identity/tokens/tokens.ts";
import type { BudgetedLogger } from "../observe/log_budget.ts";
import { Observers } from "../observe/observers.ts";
import { readTextFile } from "../platform/files/files.ts";
import { randomBytes } from "../platform/random.ts";
import { Askings } from "../policy/askings.ts";
import type { Replicas } from "../replica/replicas.ts";
import { AdoptionRegistry } from "../session/adoption.ts";
import type { LimitCaps, Limits } from "../session/limits/limits.ts";
import { Reopenings } from "../session/limits/reopenings.ts";
import { SharedPlaces } from "../session/limits/shared_places.ts";
import { OwnerBook } from "../session/owner.ts";
import type { SessionRegistry } from "../session/registry.ts";
import { openRevocations, type StoredRevocations } from "../session/revocations/revocation_store.ts";
import { MemoryRates } from "../store/memory/memory_rates.ts";
import { SharedRates } from "../store/shared_rates.ts";
import type { Store } from "../store/store.ts";
import type { Tracer } from "../telemetry/tracer.ts";
import type { PooledSessions } from "../upstream/peers/pooled/pooled_sessions.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { openAudit } from "./audit.ts";
import { type Ground, type GroundOptions, openGround } from "./ground.ts";
import { FilesAtStart } from "./reload/files_at_start.ts";
import { createHere, createPools } from "./replicas/pools.ts";
import { createMoves, createReplicas, selfOf } from "./replicas/replicas.ts";
import { type JudgeOwner, judgeOwners } from "./revocations/revoked_stateless.ts";
import { watchRevocations } from "./revocations/watch_revocations.ts";
import { createRegistry } from "./session_registry.ts";
import type { Telemetry } from "./telemetry.ts";
import type { OpenedUpstream } from "./upstreams/opened_upstream.ts";
import { openUpstream } from "./upstreams/upstream.ts";

/** What a reload keeps. */
export interface Lasting {
  readonly limits: Limits;
  readonly reopenings: Reopenings;
  readonly store: Store;
  readonly revocations: StoredRevocations;
  /** Signet's own session tokens; undefined where no secret is configured. */
  readonly tokens: SessionTokens | undefined;
  /** As they were when Signet started. */
  readonly secrets: Secrets;
  /** What a reload cannot put in force; undefined of a worker, whose files others read. */
  readonly filesAtStart: FilesAtStart | undefined;
  /** Identities of session owners, and raw ids adopted: filled only where the settings say so. */
  readonly identities: IdentityCache;
  readonly adoption: AdoptionRegistry;
  /** `--legacy-sse`; undefined when off. */
  readonly legacyClients: LegacyClients | undefined;
  readonly registry: SessionRegistry;
  readonly owners: OwnerBook;
  readonly upstream: Upstream;
  readonly replicas: Replicas;
  /** Where sessions went that were opened again; undefined where replicas share no store. */
  readonly moves: Moves | undefined;
  /** Where sessions of stateless clients are kept; undefined where they end with the process. */
  readonly pools: PooledSessions | undefined;
  /** Callers' caps over all replicas; undefined where they share no store. */
  readonly places: SharedPlaces | undefined;
  /** The same upstream, with what only its kind has. */
  readonly opened: OpenedUpstream;
  /** What it has said of itself to stateless clients. */
  readonly discoveries: Discoveries;
  readonly keepAlive: KeepAlive;
  readonly metrics: GatewayMetrics;
  /** Memory held for clients and servers. */
  readonly account: ByteAccount;
  readonly lifecycle: Lifecycle;
  /** What operators watch. */
  readonly feeds: Feeds;
  readonly underWay: UnderWay;
  /** Rules and rates in force, and what is counted by them. */
  readonly law: Law;
  readonly log: BudgetedLogger;
  /** Of every exchange, and of what else happens: `observe/observers.ts`. */
  readonly observers: Observers;
  /** `--audit`; undefined when off. */
  readonly audit: AuditLog | undefined;
  /** Undefined where nothing is exported. */
  readonly telemetry: Telemetry | undefined;
  readonly tracer: Tracer | undefined;
  readonly now: () => number;
  /** A file that each reload reads anew. */
  readonly readAnew: (path: string) => Promise<string>;
}

function createTokens(settings: Settings, secrets: Secrets, parts: { store: Store; now: () => number }) {
  if (secrets.tokenSecrets.length === 0) return undefined;
  const { maxTokensPerAgent: maxPerAgent } = settings;
  const { store, now } = parts;
  return new SessionTokens({ store: store.tokens, secrets: secrets.tokenSecrets, maxPerAgent, now, randomBytes });
}

/** The server that is forwarded to, and where sessions of stateless clients at it are kept. */
async function openServer(ground: Ground, judge: JudgeOwner) {
  const { settings, worker, secrets, log, account, readOnce, limits, store, ring, metrics } = ground;
  const pools = createPools(settings, { store, ring, judge });
  const here = createHere(settings, { store, ring, pools, home: selfOf(settings, worker?.hop) });
  const opened = await openUpstream(settings, {
    ...{ secrets, log, account, readOnce, ring, pools, here },
    bridgeLimits: bridgeLimitsOf(settings, limits),
    onLostCall: (outcome) => metrics.replays.inc(outcome),
  });
  return { pools, opened, upstream: opened.upstream };
}

/** @throws ConfigError if a secret cannot be used; StoreError if the state file cannot */
export async function createLasting(options: GroundOptions): Promise<Lasting> {
  const { settings, ring, telemetry, worker } = options;
  // Asked for before there is a registry, which holds it from then on.
  let ringOf = () => ring;
  const filesAtStart = worker === undefined ? await FilesAtStart.read(settings, readTextFile) : undefined;
  const ground = await openGround(options, () => ringOf());
  const { log, now, limits, account, metrics, secrets, store } = ground;
  const onFault = (fault: unknown) => log.error("ending a session failed", { cause: String(fault) });
  // Not the TTL of now: sessions sealed under a longer one may still be about.
  const revocations = await openRevocations({ store, maxSessionTtlMs: MAX_SESSION_TTL_MS, onFault });
  const judge = judgeOwners({
    ...{ revocations, ring: ground.ring },
    onFault: (fault) => log.error("asking after revocations failed", { cause: String(fault) }),
  });
  const { pools, opened, upstream } = await openServer(ground, judge);
  const identities = new IdentityCache({ ttlMs: settings.identityTtlMs });
  const owners = new OwnerBook({ bindClientId: settings.bindClientId });
  const observers = new Observers();
  const places = createPlaces(settings, { store, limits, now });
  const audit = await openAudit(settings, { observers, ring, log, now });
  const registry = createRegistry({
    ...{ ring, limits, owners, revocations, observers, identities, places, upstream, onFault, now },
    idleMs: settings.sessionIdleMs,
    maxIdLength: settings.maxIdLength,
  });
  ringOf = () => registry.ring;
  const lifecycle = { leaving: false, closesAtMs: Infinity, draining: false };
  const underWay = new UnderWay({ limits, lifecycle });
  watchRevocations(revocations, {
    ...{ registry, owners, underWay, judge, now },
    stateless: { upstream, pools, ring: ground.ring },
  });
  const replicas = await createReplicas(settings, { ring: ground.ring, account, log, hop: worker?.hop });
  return {
    ...{ limits, store, revocations, secrets, filesAtStart, identities, registry, owners, upstream, opened, account },
    ...{ places, replicas, pools, underWay, lifecycle, log, observers, audit, metrics, telemetry, now },
    ...await createCounts(ground),
    moves: createMoves({ store, replicas, registry, upstream }),
    tracer: telemetry?.tracer,
    readAnew: worker?.readAnew ?? readTextFile,
  };
}

/** What is counted, remembered or told, and asks no other part. */
async function createCounts({ settings, secrets, limits, store, now, log }: Ground) {
  const mostPerPrincipal = () => reopeningsOf(limits.caps);
  return {
    reopenings: new Reopenings({ mostPerPrincipal }),
    tokens: createTokens(settings, secrets, { store, now }),
    adoption: new AdoptionRegistry(),
    legacyClients: await legacyClientsAt(settings.legacySse),
    discoveries: new Discoveries(),
    keepAlive: new KeepAlive(settings.sseKeepAliveMs, now),
    feeds: new Feeds(),
    law: new Law({
      counts: new SharedRates({ shared: store.rates, local: new MemoryRates() }),
      askings: new Askings({ mostPerPrincipal }),
      log,
    }),
  };
}

/** Sessions that stateless clients share are as many as those that clients have, in all and of one caller. */
function bridgeLimitsOf(settings: Settings, limits: Limits): ConfiguredLimits {
  const peerCaps = () => ({ all: limits.caps.maxSessions, ofOneCaller: limits.caps.maxSharedPerPrincipal });
  return { idleMs: settings.sessionIdleMs, parkMs: settings.parkTimeoutMs, peerCaps };
}

/** Loaded only where it is configured. */
async function legacyClientsAt(path: string | undefined): Promise<LegacyClients | undefined> {
  if (path === undefined) return undefined;
  const { LegacyClients } = await import("../gateway/legacy/legacy_clients.ts");
  return new LegacyClients(path);
}

function createPlaces(
  { sessionIdleMs: idleMs }: Settings,
  { store, limits, now }: { store: Store; limits: Limits; now: () => number },
): SharedPlaces | undefined {
  if (store.shared === undefined) return undefined;
  const bounds = () => ({
    limit: limits.caps.maxSessionsPerPrincipal,
    yieldAfterMs: limits.caps.yieldAfterMs,
    idleMs: Math.max(idleMs, limits.caps.yieldAfterMs),
  });
  return new SharedPlaces({ store: store.shared.places, bounds, now });
}

/** A server that restarts loses every session at once: each may come back, and be lost once more. */
function reopeningsOf({ maxSessions, maxSessionsPerPrincipal }: LimitCaps): number {
  return 2 * Math.min(maxSessions, maxSessionsPerPrincipal);
}
