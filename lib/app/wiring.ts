// Settings → the parts of the path of a request. What outlives a reload (sessions, limits, pools, counts) is made once in
// `createLasting`; what follows the settings is made anew by `createParts` and takes the old one's place as a whole.
import type { Settings } from "../config/schema.ts";
import type { KeyRing } from "../envelope/key_ring.ts";
import { Authentication } from "../gateway/authenticate.ts";
import { FieldPolicy } from "../gateway/fields.ts";
import { Guard } from "../gateway/guard.ts";
import { KeepAlive } from "../gateway/keep_alive.ts";
import { GatewayMetrics } from "../gateway/metrics.ts";
import type { GatewayParts, Lifecycle } from "../gateway/parts.ts";
import { ErrorResponder } from "../gateway/respond.ts";
import { isLoopbackHost } from "../http1/authority.ts";
import type { Logger } from "../observe/log.ts";
import { type LimitOptions, Limits } from "../session/limits.ts";
import { OwnerBook } from "../session/owner.ts";
import { SessionRegistry } from "../session/registry.ts";
import { Tombstones } from "../session/tombstones.ts";
import { HttpUpstream } from "../upstream/http.ts";
import { createAuthenticator, createChallenger } from "./callers.ts";

/** Bodies in memory over all requests: enough for a burst of large ones, far from what would hurt the machine. */
const MAX_BUFFERED_BYTES = 256 * 1024 * 1024;

/** What a reload keeps. */
export interface Lasting {
  readonly limits: Limits;
  readonly tombstones: Tombstones;
  readonly registry: SessionRegistry;
  readonly owners: OwnerBook;
  readonly upstream: HttpUpstream;
  readonly keepAlive: KeepAlive;
  readonly metrics: GatewayMetrics;
  readonly lifecycle: Lifecycle;
  readonly log: Logger;
  readonly now: () => number;
}

/** `n` bytes of the system's randomness. */
export function randomBytes(n: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(n));
}

export function capsOf(settings: Settings): LimitOptions {
  // Anonymous callers are one principal: a share for each would only be a lower cap for all of them together.
  const allShareOne = settings.principals.every((name) => name === "anonymous");
  return {
    maxSessions: settings.maxSessions,
    maxSessionsPerPrincipal: allShareOne ? Infinity : settings.maxSessionsPerPrincipal,
    maxStreams: settings.maxStreams,
    maxRequests: settings.maxInFlight,
  };
}

async function createUpstream(settings: Settings): Promise<HttpUpstream> {
  const [address] = settings.upstreams;
  if (address === undefined) throw new Error("starting: want one upstream, got none");
  const caFile = settings.upstreamCaFile;
  return new HttpUpstream({
    name: address.name === "" ? "upstream" : address.name,
    url: address.url,
    ...(caFile === undefined ? {} : { caCerts: [await Deno.readTextFile(caFile)] }),
    limits: {
      connectTimeoutMs: settings.connectTimeoutMs,
      connectPatienceMs: settings.connectPatienceMs,
      responseTimeoutMs: settings.responseTimeoutMs,
      maxHeadBytes: settings.maxHeadBytes,
    },
  });
}

export interface LastingOptions {
  readonly settings: Settings;
  readonly ring: KeyRing;
  readonly log: Logger;
  readonly now: () => number;
}

export async function createLasting({ settings, ring, log, now }: LastingOptions): Promise<Lasting> {
  const limits = new Limits(capsOf(settings));
  const tombstones = new Tombstones();
  const owners = new OwnerBook({ bindClientId: settings.bindClientId });
  const registry = new SessionRegistry({
    ring,
    limits,
    owners,
    revocations: tombstones,
    idleMs: settings.sessionIdleMs,
    maxIdLength: settings.maxIdLength,
    onFault: (fault) => log.error("ending a session failed", { cause: String(fault) }),
  });
  return {
    limits,
    tombstones,
    registry,
    owners,
    upstream: await createUpstream(settings),
    keepAlive: new KeepAlive(settings.sseKeepAliveMs, now),
    metrics: new GatewayMetrics(),
    lifecycle: { draining: false, streams: new Set() },
    log,
    now,
  };
}

/** @throws ConfigError if a key set cannot be used */
export async function createParts(lasting: Lasting, settings: Settings, ring: KeyRing): Promise<GatewayParts> {
  const authenticator = await createAuthenticator(settings);
  const identityHeader = settings.principalHeader === undefined ? [] : [settings.principalHeader];
  const replaceChallenges = settings.principals.some((name) => name !== "anonymous");
  const { log } = lasting;
  return {
    ...lasting,
    options: {
      path: settings.path,
      fullLane: settings.fullLane,
      maxBodyBytes: settings.maxBodyBytes,
      maxBufferedBytes: MAX_BUFFERED_BYTES,
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
      challenger: createChallenger(settings),
      replaceChallenges,
      requiredScopes: [],
    }),
    sessionOnly: undefined,
    adoption: undefined,
    resource: undefined,
    revocations: lasting.tombstones,
    authenticator,
    ring,
    fields: new FieldPolicy({
      strip: [...identityHeader, ...settings.stripHeaders],
      seal: settings.sealHeaders,
      transient: settings.transientHeaders,
      identity: { user: "x-signet-user", scopes: "x-signet-scopes", enabled: false },
      replaceChallenges,
    }),
    errors: new ErrorResponder({ log, errorId: () => errorId(), lostSessionStatus: settings.compatStatus }),
    random: randomBytes,
  };
}

function errorId(): string {
  return Array.from(randomBytes(4), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
