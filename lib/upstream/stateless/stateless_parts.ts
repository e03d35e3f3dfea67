// What everything about one stateless HTTP server as a session's peer works with, and how it is asked (MCP 2026-07-28,
// Streamable HTTP): one request a POST, with the headers that repeat what the body says.
import type { ByteAccount } from "../../http1/byte_account.ts";
import { callOf } from "../../http1/call_of.ts";
import type { FieldList } from "../../http1/types.ts";
import { MODERN_REVISIONS } from "../../mcp/eras/revisions.ts";
import type { Logger } from "../../observe/log.ts";
import type { Timers } from "../../platform/time/timers.ts";
import type { CallerKeys } from "../../session/caller.ts";
import type { SessionCall } from "../../session/lost_session.ts";
import type { HttpPeerLimits } from "../peers/http_peer_parts.ts";
import { sessionNamed } from "../session_named.ts";
import type { Upstream } from "../upstream.ts";

export interface StatelessLimits extends HttpPeerLimits {
  /** How often a call may ask its client, one time after the other. */
  readonly maxRounds: number;
  /** For the client to answer what one round asks, in ms. */
  readonly roundMs: number;
  /** Before a call that wants nothing but to be made again is made again, in ms. */
  readonly againMs: number;
  /** Pages of a tool list that are read for the headers of one call. */
  readonly maxPages: number;
}

export interface StatelessParts {
  readonly upstream: Pick<Upstream, "name" | "send">;
  readonly caller: CallerKeys;
  /** Names the session in the log: a short hash. */
  readonly session: string | undefined;
  readonly limits: StatelessLimits;
  readonly account: ByteAccount;
  readonly timers: Timers;
  readonly log: Logger;
  /** `n` random bytes. */
  readonly random: (n: number) => Uint8Array;
}

/** A request in its headers. */
export interface Named {
  readonly method: string;
  /** `Mcp-Name` and `Mcp-Param-*`. */
  readonly headers: FieldList;
}

/** Sends a request. */
export function postStateless(
  { upstream, caller, session }: StatelessParts,
  body: Uint8Array,
  { method, headers, fields }: Named & { readonly fields: FieldList },
): SessionCall {
  const about: FieldList = [
    ...["content-type", "application/json", "accept", "application/json, text/event-stream"],
    ...["accept-encoding", "identity", "mcp-protocol-version", MODERN_REVISIONS.at(-1)!, "mcp-method", method],
  ];
  const named = sessionNamed(session);
  const request = { method: "POST" as const, query: "", body, caller, session: named, upstreamSessionId: undefined };
  try {
    return upstream.send({ ...request, fields: [...about, ...headers, ...fields] });
  } catch (error) {
    return callOf(Promise.reject(error));
  }
}
