// Whom a request is for, as an upstream is told that keeps callers and sessions apart itself (a process for each).
// Upstreams over HTTP are told nothing of it, and nothing is worked out for them.
import { shortHash } from "../../observe/redact.ts";
import { principalKey } from "../../session/limits.ts";
import type { Session } from "../../session/session.ts";
import type { UpstreamRequest } from "../../upstream/upstream.ts";
import type { Inbound } from "../inbound.ts";
import type { GatewayParts } from "../parts.ts";

type Names = Pick<UpstreamRequest, "principal" | "session">;

const NONE: Names = {};

export function namesOf(parts: GatewayParts, inbound: Inbound, sid?: Session["sealed"]["sid"]): Names {
  const { principal } = inbound;
  if (!parts.upstream.wantsNames || principal === undefined) return NONE;
  const named = { principal: principalKey(principal) };
  return sid === undefined ? named : { ...named, session: shortHash(sid) };
}
