// What the log says of a refused request: what was found in it and what is wanted, where neither is a secret (V1). Ids,
// credentials, bodies and other fields never get here; what does is bounded.
import { ERROR_KINDS, type ErrorCode, type SignetError } from "../errors.ts";
import { LEGACY_REVISIONS, MODERN_REVISIONS } from "../mcp/eras/revisions.ts";
import { redactPath, shortHash } from "../observe/redact.ts";
import { shortened } from "../observe/shortened.ts";
import { callerInLog } from "../session/caller.ts";
import type { Inbound } from "./inbound.ts";
import type { GatewayParts } from "./parts.ts";

export type RefusalFacts = {
  readonly found?: string;
  readonly wanted?: string;
  /** In place of both: what the client is told. */
  readonly reason?: string;
  /** Of the session that was asked for, if it is known here. */
  readonly session?: string;
  readonly caller?: string;
  readonly remedy?: string;
};

/** A request, and why it is refused. */
export interface Refused {
  readonly parts: GatewayParts;
  readonly inbound: Inbound;
  readonly error: SignetError;
}

type Facts = (refused: Refused) => RefusalFacts;

const REVISIONS = [...LEGACY_REVISIONS, ...MODERN_REVISIONS].join(", ");
const METHODS: ReadonlySet<string> = new Set("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE".split(" "));

const FACTS: Readonly<Partial<Record<ErrorCode, Facts>>> = {
  host_refused: ({ parts, inbound }) => ({
    found: shortened(inbound.head.host),
    wanted: parts.guard.wantedHosts,
    remedy: "Name the host with --allow-host, if clients are meant to use it.",
  }),
  origin_refused: ({ parts, inbound }) => ({
    found: shortened(originOf(inbound.origin ?? "")),
    wanted: parts.guard.wantedOrigins,
    remedy: "Name the origin with --allow-origin, if its pages may call.",
  }),
  path_not_found: ({ parts, inbound }) => ({
    found: shownPath(inbound.head.path),
    wanted: parts.options.path,
    remedy: "Point the client at the path that is wanted, or set --path.",
  }),
  media_type_unsupported: ({ inbound }) => ({
    found: shownType(inbound.facts.contentType),
    wanted: "application/json in UTF-8, without a content coding",
  }),
  method_not_allowed: ({ inbound, error }) => ({
    found: shownMethod(inbound.head.method),
    ...(error.detail.allow === undefined ? {} : { wanted: error.detail.allow }),
  }),
  session_required: ({ inbound }) => ({
    found: `${shownMethod(inbound.head.method)} without Mcp-Session-Id`,
    wanted: "initialize, or the id it was answered with",
  }),
  protocol_version_unsupported: versionOf,
  modern_version_unsupported: versionOf,
  owner_mismatch: ({ parts, inbound }) => ({
    ...sessionOf(parts, inbound),
    ...nameOf(inbound),
    ...(inbound.provenAs?.principal.source !== "bearer" ? {} : {
      remedy: "A bearer token that was refreshed is another owner: a source that knows the person behind it, such as " +
        "--principal jwt or introspection, keeps the session.",
    }),
  }),
  session_not_found: ({ parts, inbound, error }) => ({
    ...sessionOf(parts, inbound),
    ...(error.detail.facts?.outcome !== "key" ? {} : {
      remedy: "Its key is not in the ring: keep old keys behind the new one until --session-ttl has passed, and give " +
        "all replicas the same.",
    }),
  }),
  insufficient_scope: whoseOf,
  principal_limit: whoseOf,
  rate_limited: whoseOf,
  rule_denied: whoseOf,
  method_denied: whoseOf,
};

/** What the error's code lets be said of this request. */
export function refusalFacts(refused: Refused): RefusalFacts & { readonly from: string } {
  return { from: refused.inbound.remoteAddress, ...(FACTS[refused.error.code] ?? toldOf)(refused) };
}

/** Of a message that is not as it should be, the words that its client gets: they hold nothing of what stood in it. */
function toldOf({ error }: Refused): RefusalFacts {
  return ERROR_KINDS[error.code].status >= 500 || error.detail.cause !== undefined ? {} : { reason: error.message };
}

function versionOf({ inbound }: Refused): RefusalFacts {
  const { protocolVersion = "" } = inbound;
  return { found: /^\d{4}-\d\d-\d\d$/.test(protocolVersion) ? protocolVersion : "(no date)", wanted: REVISIONS };
}

/** Whose request it was, and in which session, of one that is known. */
function whoseOf({ parts, inbound }: Refused): RefusalFacts {
  return { ...sessionOf(parts, inbound), ...nameOf(inbound) };
}

function sessionOf({ registry }: GatewayParts, { sessionId, receivedAtMs }: Inbound): { session?: string } {
  const known = sessionId === undefined ? undefined : registry.get(sessionId, receivedAtMs);
  return known === undefined ? {} : { session: shortHash(known.sid) };
}

function nameOf({ provenAs: caller }: Inbound): { caller?: string } {
  return caller === undefined ? {} : { caller: callerInLog(caller.principal) };
}

/**
 * Scheme, host and port (RFC 6454 §7), which are all that a browser sends: whatever else is there is no origin, and may be a
 * secret.
 */
function originOf(text: string): string {
  if (text === "null") return text;
  try {
    const { protocol, host } = new URL(text);
    return `${protocol}//${host}`;
  } catch {
    return "(no origin)";
  }
}

function shownType(contentType = ""): string {
  const [type = ""] = contentType.split(";");
  if (/^\s*application\/json\s*$/i.test(type)) return "application/json in another charset, or in a content coding";
  return shortened(type.trim() || "no Content-Type");
}

function shownPath(path: string): string {
  return shortened(redactPath(path));
}

function shownMethod(method: string): string {
  return METHODS.has(method) ? method : "(unknown method)";
}
