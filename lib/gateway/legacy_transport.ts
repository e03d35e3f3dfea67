// The transport before Streamable HTTP: HTTP+SSE of MCP 2024-11-05, two endpoints, the first a stream that names the
// second. Whoever speaks it where it is not served is told so by name, and what to do.
import { SignetError } from "../errors.ts";
import { combinedValue } from "../http1/wire/fields/fields.ts";
import { isEventStream } from "../http1/wire/fields/media_type.ts";
import { ownBytes } from "../http1/wire/streams/borrowed.ts";
import { tellIfOwn } from "../platform/faults/uncaught.ts";
import { settlesWithin, SYSTEM_TIMERS } from "../platform/time/timers.ts";
import type { Caller } from "../session/caller.ts";
import { LostSession } from "../session/lost_session.ts";
import type { Inbound } from "./inbound.ts";
import { routeWithoutSession } from "./out/route.ts";
import type { GatewayParts } from "./parts.ts";

const NAME = "the HTTP+SSE transport of 2024-11-05";
/** Where servers of that transport have their two endpoints. */
const USUAL_PATHS = /(?:^|\/)(?:sse|messages?)\/?$/i;
/** How long an upstream may take to show itself, in ms, and in how many bytes. */
const PATIENCE_MS = 2000;
const LOOK_BYTES = 4096;

/** For a path that is not the endpoint's. */
export function pathNotFound({ options, legacyClients }: GatewayParts, { head }: Inbound): SignetError {
  if (!USUAL_PATHS.test(head.path)) {
    return new SignetError("path_not_found", { publicMessage: `Not found: the MCP endpoint is ${options.path}` });
  }
  if (legacyClients !== undefined) {
    return new SignetError("path_not_found", {
      publicMessage: `Not found: ${NAME} is served at ${legacyClients.path}, Streamable HTTP at ${options.path}`,
      remedy: `Set the client's URL to the path ${legacyClients.path}, or name another one with --legacy-sse.`,
    });
  }
  return new SignetError("path_not_found", {
    publicMessage: `Not found: ${NAME} is not served here; connect with Streamable HTTP to ${options.path}`,
    remedy: `Set the client to Streamable HTTP and its URL to the path ${options.path}, or serve it with --legacy-sse.`,
  });
}

/** For a request without an id that only comes with one: a GET for events is how that transport begins. */
export function sessionRequired({ legacyClients }: GatewayParts, { head }: Inbound): SignetError {
  const accept = combinedValue(head.fields, "accept") ?? "";
  if (head.method !== "GET" || !/\btext\/event-stream\b/i.test(accept)) return new SignetError("session_required");
  const [where, cure] = legacyClients === undefined
    ? ["not served here, use Streamable HTTP", "set it to Streamable HTTP, or serve it with --legacy-sse"]
    : [`served at ${legacyClients.path}`, `set its URL to the path ${legacyClients.path}`];
  return new SignetError("session_required", {
    publicMessage: "Bad request: Mcp-Session-Id is missing; only initialize may come without it. " +
      `If the client speaks ${NAME}: that is ${where}`,
    remedy: `If the client speaks HTTP+SSE, ${cure}.`,
  });
}

/** `error` that says no MCP server was found; the same with a name if it is one of that transport after all. */
export async function namedIfLegacy(parts: GatewayParts, error: unknown, caller: Caller): Promise<unknown> {
  if (!(error instanceof SignetError) || error.code !== "upstream_not_mcp") return error;
  if (!await speaksLegacy(parts, caller)) return error;
  return new SignetError("upstream_not_mcp", {
    publicMessage: `Bad gateway: the MCP server speaks ${NAME}, Streamable HTTP is wanted`,
    facts: { ...error.detail.facts, found: NAME },
    remedy: "Write sse+ before the URL in --upstream, or name the server's Streamable HTTP endpoint if it has one.",
  });
}

/** Whether a GET is answered with an event that names an endpoint: asked once, with nobody's credential, and let go of. */
async function speaksLegacy(parts: GatewayParts, caller: Caller): Promise<boolean> {
  const call = routeWithoutSession(parts).send({
    ...{ method: "GET", query: "", body: undefined, upstreamSessionId: undefined, session: undefined },
    fields: ["accept", "text/event-stream"],
    caller,
  });
  const looking = (async () => {
    const answer = await call.response;
    if (answer instanceof LostSession) return answer.release(), false;
    try {
      if (answer.head.status !== 200 || !isEventStream(answer.head.fields)) return false;
      let text = "";
      while (text.length < LOOK_BYTES) {
        const piece = await answer.body.read();
        if (piece === null) break;
        text += new TextDecoder().decode(ownBytes(piece));
        if (/\n\r?\n/.test(text)) break;
      }
      return /^event: ?endpoint\r?$/m.test(text);
    } finally {
      answer.release();
    }
  })().catch((fault) => {
    tellIfOwn(fault);
    return false;
  });
  if (await settlesWithin(looking, PATIENCE_MS, SYSTEM_TIMERS)) return await looking;
  call.abort();
  return false;
}
