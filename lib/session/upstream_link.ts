// What an upstream calls a session: as it was sealed, until the upstream lost it and it was made anew
// (docs/behaviour.md L4, M4).
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import type { SealedSession } from "../envelope/session_payload.ts";
import type { FieldList } from "../http1/types.ts";
import type { CallerKeys } from "./caller.ts";

/** What one upstream calls this session now. */
export interface UpstreamLink {
  readonly url: string;
  /** The id to send; undefined for an upstream that gives none. Not the sealed one after a resurrection (L4). */
  id: UpstreamSessionId | undefined;
  /** Rises by one with every resurrection: a request that failed under an older one need only be replayed (L4). */
  generation: number;
  /** The resurrection under way, for others to wait for (L9). */
  reviving: Promise<void> | undefined;
  /**
   * What it takes to end the upstream's session once this link is gone, which alone leads to it. Undefined as long as
   * the id is the sealed one, which leads back to it from anywhere.
   */
  reopened: Reopened | undefined;
  /**
   * The replica it was opened at, or was found to have gone to: where its upstream cannot be reached from elsewhere, it
   * is reached there (R1). Undefined: from here.
   */
  home: string | undefined;
  /** Of what replicas have told each other of where it went, the last that was heeded or told here. */
  move: string | undefined;
}

/** Of the request for which the session was opened again: what a server wants to see when it is ended. */
export interface Reopened {
  readonly fields: FieldList;
  readonly query: string;
  readonly caller: CallerKeys;
}

/** Whether the upstream at `url` gave the link's id: the sealed one is of the sealed address alone (M4). */
export function isGivenBy(link: UpstreamLink, url: string): boolean {
  return link.generation > 0 || link.url === url;
}

/** The links as they were sealed. */
export function linksOf(sealed: SealedSession): UpstreamLink[] {
  const links: UpstreamLink[] = [];
  for (const url of Object.keys(sealed.upstreams)) {
    links.push({
      url,
      id: sealed.upstreams[url]!["mcp-session-id"] as UpstreamSessionId | undefined,
      generation: 0,
      reviving: undefined,
      reopened: undefined,
      home: sealed.home,
      move: undefined,
    });
  }
  return links;
}
