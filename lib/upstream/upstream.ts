// What a session's messages can be sent to. Every kind speaks as a Streamable HTTP server would, in HTTP's own terms
// but without a wire of its own: the gateway neither knows nor cares what stands behind.
// No member is optional: whoever wraps an upstream and forgets one does not compile.
import type { BridgeRequest, OwnedSince } from "../bridge/request.ts";
import type { UpstreamSessionId } from "../envelope/session_id.ts";
import type { Fields, HeadNotes } from "../http1/types.ts";
import type { Here } from "../replica/elsewhere.ts";
import type { SessionCall } from "../session/lost_session.ts";

/**
 * One message for an upstream: what a bridge is asked, and what only an address has. See {@link otherwise} for another
 * like it.
 */
export declare abstract class UpstreamRequest extends BridgeRequest {
  /** `?…` or empty: appended to the upstream's own path. */
  abstract get query(): string;
  /** In place of the upstream's own path and `query`: where the server itself has named another of its own. */
  readonly target?: string | undefined;
  /**
   * Room for what the upstream makes of `fields`, for as long as this very list is sent again and again; undefined of a
   * list made for one request. Whoever sends another list in its place notes beside what it is about.
   */
  readonly notes?: HeadNotes | undefined;
  /**
   * What `fields` are made of where they are those of many requests and some of this one alone, behind them: for whoever
   * sends them in that order, and remembers what it made of the others. No fields stand in both.
   */
  readonly apart?: Apart | undefined;
  /**
   * Whether its answer is heard for some seconds though nobody wants it any more: of an initialize, which may have opened a
   * session by then. For servers over HTTP: nothing but the answer says which.
   */
  readonly isHeard?: boolean | undefined;
}

/** See {@link UpstreamRequest.apart}. */
export interface Apart {
  readonly fields: Fields;
  /** Of those: see {@link UpstreamRequest.notes}. */
  readonly notes: HeadNotes;
  readonly added: Fields;
}

/** The same request, in the same session, but for what `changes` say. */
export function otherwise<Request extends UpstreamRequest>(
  request: Request,
  changes: Partial<Omit<UpstreamRequest, "upstreamSessionId">>,
): UpstreamRequest & { readonly upstreamSessionId: Request["upstreamSessionId"] } {
  const { upstreamSessionId }: { readonly upstreamSessionId: Request["upstreamSessionId"] } = request;
  const { method, query, target, fields, notes, body, parsed } = request;
  const { caller, session, revival, opened, noted, where, isHeard } = request;
  // A member that is forgotten here does not compile.
  const rest:
    & Readonly<Record<Exclude<keyof UpstreamRequest, "upstreamSessionId">, unknown>>
    & Omit<UpstreamRequest, "upstreamSessionId"> = {
      // Other fields, most often, of which nothing is known.
      ...{ method, query, target, fields, notes, apart: undefined, body, parsed },
      ...{ caller, session, revival, opened, noted, where, isHeard },
    };
  return { ...rest, ...changes, upstreamSessionId };
}

/** This replica among others, before such a server; undefined where there are none, or it has no name. */
export type HereFor = (upstream: Pick<Upstream, "url">) => Here | undefined;

export interface Upstream {
  /** Short, unique, fit for a metric label. */
  readonly name: string;
  /** The configured URL: the upstream's key in the envelope. */
  readonly url: string;
  /** Whether its sessions can be reached from this process or machine alone: another replica's upstream has others. */
  readonly isLocal: boolean;
  /** Characters of an id of its own that it may give a session: what a session's id has to have room for. */
  readonly idLength: number;
  /** How long it may take to open a session, in ms. A hung server must not hold requests for ever. */
  readonly initializeTimeoutMs: number;
  /**
   * Answered with `LostSession` only where the request has an `upstreamSessionId`.
   * @throws HttpError, SignetError `upstream_*`
   */
  send(request: UpstreamRequest): SessionCall;
  /** Whether it can be reached at all. @throws HttpError `connect_*` */
  probe(): Promise<void>;
  /** Lets go of everything; settles when nothing is left. Again: nothing. */
  close(): void | Promise<void>;
  /** The session has left the gateway's memory, for whatever reason: nothing will be sent under this id any more. */
  release(upstreamSessionId: UpstreamSessionId): void;
  /** Ends what stateless clients have there that belongs to no session of theirs: what of it, `which` says (L6). */
  endStateless(which: OwnedSince): void;
  /** For the gateway to set: told when the upstream ends a session by itself, for good. */
  onEnded: ((upstreamSessionId: UpstreamSessionId) => void) | undefined;
}
