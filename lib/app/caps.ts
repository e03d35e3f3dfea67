// Settings → how much there may be of everything, for all and for one caller.
import type { Settings } from "../config/schema.ts";
import type { LimitOptions } from "../session/limits/limits.ts";

/** Anonymous callers are one principal: a share for each would only be a lower cap for all of them together. */
export function allShareOneOwner({ principals }: Settings): boolean {
  return principals.every((name) => name === "anonymous");
}

/** Of everything that one caller must not take whole: what it may have at most, and never less than one. */
function shareOf(cap: number, settings: Settings): number {
  return allShareOneOwner(settings) ? Infinity : Math.max(1, Math.ceil(cap * settings.principalShare / 100));
}

/** A cap of its own, or where that would be no less than the cap of all, a share of that one. */
export function ownCap(cap: number, own: number, settings: Settings): number {
  if (allShareOneOwner(settings)) return Infinity;
  return own < cap ? own : shareOf(cap, settings);
}

export function capsOf(settings: Settings): LimitOptions {
  const own = ownCap(settings.maxSessions, settings.maxSessionsPerPrincipal, settings);
  return {
    maxSessions: settings.maxSessions,
    maxSessionsPerPrincipal: own,
    // Of callers that are all one, each kind of client has a peer, and who they are is theirs to say.
    maxSharedPerPrincipal: Number.isFinite(own) ? own : settings.maxSessionsPerPrincipal,
    yieldAfterMs: settings.yieldAfterMs,
    maxStreams: settings.maxStreams,
    maxRequests: settings.maxInFlight,
    maxStreamsPerPrincipal: shareOf(settings.maxStreams, settings),
    maxRequestsPerPrincipal: Math.min(
      shareOf(settings.maxInFlight, settings),
      settings.maxInFlightPerPrincipal ?? Infinity,
    ),
    maxBusyPerPrincipal: shareOf(settings.maxConnections, settings),
    // Whatever the share is, one body has to find room.
    maxBytesPerPrincipal: Math.max(shareOf(settings.maxBufferedBytes, settings), settings.maxBodyBytes),
    maxCallsPerSession: settings.maxCallsPerSession,
    maxStreamsPerSession: settings.maxStreamsPerSession,
  };
}

/**
 * What may wait for one caller's stdio servers and streams, besides the bodies of its requests: of the rest of memory no
 * larger part than those have of the whole. One body has to find room twice: where it waits, and where it goes.
 */
export function bridgedBytesOf(settings: Settings): number {
  return Math.max(shareOf(settings.maxBufferedBytes / 2, settings), 2 * settings.maxBodyBytes);
}
