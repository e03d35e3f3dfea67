// Settings → the parts of the path of a request. What outlives a reload (sessions, limits, pools, counts) is made once in
// `createLasting`; what follows the settings is made anew by `createParts` and takes the old one's place as a whole.
import type { Settings } from "../config/schema.ts";
import { loadSecrets, type Secrets } from "../config/secrets.ts";
import { MAX_SESSION_TTL_MS } from "../config/sections/sessions.ts";
import type { KeyRing } from "../envelope/key_ring.ts";
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import { Authentication } from "../gateway/authenticate.ts";
import { FieldPolicy } from "../gateway/fields.ts";
import { Guard } from "../gateway/guard.ts";
import { KeepAlive } from "../gateway/keep_alive.ts";
import { GatewayMetrics } from "../gateway/metrics.ts";
import type { GatewayParts, Lifecycle } from "../gateway/parts.ts";
import { ErrorResponder } from "../gateway/respond.ts";
import { SessionOnly } from "../gateway/session_only.ts";
import { IdentityCache } from "../identity/identity_cache.ts";
import { isLoopbackHost } from "../http1/authority.ts";
import type { Logger } from "../observe/log.ts";
import { BudgetedLogger } from "../observe/log_budget.ts";
import { AdoptionRegistry } from "../session/adoption.ts";
import { Limits } from "../session/limits.ts";
import { OwnerBook } from "../session/owner.ts";
import { SessionRegistry } from "../session/registry.ts";
import { concerns, openRevocations, type StoredRevocations } from "../session/revocation_store.ts";
import { SessionTokens } from "../session/tokens.ts";
import { createMemoryStore } from "../store/memory.ts";
import type { Revocation, Store } from "../store/store.ts";
import type { Upstream } from "../upstream/upstream.ts";
import { createAuthenticator, createChallenger, createResource } from "./callers.ts";
import { capsOf } from "./caps.ts";
import type { OpenedUpstream } from "./opened_upstream.ts";
import { openUpstream } from "./upstream.ts";

/** What a reload keeps. */
export interface Lasting {
  readonly limits: Limits;
  readonly store: Store;
  readonly revocations: StoredRevocations;
  /** Signet's own session tokens; undefined where no secret is configured. */
  readonly tokens: SessionTokens | undefined;
  /** As they were when Signet started. */
  readonly secrets: Secrets;
  /** Identities of session owners, and raw ids adopted: filled only where the settings say so. */
  readonly identities: IdentityCache;
  readonly adoption: AdoptionRegistry;
  readonly registry: SessionRegistry;
  readonly owners: OwnerBook;
  readonly upstream: Upstream;
  /** The same upstream, with what only its kind has. */
  readonly opened: OpenedUpstream;
  readonly keepAlive: KeepAlive;
  readonly metrics: GatewayMetrics;
  readonly lifecycle: Lifecycle;
  readonly log: BudgetedLogger;
  readonly now: () => number;
}

/** Of one kind: a fault that meets every request is told often enough, and fills no disk. */
const WARNINGS_PER_SECOND = 20;

/** `n` bytes of the system's randomness. */
export function randomBytes(n: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(n));
}

export interface LastingOptions {
  readonly settings: Settings;
  readonly ring: KeyRing;
  readonly log: Logger;
  readonly now: () => number;
}

/** What restarts remember, where a state file is configured. @throws StoreError if it cannot be used */
async function createStore(settings: Settings): Promise<Store> {
  if (settings.stateFile === undefined) return createMemoryStore();
  const { openSqliteStore } = await import("../store/sqlite.ts");
  return openSqliteStore(settings.stateFile);
}

function createTokens(settings: Settings, secrets: Secrets, parts: { store: Store; now: () => number }) {
  if (secrets.tokenSecrets.length === 0) return undefined;
  const { maxTokensPerAgent: maxPerAgent } = settings;
  const { store, now } = parts;
  return new SessionTokens({ store: store.tokens, secrets: secrets.tokenSecrets, maxPerAgent, now, randomBytes });
}

/** @throws ConfigError if a secret cannot be used; StoreError if the state file cannot */
export async function createLasting(options: LastingOptions): Promise<Lasting> {
  const { settings, ring, now } = options;
  const log = new BudgetedLogger(options.log, { perSecond: WARNINGS_PER_SECOND, now });
  const limits = new Limits(capsOf(settings));
  const secrets = await loadSecrets(settings, { readTextFile: Deno.readTextFile });
  const store = await createStore(settings);
  // Not the TTL of now: sessions sealed under a longer one may still be about.
  const revocations = await openRevocations({ store, maxSessionTtlMs: MAX_SESSION_TTL_MS });
  const identities = new IdentityCache({ ttlMs: settings.identityTtlMs });
  const owners = new OwnerBook({ bindClientId: settings.bindClientId });
  const opened = await openUpstream(settings, { secrets, log });
  const { upstream } = opened;
  const registry = new SessionRegistry({
    ring,
    limits,
    owners,
    revocations,
    onEnd: (session) => {
      identities.evictSession(session.sealed.sid);
      for (const { id } of session.links) if (id !== undefined) upstream.release?.(id);
    },
    idleMs: settings.sessionIdleMs,
    maxIdLength: settings.maxIdLength,
    onFault: (fault) => log.error("ending a session failed", { cause: String(fault) }),
  });
  upstream.onEnded = (id) => endLinked(registry, id, now());
  revocations.watch((revocation) => endRevoked(registry, revocation, now()));
  return {
    limits,
    store,
    revocations,
    tokens: createTokens(settings, secrets, { store, now }),
    secrets,
    identities,
    adoption: new AdoptionRegistry(),
    registry,
    owners,
    upstream,
    opened,
    keepAlive: new KeepAlive(settings.sseKeepAliveMs, now),
    metrics: new GatewayMetrics(),
    lifecycle: { draining: false, streams: new Set() },
    log,
    now,
  };
}

/** The upstream has ended it for good. Rare, so that no index is kept for it. */
function endLinked(registry: SessionRegistry, id: UpstreamSessionId, nowMs: number): void {
  for (const session of registry.sessions()) {
    if (!session.links.some((link) => link.id === id)) continue;
    registry.remove(session, "upstream_gone", nowMs);
    return;
  }
}

/** Whoever has revoked it, here or in another process: what is in flight is cut at once. */
function endRevoked(registry: SessionRegistry, revocation: Revocation, nowMs: number): void {
  const sessions = revocation.kind === "session" ? [registry.bySid(revocation.sid)] : [...registry.sessions()];
  for (const session of sessions) {
    if (session !== undefined && concerns(revocation, session.sealed)) registry.remove(session, "revoked", nowMs);
  }
}

/** @throws ConfigError if a key set cannot be used */
export async function createParts(lasting: Lasting, settings: Settings): Promise<GatewayParts> {
  // Read again, as it may have been rotated; the secrets of tokens already issued stay as they were.
  const { introspectionSecret } = await loadSecrets(settings, { readTextFile: Deno.readTextFile });
  const authenticator = await createAuthenticator(settings, { tokens: lasting.tokens, introspectionSecret });
  const resource = createResource(settings);
  const { registry, owners, identities, upstream } = lasting;
  const sessionOnly = new SessionOnly({
    cache: identities,
    registry,
    owners,
    upstreamUrl: upstream.url,
    maxIdLength: settings.maxIdLength,
    forwardCredential: settings.forwardCredential,
  });
  const identityHeader = settings.principalHeader === undefined ? [] : [settings.principalHeader];
  const replaceChallenges = settings.principals.some((name) => name !== "anonymous");
  const { log } = lasting;
  return {
    ...lasting,
    options: {
      path: settings.path,
      fullLane: settings.fullLane,
      maxBodyBytes: settings.maxBodyBytes,
      maxBufferedBytes: settings.maxBufferedBytes,
      maxJsonDepth: settings.maxJsonDepth,
      maxIdLength: settings.maxIdLength,
      sessionTtlMs: settings.sessionTtlMs,
      cancelOnDisconnect: settings.cancelOnDisconnect,
    },
    guard: new Guard({
      loopback: isLoopbackHost(settings.listen.hostname),
      allowHosts: settings.allowHosts,
      allowOrigins: settings.allowOrigins,
    }),
    authentication: new Authentication({
      authenticator,
      challenger: createChallenger(settings, resource),
      replaceChallenges,
      requiredScopes: settings.requireScopes,
      ...(settings.sessionOnly ? { withoutCredential: (inbound) => sessionOnly.callerOf(inbound) } : {}),
    }),
    sessionOnly: settings.sessionOnly ? sessionOnly : undefined,
    adoption: settings.adopt ? lasting.adoption : undefined,
    resource,
    authenticator,
    fields: new FieldPolicy({
      strip: [...identityHeader, ...settings.stripHeaders],
      seal: settings.sealHeaders,
      transient: settings.transientHeaders,
      identity: {
        user: settings.identityUserHeader,
        scopes: settings.identityScopesHeader,
        enabled: settings.forwardIdentity,
      },
      replaceChallenges,
    }),
    errors: new ErrorResponder({ log, errorId: () => errorId(), lostSessionStatus: settings.compatStatus }),
    random: randomBytes,
  };
}

function errorId(): string {
  return Array.from(randomBytes(4), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
