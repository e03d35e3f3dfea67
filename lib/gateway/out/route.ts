// Where a message goes: to which upstream, and what that one calls the session. Whoever sends, notifies or ends asks here.
// The gateway knows one upstream; several servers are one (`upstream/several.ts`).
import { SignetError } from "../../errors.ts";
import type { Session } from "../../session/session.ts";
import { isGivenBy, type UpstreamLink } from "../../session/upstream_link.ts";
import type { Upstream } from "../../upstream/upstream.ts";
import type { GatewayParts } from "../parts.ts";

/** An upstream of a session. */
export interface Target {
  readonly upstream: Upstream;
  readonly link: UpstreamLink;
}

/** Where a message of the session goes. @throws SignetError `session_not_found` if it was sealed for none */
export function route(parts: GatewayParts, session: Session): Target {
  const { link } = session;
  if (link === undefined) throw new SignetError("session_not_found", { facts: { outcome: "no_upstream" } });
  return { upstream: parts.upstream, link };
}

/** Where a message without a session goes: one that opens one, or needs none. */
export function routeWithoutSession(parts: GatewayParts): Upstream {
  return parts.upstream;
}

/** The upstream, if it may know the session: for its end. */
export function routeOf({ replicas, upstream }: GatewayParts, session: Session): Target | undefined {
  const { link } = session;
  const target = link === undefined ? undefined : { upstream, link };
  return target !== undefined && isKnown({ replicas }, target) ? target : undefined;
}

/**
 * Whether the upstream can know the session under the link's id: a sealed one is of the sealed address alone (M4), and of
 * the home's upstream where that is another than this one. Two servers may give out the same ids.
 */
export function isKnown(parts: Pick<GatewayParts, "replicas">, target: Target): boolean {
  return isGivenBy(target.link, target.upstream.url) && homeOf(parts, target) === undefined;
}

/** The replica that alone reaches the session's upstream; undefined where this one does (R1). */
export function homeOf(
  { replicas }: Pick<GatewayParts, "replicas">,
  { upstream, link }: { readonly upstream: Upstream; readonly link: Pick<UpstreamLink, "home" | "upstreamUrl"> },
): string | undefined {
  const { home } = link;
  if (home === undefined || home === replicas.self) return undefined;
  return upstream.isLocal || link.upstreamUrl !== upstream.url ? home : undefined;
}
