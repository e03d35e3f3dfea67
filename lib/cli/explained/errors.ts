// Every error code of lib/errors.ts in words: a code without a row does not compile.
import type { ErrorCode } from "../../errors.ts";
import type { Row } from "./explanation.ts";

export const EXPLAINED_ERRORS: Readonly<Record<ErrorCode, Row>> = {
  parse_error: [
    "The body of a POST is no JSON, or is nested deeper than may be.",
    "See what the client sends; a proxy in between may have cut or encoded it.",
  ],
  invalid_request: [
    "The message is JSON and no JSON-RPC, or it reuses an id that is still in flight.",
    "Mend the client; the log line says what was found.",
  ],
  invalid_params: [
    "The method is known and its parameters do not fit: a tool or resource that is not there, a cursor or an id that is too long.",
    "Ask the client to list again: what it calls may have been renamed, or be denied to it.",
  ],
  carried_refused: [
    "A stateless client brought back a request's state, a task's id or a cursor that was not sealed for it: made up, another caller's, for another request or server, expired, or of a key that is gone. `kind` and `outcome` in the line say which; the client is not told.",
    "A client that goes on after ten minutes has to ask anew. If all fail since a change, give all replicas the same keys and keep old ones; a server that does all this itself needs none of it (--seal-state off).",
  ],
  batch_refused: [
    "Several messages came in one body, and the session's protocol version has no batches.",
    "Send messages one by one; only revision 2025-03-26 has batches.",
  ],
  session_required: [
    "Something other than initialize came without Mcp-Session-Id.",
    "The client has to initialize first and then send the id it was given with every request. A proxy that strips the field causes this, too. A client of HTTP+SSE begins with a GET: --legacy-sse serves it, at a path of its own.",
  ],
  protocol_version_unsupported: [
    "MCP-Protocol-Version names a revision that Signet does not know.",
    "Update Signet or the client; the log line lists the revisions that are known.",
  ],
  modern_version_unsupported: [
    "A request without a session names a revision that has none.",
    "The client should choose one of the revisions in the answer's data.",
  ],
  header_mismatch: [
    "A header repeats what the body says (Mcp-Method, Mcp-Name), and says something else.",
    "Mend the client or the proxy that writes the header: policy could be evaded if both were believed.",
  ],
  malformed_http: [
    "The request is no HTTP/1.1 as the standard wants it, so that two programs could read it differently.",
    "The log line says which rule was broken. Often it is plain text or TLS on the wrong port.",
  ],
  unauthenticated: [
    "There is no credential, or none of the configured sources (--principal) accepts it; or the MCP server refused it when a lost session was brought back, or when it was asked for the tools that a rule goes by.",
    "Compare issuer, audience and expiry of the token with --jwt-issuer and --jwt-audience; `found` and `wanted` in the log line say what differs. Of a server's refusal the line has its `status`: look into the server's own log.",
  ],
  insufficient_scope: [
    "The token is genuine and lacks a scope that is required.",
    "The challenge names the scopes: the client should ask the identity provider for them.",
  ],
  owner_mismatch: [
    "The session id is genuine and belongs to another caller: a stolen id looks like this, and so does an opaque bearer token that was refreshed.",
    "If it was no attack, use a source that knows the person behind a token, such as --principal jwt, in place of bearer.",
  ],
  caller_revoked: [
    "A call or subscription of a client without a session was under way when its caller, or everything so far, was revoked. Whether the MCP server has run the call cannot be told.",
    "Nothing: what the caller asks from then on is new, if its credential still holds. `signet revoke` says how to end what.",
  ],
  origin_refused: [
    "A web page of an origin that is not allowed has called, or one has called the operators' API.",
    "Name the origin with --allow-origin, if its pages may call.",
  ],
  host_refused: [
    "The Host of the request is none that Signet answers to: the guard against DNS rebinding.",
    "Name the host that clients use with --allow-host.",
  ],
  upstream_credential_missing: [
    "The MCP server wants a credential of Signet's own, and there is no valid one.",
    "See --credential: a refresh token may have been withdrawn, or a command may have failed. The log says so with `credential`.",
  ],
  rule_denied: [
    "The rules do not let this caller have the tool, prompt or resource that it named, or not with these arguments; `rule` says which rule, or `default` where none spoke of it. The client is told what it would be told of a name that is not there.",
    "If it should be allowed: signet check with --as CLAIMS.json and --call NAME tells why it is not, and by which rule.",
  ],
  method_denied: [
    "A rule denies the method, or no rule speaks of it and it is none of MCP's; `rule` says which.",
    "If it is to be allowed: a rule with `method:NAME` in its allow list.",
  ],
  session_not_found: [
    "The id does not open or is dead. Outside all cases look alike; `outcome` in the log line tells which one it is.",
    "Ask `signet explain OUTCOME` for the one in the log, such as `signet explain key`.",
  ],
  path_not_found: [
    "Nothing is served at the path that was asked for.",
    "Point the client at the path of --path, /mcp by default.",
  ],
  hop_refused: [
    "A request says that another replica has passed it on, and does not prove it. `reason`: stranger (it does not come from where replicas are, or --advertise is not set here), unproven (another ring, or something has changed it on the way), repeated (it came before), other_body. Or client: somebody who is none of the --workers came to the address that one of them has for the others.",
    "Give all replicas the same keys, --advertise with the address they are reached at, and --peer or --peers for their networks. Whoever is no replica must not send `signet-hop`.",
  ],
  session_elsewhere: [
    "A replica was passed a request that it cannot answer: it was meant for a process that was there before (`outcome` other_process), or the session went elsewhere (moved). Nothing was run; the replica that passed it on finds out and goes on.",
    "If there are many, see whether addresses of replicas change hands quickly, or the shared store is away.",
  ],
  method_not_allowed: [
    "The endpoint takes POST, GET, DELETE and OPTIONS, and not every one everywhere; Allow lists them.",
    "Mend the client.",
  ],
  method_not_found: [
    "A client without a session asks for a method that the MCP server, of an earlier revision, does not have, or that its own revision has not any more, such as tasks/result.",
    "Nothing, if the client goes on with a session: that is how it finds out. Else connect it with one.",
  ],
  not_acceptable: [
    "The client's Accept takes neither JSON nor events, which is all that is answered with.",
    "Have the client send Accept: application/json, text/event-stream.",
  ],
  request_timeout: [
    "The client took too long to send its head or body, or left before it had its answer.",
    "Raise --head-timeout or --body-timeout, if it is meant to be slow.",
  ],
  body_too_large: ["The body is larger than may be.", "Raise --max-body, if it is meant to be."],
  uri_too_long: ["The request's target is longer than may be.", "Mend the client: MCP has short paths."],
  media_type_unsupported: [
    "A POST came with another Content-Type than application/json, with another charset than UTF-8, or in a content coding.",
    "Mend the client.",
  ],
  principal_limit: [
    "This caller has as many sessions, calls, streams or processes as one caller may; `what` says which. Nobody else is affected.",
    "Let earlier ones end, or raise the setting that the log line names (--max-sessions-per-principal and its kin).",
  ],
  rate_limited: [
    "More was asked for in a time than --rate or the `rate` of a rule lets through; `limit` says which, `what` who shares it. A call of a tool is answered at 200 with the seconds in words, all else with 429 and Retry-After.",
    "Let the client wait, or raise the rate or its burst.",
  ],
  probe_limit: [
    "So many requests are in flight that Signet cannot find out whether a session is lost.",
    "Try again; if it stays, the MCP server is too slow for its load.",
  ],
  head_too_large: [
    "The header fields are larger than may be; big cookies and tokens do it.",
    "Raise --max-head, if they are meant to be.",
  ],
  internal: [
    "A fault of Signet's own: the log line has its stack.",
    "Report it with the line and what led to it.",
  ],
  coding_unsupported: [
    "The body has a transfer or content coding that Signet does not take.",
    "Send it plain or chunked.",
  ],
  upstream_unreachable: [
    "The MCP server refuses connections, or closed one before it had answered.",
    "Start it, correct --upstream, or see its own log. `signet doctor` tries the way step by step.",
  ],
  upstream_invalid: [
    "What answers at --upstream breaks HTTP or MCP: no valid head, no result to initialize, no answer to a request.",
    "See whether it is the MCP server; `cause` in the log line says what was found.",
  ],
  upstream_not_mcp: [
    "Something answers at --upstream, and it is no MCP endpoint: a wrong path, as a rule.",
    "Correct the path of --upstream; most servers have /mcp.",
  ],
  session_limit: [
    "There are as many sessions as may be in all (--max-sessions), none of them unused.",
    "Raise --max-sessions, or add replicas.",
  ],
  request_limit: [
    "There are as many requests as may be in flight in all, or as much memory as may be is held for slow ones.",
    "Raise --max-in-flight or --max-buffered, or see why the MCP server is slow.",
  ],
  draining: [
    "This Signet is on its way out and takes nothing new.",
    "The load balancer should have noticed by /readyz; clients may try again at once.",
  ],
  audit_unavailable: [
    "What writes the audit log takes nothing, its queue is full, and --audit-when-full wait lets nothing happen unrecorded.",
    "Make room where it is written (a full disk, a collector that is down). With --audit-when-full drop requests go on, and lines are counted.",
  ],
  identity_unavailable: [
    "Who calls cannot be told, as the identity provider (JWKS, introspection, resolver) does not answer.",
    "`signet doctor` tries it. Callers that are known already go on meanwhile.",
  ],
  upstream_timeout: [
    "The MCP server has not begun to answer in time.",
    "Raise --response-timeout, or set it to 0 for tools without an end of their own.",
  ],
  http_version_unsupported: [
    "The request speaks another HTTP than 1.1 or 1.0.",
    "HTTP/2 and HTTP/3 are the ingress's business: let it speak 1.1 to Signet.",
  ],
};
