// What a sidecar checks of a stateless request (MCP 2026-07-28) before it passes it on.
//
// The specification binds every party that reads the body, not the server alone: routing or policy by header is safe
// only if headers and body agree (Streamable HTTP, "Server Validation"; basic, "_meta"). Checked here, in this order:
// the required `_meta` members (−32602), header = body for version and method (−32020), a version we know (−32022),
// the required headers and the name (−32020). Left to the upstream, which alone can know: whether the method exists,
// params, capabilities, `Mcp-Param-*` against a tool's schema.
import { SignetError } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import type { RpcNotification, RpcRequest } from "../messages/json_rpc.ts";
import { decodeHeaderValue } from "./header_value.ts";
import { claimsModernEra, isModernRevision, MODERN_REVISIONS } from "./revisions.ts";

export const META_PROTOCOL_VERSION = "io.modelcontextprotocol/protocolVersion";
export const META_CLIENT_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
export const META_CLIENT_INFO = "io.modelcontextprotocol/clientInfo";

/** The standard request headers; undefined where absent. A repeated one is the caller's to refuse. */
export interface ModernHeaders {
  /** `MCP-Protocol-Version` */
  readonly protocolVersion: string | undefined;
  /** `Mcp-Method` */
  readonly method: string | undefined;
  /** `Mcp-Name`, as on the wire. */
  readonly name: string | undefined;
}

/** Which member of `params` `Mcp-Name` mirrors ("Standard MCP Request Headers"; the tasks extension for `tasks/*`). */
const NAME_SOURCE: ReadonlyMap<string, "name" | "uri" | "taskId"> = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
  ["tasks/get", "taskId"],
  ["tasks/update", "taskId"],
  ["tasks/cancel", "taskId"],
]);

/** The member of `params` that a request of this method is about; undefined if there is none. */
export function nameMemberOf(method: string): "name" | "uri" | "taskId" | undefined {
  return NAME_SOURCE.get(method);
}

/** `params._meta`, if it is an object. */
export function metaOf(params: JsonObject | undefined): JsonObject | undefined {
  const meta = params?._meta;
  return isJsonObject(meta) ? meta : undefined;
}

/** The required members that `meta` lacks or has with a wrong type. */
function envelopeFaults(meta: JsonObject | undefined): string[] {
  if (meta === undefined) return ["_meta"];
  const faults: string[] = [];
  if (typeof meta[META_PROTOCOL_VERSION] !== "string") faults.push(META_PROTOCOL_VERSION);
  if (!isJsonObject(meta[META_CLIENT_CAPABILITIES])) faults.push(META_CLIENT_CAPABILITIES);
  if (Object.hasOwn(meta, META_CLIENT_INFO) && !isJsonObject(meta[META_CLIENT_INFO])) faults.push(META_CLIENT_INFO);
  return faults;
}

/** Whether `params` hold a complete envelope that names a modern revision. */
export function isModernEnvelope(params: JsonObject | undefined): boolean {
  const meta = metaOf(params);
  const version = meta?.[META_PROTOCOL_VERSION];
  return typeof version === "string" && claimsModernEra(version) && envelopeFaults(meta).length === 0;
}

function mismatch(what: string): SignetError {
  return new SignetError("header_mismatch", { publicMessage: `Headers and body do not agree: ${what}` });
}

function assertEnvelope(params: JsonObject | undefined): void {
  const faults = envelopeFaults(metaOf(params));
  if (faults.length === 0) return;
  throw new SignetError("invalid_params", {
    publicMessage: `Invalid params: revision 2026-07-28 requires ${faults.join(", ")} in params._meta`,
    data: { envelope: { missing: faults } },
  });
}

/**
 * Names the versions this sidecar passes on, so that the client can choose one (error `UnsupportedProtocolVersion`).
 */
function assertVersion(version: string): void {
  if (isModernRevision(version)) return;
  throw new SignetError("modern_version_unsupported", {
    data: { supported: [...MODERN_REVISIONS], requested: version },
  });
}

function assertName(request: RpcRequest, header: string | undefined): void {
  const source = NAME_SOURCE.get(request.method);
  if (source === undefined) return;
  const value = request.params?.[source];
  const named = typeof value === "string" ? value : undefined;
  if (header === undefined) {
    if (named === undefined) return; // no name to mirror: the upstream answers for the params
    throw mismatch(`Mcp-Name is missing, the body has params.${source}`);
  }
  const decoded = decodeHeaderValue(header);
  if (decoded === undefined) throw mismatch("Mcp-Name is not canonical base64 of UTF-8");
  if (named !== undefined && decoded !== named) throw mismatch(`Mcp-Name is not params.${source}`);
}

function assertRequest(request: RpcRequest, headers: ModernHeaders): void {
  assertEnvelope(request.params);
  const version = metaOf(request.params)![META_PROTOCOL_VERSION] as string;
  if (headers.protocolVersion !== undefined && headers.protocolVersion !== version) {
    throw mismatch("MCP-Protocol-Version is not the version in _meta");
  }
  if (headers.method !== undefined && headers.method !== request.method) throw mismatch("Mcp-Method is not the method");
  assertVersion(version);
  if (headers.protocolVersion === undefined) throw mismatch("MCP-Protocol-Version is missing");
  if (headers.method === undefined) throw mismatch("Mcp-Method is missing");
  assertName(request, headers.name);
}

/** A notification needs no envelope and no headers, but what it has must agree. */
function assertNotification(notification: RpcNotification, headers: ModernHeaders): void {
  const claimed = metaOf(notification.params)?.[META_PROTOCOL_VERSION];
  if (claimed !== undefined && typeof claimed !== "string") {
    throw new SignetError("invalid_params", {
      publicMessage: `Invalid params: ${META_PROTOCOL_VERSION} must be text`,
    });
  }
  if (claimed !== undefined && headers.protocolVersion !== undefined && headers.protocolVersion !== claimed) {
    throw mismatch("MCP-Protocol-Version is not the version in _meta");
  }
  if (headers.method !== undefined && headers.method !== notification.method) {
    throw mismatch("Mcp-Method is not the method");
  }
  const version = claimed ?? headers.protocolVersion;
  if (version !== undefined) assertVersion(version);
}

/**
 * Checks a stateless message against its headers (docs/protocol.md 23, 25).
 * @throws SignetError `invalid_params`, `header_mismatch` or `modern_version_unsupported`
 */
export function assertModern(message: RpcRequest | RpcNotification, headers: ModernHeaders): void {
  if (message.kind === "request") assertRequest(message, headers);
  else assertNotification(message, headers);
}
