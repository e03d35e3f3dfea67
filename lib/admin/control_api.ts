// The operators' API on the admin listener: session tokens, live sessions, revocation; JSON both ways (T1–T3, L6).
//   POST /tokens            {"agent", "ttlMs"}                          → 201 {"token", "sid", "agent", "expiresAtS"}
//   GET  /tokens            ?agent= &after=SID &limit=                  → {"tokens": […], "more"}
//   POST /tokens/verify     {"token", "agent"?}                         → {"ok": true, "token": {…}} | {"ok": false, "step"}
//   POST /tokens/revoke     {"sid"} | {"token"} | {"agent"}             → {"revoked": count}
//   GET  /sessions          ?limit=                                     → {"sessions": […], "more"}
//   POST /sessions/revoke   {"kind": "session", "id"} | {"kind": "hash", "hash"} | {"kind": "before", "beforeMs"}
//        | {"kind": "principal", "issuer", "subject", "clientId"?, "beforeMs"?} | {"kind": "all"}  → {"ended": count}
// Errors: {"error": {"code", "message", "remedy"?}}. Closed to web pages, and beyond loopback to all without the token.
import { SignetError } from "../errors.ts";
import { StoreError } from "../store/store.ts";
import type { AdminRoute } from "./admin.ts";
import type { AdminToken } from "./admin_token.ts";
import type { Control, RevocationRequest } from "./control.ts";
import { type Members, queryMembers, readMembers } from "./control_input.ts";

export interface ControlApiOptions {
  /** What every request must show; undefined where none is configured. */
  readonly token: AdminToken | undefined;
  /** Whether the listener can be reached from this machine only. */
  readonly loopback: boolean;
}

/** Most entries of one answer, and how many there are unless asked otherwise. Sessions have no pages. */
const MAX_TOKENS = 1_000;
const MAX_SESSIONS = 10_000;

interface Answer {
  readonly status?: number;
  readonly body: unknown;
}

interface Endpoint {
  readonly get?: (control: Control, query: Members) => Promise<Answer>;
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
export function controlRoutes(control: Control, options: ControlApiOptions): ReadonlyMap<string, AdminRoute> {
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
  options: ControlApiOptions,
): Promise<Response> {
  try {
    guard(request, options);
    const { status, body } = await perform(request, endpoint, control);
    return json(status ?? 200, body);
  } catch (error) {
    return refusal(error);
  }
}

/** @throws SignetError `origin_refused`, `unauthenticated` */
export function guard({ headers }: Request, { token, loopback }: ControlApiOptions): void {
  // No page has business here, wherever it comes from: browsers say one of the two on whatever a page can send.
  const site = headers.get("sec-fetch-site") ?? "none";
  if (headers.has("origin") || site !== "none") {
    throw new SignetError("origin_refused", { publicMessage: "Forbidden: web pages have no access to this API" });
  }
  if (token === undefined) {
    if (loopback) return;
    throw new SignetError("origin_refused", {
      publicMessage: "Forbidden: beyond loopback this API wants a token, and none is configured",
      remedy: "Start Signet with --admin-token-file, or bind --admin to loopback.",
    });
  }
  if (token.matches(headers.get("authorization"))) return;
  throw new SignetError("unauthenticated", {
    publicMessage: "Unauthorized: this API wants the admin token",
    challenge: "Bearer",
    remedy: "Give --admin-token-file with the token the Signet was started with.",
  });
}

async function perform(request: Request, endpoint: Endpoint, control: Control): Promise<Answer> {
  if (request.method === "GET" && endpoint.get) {
    return await endpoint.get(control, queryMembers(new URL(request.url), ["limit"]));
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

async function listSessions(control: Control, query: Members): Promise<Answer> {
  const limit = limitOf(query, MAX_SESSIONS);
  query.end();
  const found = await control.listSessions({ limit: limit + 1 });
  return { body: { sessions: found.slice(0, limit), more: found.length > limit } };
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
        remedy: "There are session, hash, principal, before and all.",
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

/** What was thrown, as an answer. */
export function refusal(error: unknown): Response {
  if (error instanceof SignetError) {
    const { code, message, kind: { status }, detail: { remedy, challenge, allow, retryAfterS } } = error;
    return json(status, { error: { code, message, remedy } }, {
      ...(challenge === undefined ? {} : { "www-authenticate": challenge }),
      ...(allow === undefined ? {} : { allow }),
      ...(retryAfterS === undefined ? {} : { "retry-after": `${retryAfterS}` }),
    });
  }
  // Its message says what happened and what to do, and holds no id.
  if (error instanceof StoreError) return json(503, { error: { code: `store_${error.code}`, message: error.message } });
  throw error;
}

export function json(status: number, body: unknown, fields: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(body) + "\n", {
    status,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...fields,
    },
  });
}
