// Names out of OpenTelemetry's semantic conventions for MCP (open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md
// at 4172e394, all `mcp.*` in development) and those it refers to (semantic-conventions v1.41.1). Own names begin with
// `signet.`. `tests/unit/telemetry/mcp_conventions_test.ts` compares what is sent with the published tables.
import { withoutUserInfo } from "../observe/redact.ts";

export const ATTRIBUTES = {
  method: "mcp.method.name",
  protocolVersion: "mcp.protocol.version",
  resourceUri: "mcp.resource.uri",
  /** Only of revisions that have sessions. Signet gives the hash that its log uses: the id itself opens the session. */
  sessionId: "mcp.session.id",
  requestId: "jsonrpc.request.id",
  rpcStatus: "rpc.response.status_code",
  errorType: "error.type",
  operation: "gen_ai.operation.name",
  tool: "gen_ai.tool.name",
  prompt: "gen_ai.prompt.name",
  transport: "network.transport",
  protocolName: "network.protocol.name",
  protocolNumber: "network.protocol.version",
  clientAddress: "client.address",
  serverAddress: "server.address",
  serverPort: "server.port",
  httpStatus: "http.response.status_code",
  httpMethod: "http.request.method",
  lane: "signet.lane",
  upstream: "signet.upstream",
  member: "signet.member",
  refusal: "signet.refusal",
  errorId: "signet.error.id",
} as const;

export const SERVER_DURATION = "mcp.server.operation.duration";
export const CLIENT_DURATION = "mcp.client.operation.duration";

/** Seconds, as the conventions want them. */
export const CONVENTION_BOUNDS: readonly number[] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** `error.type` of a tool's result that says it is an error. */
const TOOL_ERROR = "tool_error";

/** Requests whose `uri` is a resource's. */
const ABOUT_RESOURCES: ReadonlySet<string> = new Set([
  ...["resources/read", "resources/subscribe", "resources/unsubscribe", "notifications/resources/updated"],
]);

/** Whoever may read an address with a signature in its query may read what it names; some give one as a fragment. */
const QUERY = /^([^?#]*)(?:\?([^#]*))?(?:#.*)?$/s;
/** A client chooses how long its ids are. */
const MAX_ID = 256;

/** What a message is about, as spans tell it. */
export interface Operation {
  readonly method: string | undefined;
  /** Of the tool or prompt. */
  readonly name: string | undefined;
  readonly uri: string | undefined;
  readonly rpcId: string | number | bigint | null;
}

export type Attribute = readonly [key: string, value: string | number];

/** `{method} {tool or prompt}`; a URI is no part of it, of which there are too many. */
export function spanName({ method, name }: Operation, fallback: string): string {
  if (method === undefined) return fallback;
  return name !== undefined && (method === "tools/call" || method === "prompts/get") ? `${method} ${name}` : method;
}

/** What both sides of a message say of it. */
export function operationAttributes({ method, name, uri, rpcId }: Operation): Attribute[] {
  const attributes: Attribute[] = [];
  if (method === undefined) return attributes;
  attributes.push([ATTRIBUTES.method, method]);
  if (method === "tools/call") {
    attributes.push([ATTRIBUTES.operation, "execute_tool"]);
    if (name !== undefined) attributes.push([ATTRIBUTES.tool, name]);
  } else if (method === "prompts/get" && name !== undefined) attributes.push([ATTRIBUTES.prompt, name]);
  if (uri !== undefined && ABOUT_RESOURCES.has(method)) {
    attributes.push([ATTRIBUTES.resourceUri, withoutSecrets(uri)]);
  }
  if (rpcId !== null) attributes.push([ATTRIBUTES.requestId, String(rpcId).slice(0, MAX_ID)]);
  return attributes;
}

/** An address without user info, fragment and the values in its query (semantic conventions, `url.full`). */
function withoutSecrets(uri: string): string {
  const [, address = "", query] = QUERY.exec(withoutUserInfo(uri)) ?? [];
  return query === undefined ? address : `${address}?${query.split("&").map(redacted).join("&")}`;
}

function redacted(parameter: string): string {
  return `${parameter.slice(0, parameter.indexOf("=") + 1)}REDACTED`;
}

/** How an operation ended. */
export interface Ending {
  readonly rpcCode: number | undefined;
  readonly isError: boolean | undefined;
  /** Of HTTP; 0 where no answer was begun. */
  readonly status: number;
  /** What cut it, if something did. */
  readonly cutBy: string | undefined;
}

/** The class of the error that it ended with; undefined if with none. */
export function errorTypeOf({ rpcCode, isError, status, cutBy }: Ending): string | undefined {
  if (rpcCode !== undefined) return String(rpcCode);
  if (isError === true) return TOOL_ERROR;
  if (status >= 400) return String(status);
  if (status === 0) return cutBy ?? "_OTHER";
  return undefined;
}
