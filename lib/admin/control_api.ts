// The operators' API on the admin listener: session tokens, live sessions, revocation; JSON both ways (T1–T3, L6).
//   POST /tokens            {"agent", "ttlMs"}                          → 201 {"token", "sid", "agent", "expiresAtS"}
//   GET  /tokens            ?agent= &after=SID &limit=                  → {"tokens": […], "more"}
//   POST /tokens/verify     {"token", "agent"?}                         → {"ok": true, "token": {…}} | {"ok": false, "step"}
//   POST /tokens/revoke     {"sid"} | {"token"} | {"agent"}             → {"revoked": count}
//   GET  /sessions          ?limit= &offset= &find=                     → {"sessions": […], "total", "more"}
//   POST /sessions/revoke   {"kind": "session", "id"} | {"kind": "hash", "hash"} | {"kind": "before", "beforeMs"}
//        | {"kind": "principal", "issuer", "subject", "clientId"?, "beforeMs"?} | {"kind": "owner_of", "hash"}
//        | {"kind": "all"}                                                                           → {"ended": count}
// Errors: {"error": {"code", "message", "remedy"?}}. Who may ask: access.ts.
import { SignetError } from "../errors.ts";
import { type Access, type AccessOptions, guard } from "./access.ts";
import type { AdminRoute } from "./admin.ts";
import { json, refusal } from "./answers.ts";
import type { Control, RevocationRequest } from "./control.ts";
import { type Members, queryMembers, readMembers } from "./control_input.ts";

/** Most entries of one answer, and how many there are unless asked otherwise. */
const MAX_TOKENS = 1_000;
const MAX_SESSIONS = 10_000;

interface Answer {
  readonly status?: number;
  readonly body: unknown;
}

interface Endpoint {
  readonly get?: (control: Control, query: Members, access: Access) => Promise<Answer>;
  readonly post?: (control: Control, body: Members) => Promise<Answer>;
}

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  "/tokens": { get: listTokens, post: issueToken },
  "/tokens/verify": { post: verifyToken },
  "/tokens/revoke": { post: revokeTokens },
  "/sessions": { get: listSessions },
  "/sessions/revoke": { post: revokeSessions },
};

/** Path → handler, for `serveAdmin`. */
export function controlRoutes(control: Control, options: AccessOptions): ReadonlyMap<string, AdminRoute> {
  return new Map(
    Object.entries(ENDPOINTS).map((
      [path, endpoint],
    ) => [path, (request) => answer(request, endpoint, control, options)]),
  );
}

async function answer(
  request: Request,
  endpoint: Endpoint,
  control: Control,
  options: AccessOptions,
): Promise<Response> {
  try {
    const access = guard(request, options);
    const { status, body } = await perform(request, { endpoint, control, access });
    return json(status ?? 200, body);
  } catch (error) {
    return refusal(error);
  }
}

interface Asked {
  readonly endpoint: Endpoint;
  readonly control: Control;
  readonly access: Access;
}

async function perform(request: Request, { endpoint, control, access }: Asked): Promise<Answer> {
  if (request.method === "GET" && endpoint.get) {
    return await endpoint.get(control, queryMembers(new URL(request.url), ["limit", "offset"]), access);
  }
  if (request.method === "POST" && endpoint.post) return await endpoint.post(control, await readMembers(request));
  const allow = [...(endpoint.get ? ["GET"] : []), ...(endpoint.post ? ["POST"] : [])].join(", ");
  throw new SignetError("method_not_allowed", { allow });
}

async function issueToken(control: Control, body: Members): Promise<Answer> {
  const request = { agent: body.text("agent"), ttlMs: body.integer("ttlMs") };
  body.end();
  return { status: 201, body: await control.issueToken(request) };
}

async function listTokens(control: Control, query: Members): Promise<Answer> {
  const agent = query.optionalText("agent");
  const afterSid = query.optionalText("after");
  const limit = limitOf(query, MAX_TOKENS);
  query.end();
  const found = await control.listTokens({
    ...(agent === undefined ? {} : { agent }),
    ...(afterSid === undefined ? {} : { afterSid }),
    limit: limit + 1,
  });
  return { body: { tokens: found.slice(0, limit), more: found.length > limit } };
}

async function verifyToken(control: Control, body: Members): Promise<Answer> {
  const token = body.text("token");
  const agent = body.optionalText("agent");
  body.end();
  return { body: await control.verifyToken(agent === undefined ? { token } : { token, agent }) };
}

async function revokeTokens(control: Control, body: Members): Promise<Answer> {
  if (body.has("agent")) {
    const agent = body.text("agent");
    body.end();
    return { body: { revoked: await control.revokeAgent(agent) } };
  }
  const request = body.has("token") ? { token: body.text("token") } : { sid: body.text("sid") };
  body.end();
  return { body: { revoked: await control.revokeToken(request) ? 1 : 0 } };
}

/** Names of callers are told to whoever has shown the token, and to nobody else. */
async function listSessions(control: Control, query: Members, access: Access): Promise<Answer> {
  const limit = limitOf(query, MAX_SESSIONS);
  const offset = query.optionalInteger("offset") ?? 0;
  const text = query.optionalText("find");
  query.end();
  const names = access === "operator";
  const page = await control.listSessions({ limit, offset, names, ...(text === undefined ? {} : { find: text }) });
  return { body: { ...page, more: offset + page.sessions.length < page.total } };
}

async function revokeSessions(control: Control, body: Members): Promise<Answer> {
  const request = readRevocation(body);
  body.end();
  return { body: await control.revoke(request) };
}

function readRevocation(body: Members): RevocationRequest {
  const kind = body.text("kind");
  switch (kind) {
    case "session":
      return { kind, id: body.text("id") };
    case "hash":
      return { kind, hash: body.text("hash") };
    case "owner_of":
      return { kind, hash: body.text("hash") };
    case "principal": {
      const clientId = body.optionalText("clientId");
      const beforeMs = body.optionalInteger("beforeMs");
      return {
        ...{ kind, issuer: body.text("issuer"), subject: body.text("subject") },
        ...(clientId === undefined ? {} : { clientId }),
        ...(beforeMs === undefined ? {} : { beforeMs }),
      };
    }
    case "before":
      return { kind, beforeMs: body.integer("beforeMs") };
    case "all":
      return { kind };
    default:
      throw new SignetError("invalid_request", {
        publicMessage: "The kind of revocation is not known",
        remedy: "There are session, hash, principal, owner_of, before and all.",
      });
  }
}

function limitOf(query: Members, max: number): number {
  const limit = query.optionalInteger("limit") ?? max;
  if (limit >= 1 && limit <= max) return limit;
  throw new SignetError("invalid_request", {
    publicMessage: "The limit is out of bounds",
    remedy: `Write a limit from 1 to ${max}.`,
  });
}
