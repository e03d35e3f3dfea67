// The state of a running Signet at a glance, as `GET /state` tells it: numbers that only rise, and how much there is of
// everything. To whoever may ask anything at all it says what probes and metrics say; servers' addresses to operators only.
import { SignetError } from "../errors.ts";
import { type Access, accessOf, type AccessOptions } from "./access.ts";
import type { AdminRoute } from "./admin.ts";
import { json, refusal } from "./answers.ts";

/** Of something there may be so much of. `most` is undefined where nothing bounds it. */
export interface UseView {
  readonly used: number;
  readonly most?: number;
}

/** One MCP server behind Signet. */
export interface ServerView {
  readonly name: string;
  /** Without whatever could be a secret; a stdio server's program. Operators only. */
  readonly address?: string;
  /** `ok`, or what is wrong. */
  readonly state: string;
  readonly required?: boolean;
  /** Numbers that only rise, by name. */
  readonly counts?: Readonly<Record<string, number>>;
}

export type UpstreamKind = "http" | "stdio" | "several";

export interface StateView {
  readonly version: string;
  /** Milliseconds since the epoch, by this machine's clock. */
  readonly nowMs: number;
  readonly startedAtMs: number;
  /** Of several workers, how many these are the sums of: each counts the sessions that it knows itself. */
  readonly workers?: number;
  readonly ready: boolean;
  readonly draining: boolean;
  readonly checks: Readonly<Record<string, string>>;
  /** Requests since the start, by the way they took. */
  readonly requests: { readonly fast: number; readonly full: number; readonly stateless: number };
  /** By code; those there were. */
  readonly refusals: Readonly<Record<string, number>>;
  /** From sending a request to the head of its answer: observations at or below each bound, the last beyond all. */
  readonly latency: { readonly boundsS: readonly number[]; readonly counts: readonly number[] };
  readonly sessions: {
    readonly opened: number;
    readonly deleted: number;
    readonly ended: Readonly<Record<string, number>>;
    readonly resurrected: Readonly<Record<string, number>>;
  };
  /** Sessions, calls, streams, connections, memory in bytes, processes where there are any. */
  readonly use: Readonly<Record<string, UseView>>;
  readonly residentBytes: number;
  readonly log: { readonly level?: string; readonly suppressed: number; readonly dropped: number };
  readonly upstream: UpstreamView;
  /** Where there is more than one: the other replicas, or all workers. */
  readonly replicas?: ReplicasView;
}

/** Another replica, or a worker as the others know it. */
export interface PeerView {
  /** Operators only. */
  readonly address?: string;
  readonly state: "up" | "dead" | "unknown";
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Of a dead one; operators only. */
  readonly why?: string;
  /** Requests passed on to it, and taken from it. */
  readonly passed: number;
  readonly received: number;
}

/** This replica among the others, or all workers. */
export interface ReplicasView {
  /** Operators only; of workers there is none. */
  readonly self?: string;
  readonly peers: readonly PeerView[];
  /** Requests of sessions that others hold, by what came of passing them on. */
  readonly hops: Readonly<Record<string, number>>;
  readonly received: number;
}

/** What stands behind Signet. */
export interface UpstreamView {
  readonly kind: UpstreamKind;
  readonly servers: readonly ServerView[];
  /** Of stdio servers, as far as they are counted together. */
  readonly processes?: UseView;
}

/** What {@link StateView} becomes on the wire: what the asker may do stands beside it. */
export interface StateAnswer extends StateView {
  readonly access: Access;
  /** Whether there is a token that would open more. */
  readonly wantsToken: boolean;
}

/** Path → handler, for `serveAdmin`. */
export function stateRoutes(view: () => Promise<StateView>, options: AccessOptions): ReadonlyMap<string, AdminRoute> {
  return new Map([["/state", async (request) => {
    try {
      const access = accessOf(request, options);
      if (request.method !== "GET") throw new SignetError("method_not_allowed", { allow: "GET" });
      const wantsToken = options.token !== undefined && access !== "operator";
      return json(200, { ...shownTo(access, await view()), access, wantsToken } satisfies StateAnswer);
    } catch (error) {
      return refusal(error);
    }
  }]]);
}

function shownTo(access: Access, view: StateView): StateView {
  if (access !== "anyone") return view;
  const servers = view.upstream.servers.map(({ address: _, ...server }) => server);
  const { replicas, ...rest } = view;
  const shown = { ...rest, upstream: { ...view.upstream, servers } };
  if (replicas === undefined) return shown;
  const { peers, hops, received } = replicas;
  return { ...shown, replicas: { peers: peers.map(({ address: _, why: __, ...peer }) => peer), hops, received } };
}
