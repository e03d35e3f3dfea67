// What an upstream calls a session: as it was sealed, until the upstream lost it and it was made anew
// (docs/behaviour.md L4, M4).
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import type { FieldList } from "../http1/types.ts";
import { SESSION_ID_FIELD } from "../mcp/session_id_field.ts";
import type { CallerKeys } from "./caller.ts";

/** What a session's upstream calls it now. A `Session` is its own link. */
export interface UpstreamLink {
  /** What it was sealed for. */
  readonly upstreamUrl: string;
  /** The id to send; undefined for an upstream that gives none. Not the sealed one after a resurrection (L4). */
  upstreamSessionId: UpstreamSessionId | undefined;
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
  return link.generation > 0 || link.upstreamUrl === url;
}

/** Whether of what is sealed for an upstream anything but the session's id there is sent with its requests. */
export function isMoreThanId(sealed: Readonly<Record<string, string>> | undefined): boolean {
  for (const name in sealed) if (name !== SESSION_ID_FIELD) return true;
  return false;
}
