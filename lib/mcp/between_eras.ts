// Between the eras, message by message: a stateless request (MCP 2026-07-28) as a server of the sessions' era takes it,
// and that server's answer as the stateless client expects it. What the other era does not have is not translated.
import { parseJson } from "../platform/json.ts";
import { idText, isJsonObject, type JsonObject, type RpcId, type RpcRequest } from "./json_rpc.ts";
import { META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_PROTOCOL_VERSION, metaOf } from "./modern.ts";
import { MODERN_REVISIONS } from "./revisions.ts";
import { replaceSpan } from "./json_splice.ts";
import { findMember, membersOf, rewritten, type Span } from "./json_text.ts";
import { concerns } from "./resource_updates.ts";

export const META_SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";
export const META_LOG_LEVEL = "io.modelcontextprotocol/logLevel";
export const META_SERVER_INFO = "io.modelcontextprotocol/serverInfo";

/** Members of `_meta` that a server of the other era has no use for. */
const MODERN_META: readonly string[] = [
  META_PROTOCOL_VERSION,
  META_CLIENT_INFO,
  META_CLIENT_CAPABILITIES,
  META_LOG_LEVEL,
];

/** Methods both eras have, and whether their results say how long they may be cached (docs/protocol.md 29). */
const COMMON_METHODS: ReadonlyMap<string, { readonly cacheable: boolean }> = new Map([
  ["tools/list", { cacheable: true }],
  ["tools/call", { cacheable: false }],
  ["prompts/list", { cacheable: true }],
  ["prompts/get", { cacheable: false }],
  ["resources/list", { cacheable: true }],
  ["resources/templates/list", { cacheable: true }],
  ["resources/read", { cacheable: true }],
  ["completion/complete", { cacheable: false }],
]);

/** Nothing is known of how long a list of the other era holds, or for whom: not at all, and for its caller only. */
const UNCACHED = { ttlMs: 0, cacheScope: "private" } as const;

/** Capabilities that a client of the modern era can use through the translation. */
const COMMON_CAPABILITIES = ["tools", "prompts", "resources", "completions"] as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function textOf(line: Uint8Array, { start, end }: Span): string {
  return decoder.decode(line.subarray(start, end));
}

export function encodeJson(value: unknown): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(value));
}

export function isCommonMethod(method: string): boolean {
  return COMMON_METHODS.has(method);
}

/** The request without what marks it as stateless; all else as it was, to the digit. */
export function requestForLegacy(text: Uint8Array, { params }: RpcRequest): Uint8Array {
  if (metaOf(params) === undefined) return text;
  const meta = findMember(text, "_meta", findMember(text, "params"))!;
  return replaceSpan(text, meta, rewritten(text, meta, { without: MODERN_META }));
}

/** What a server said of itself in its handshake. */
export interface Identity {
  readonly capabilities: JsonObject;
  readonly serverInfo: unknown;
  readonly instructions: unknown;
}

function metaWith(meta: unknown, { serverInfo }: Identity): JsonObject {
  return {
    ...(isJsonObject(meta) ? meta : {}),
    ...(isJsonObject(serverInfo) ? { [META_SERVER_INFO]: serverInfo } : {}),
  };
}

/** A result made whole: its type (docs/protocol.md 28), its server, and that it must not be cached. */
export function resultForModern(line: Uint8Array, method: string, identity: Identity): Uint8Array {
  const span = findMember(line, "result")!;
  const members = membersOf(line, span);
  const meta = members.findLast(({ name }) => name === "_meta");
  const before = meta === undefined ? undefined : parseJson(textOf(line, meta.value));
  const cacheable = COMMON_METHODS.get(method)?.cacheable === true;
  const added = { resultType: "complete", ...(cacheable ? UNCACHED : {}), _meta: metaWith(before, identity) };
  const kept = members.filter(({ name }) => !Object.hasOwn(added, name)).map(({ name, whole, value }) =>
    name === "tools" && method === "tools/list" ? `"tools":${toolsForModern(textOf(line, value))}` : textOf(line, whole)
  );
  const result = `{${[...kept, JSON.stringify(added).slice(1, -1)].join(",")}}`;
  return replaceSpan(line, span, encoder.encode(result));
}

/**
 * Tools without what would promise a stateless client more than a server of the other era keeps: that headers which repeat
 * arguments are looked at, and tasks of that era.
 */
function toolsForModern(text: string): string {
  if (!text.includes("x-mcp-header") && !text.includes('"execution"')) return text;
  const tools: unknown = parseJson(text);
  if (!Array.isArray(tools)) return text;
  return JSON.stringify(tools.map((tool) => {
    if (!isJsonObject(tool)) return tool;
    const { execution: _, ...rest } = tool;
    return isJsonObject(tool.inputSchema) ? { ...rest, inputSchema: withoutHeaders(tool.inputSchema) } : rest;
  }));
}

function withoutHeaders({ "x-mcp-header": _, ...schema }: JsonObject): JsonObject {
  const { properties } = schema;
  if (!isJsonObject(properties)) return schema;
  const plain = Object.entries(properties).map((
    [name, property],
  ) => [name, isJsonObject(property) ? withoutHeaders(property) : property]);
  return { ...schema, properties: Object.fromEntries(plain) };
}

/** Error codes of the other era that this one does not have. */
const RENAMED_CODES: ReadonlyMap<unknown, number> = new Map([[-32002, -32602], [-32042, -32603]]);

/** Codes that this era keeps for itself: of a server of the other one they mean something of its own (docs/protocol.md 35). */
function isReserved(code: unknown): boolean {
  return typeof code === "number" && code <= -32020 && code >= -32099;
}

export function errorForModern(line: Uint8Array, code: unknown): Uint8Array {
  const renamed = RENAMED_CODES.get(code) ?? (isReserved(code) ? -32603 : undefined);
  if (renamed === undefined) return line;
  return replaceSpan(line, findMember(line, "code", findMember(line, "error"))!, encodeJson(renamed));
}

/** Methods of the revision beside those that both eras have. */
const MODERN_METHODS: ReadonlySet<string> = new Set([
  ...["server/discover", "subscriptions/listen", "tasks/get", "tasks/update", "tasks/cancel"],
]);

/**
 * The HTTP status that a stateless server's answer goes out with (docs/protocol.md 25). 404 is for a method that nobody
 * knows: clients see no code behind it, and of one that exists the error may be a tool's own.
 */
export function statusOfAnswer(method: string, { error }: JsonObject): number {
  const code = isJsonObject(error) ? error.code : undefined;
  if (code === -32601) return isCommonMethod(method) || MODERN_METHODS.has(method) ? 200 : 404;
  return code === -32020 || code === -32021 || code === -32022 ? 400 : 200;
}

/** What a client said of itself, as an initialize says it. */
export interface ClientSelf {
  readonly clientInfo: JsonObject;
  readonly capabilities: JsonObject;
}

/** Capabilities that mean nothing to a server of the other era, or promise what this one's clients never send. */
const WITHOUT_COUNTERPART: ReadonlySet<string> = new Set(["extensions", "tasks"]);

/** The client behind a stateless request, to a server of the sessions' era (docs/behaviour.md S3). */
export function clientForLegacy(params: JsonObject | undefined, otherwise: JsonObject): ClientSelf {
  const meta = metaOf(params);
  const { [META_CLIENT_INFO]: info, [META_CLIENT_CAPABILITIES]: said } = meta ?? {};
  const entries = Object.entries(isJsonObject(said) ? said : {}).filter(([name]) => !WITHOUT_COUNTERPART.has(name));
  const capabilities = Object.fromEntries(entries.map(([name, value]) => [name, capabilityForLegacy(name, value)]));
  return { clientInfo: isJsonObject(info) ? info : otherwise, capabilities };
}

function capabilityForLegacy(name: string, value: unknown): unknown {
  if (!isJsonObject(value)) return value;
  // What was once all there is has become one of two.
  if (name === "elicitation" && Object.keys(value).length === 0) return { form: {} };
  if (name !== "roots") return value;
  const { listChanged: _, ...rest } = value;
  return rest;
}

/** The answer to `server/discover` for a server that has none of its own. */
export function discoverResult(identity: Identity): JsonObject {
  const { capabilities, instructions } = identity;
  const common = COMMON_CAPABILITIES.filter((name) => isJsonObject(capabilities[name]));
  return {
    resultType: "complete",
    ...UNCACHED,
    supportedVersions: [...MODERN_REVISIONS],
    capabilities: Object.fromEntries(common.map((name) => [name, capabilities[name]])),
    ...(typeof instructions === "string" ? { instructions } : {}),
    _meta: metaWith(undefined, identity),
  };
}

/** What a client wants to hear of (`subscriptions/listen`). */
export interface Filter {
  readonly toolsListChanged?: true;
  readonly promptsListChanged?: true;
  readonly resourcesListChanged?: true;
  readonly resourceSubscriptions?: readonly string[];
}

const LIST_FILTERS = {
  toolsListChanged: "tools",
  promptsListChanged: "prompts",
  resourcesListChanged: "resources",
} as const;

/** Of what is wanted, what the server can tell (docs/protocol.md 31); undefined if it is no filter. */
export function honoredFilter(params: JsonObject | undefined, { capabilities }: Identity): Filter | undefined {
  const wanted = params?.notifications;
  if (!isJsonObject(wanted)) return undefined;
  const honored: Record<string, unknown> = {};
  for (const [member, capability] of Object.entries(LIST_FILTERS)) {
    const has = capabilities[capability];
    if (wanted[member] === true && isJsonObject(has) && has.listChanged === true) honored[member] = true;
  }
  const uris = wanted.resourceSubscriptions;
  if (uris !== undefined && !(Array.isArray(uris) && uris.every((uri) => typeof uri === "string"))) return undefined;
  const { resources } = capabilities;
  if (uris !== undefined && isJsonObject(resources) && resources.subscribe === true) {
    honored.resourceSubscriptions = uris;
  }
  return honored;
}

/** Whether a server's notification is one that a filter asks for. */
export function filterAccepts(filter: Filter, { method, params }: JsonObject): boolean {
  switch (method) {
    case "notifications/tools/list_changed":
      return filter.toolsListChanged === true;
    case "notifications/prompts/list_changed":
      return filter.promptsListChanged === true;
    case "notifications/resources/list_changed":
      return filter.resourcesListChanged === true;
    case "notifications/resources/updated":
      return isUpdateFor(filter.resourceSubscriptions ?? [], params);
    default:
      return false;
  }
}

function isUpdateFor(subscribed: readonly string[], params: unknown): boolean {
  const uri = isJsonObject(params) ? params.uri : undefined;
  return typeof uri === "string" && subscribed.some((one) => concerns(uri, one));
}

/** The end of a subscription as its server said it, with the client's id for it, which is required (docs/protocol.md 32). */
export function endOfSubscription(line: Uint8Array, id: Uint8Array): Uint8Array {
  const result = findMember(line, "result");
  if (result === undefined) return line;
  const meta = findMember(line, "_meta", result);
  const isObject = meta !== undefined && line[meta.start] === 0x7b;
  const given = isObject ? findMember(line, META_SUBSCRIPTION_ID, meta) : undefined;
  if (given !== undefined) return replaceSpan(line, given, id);
  const member = `${JSON.stringify(META_SUBSCRIPTION_ID)}:${decoder.decode(id)}`;
  if (isObject) return withMember(line, meta, member);
  return meta === undefined
    ? withMember(line, result, `"_meta":{${member}}`)
    : replaceSpan(line, meta, encoder.encode(`{${member}}`));
}

/** The end of a subscription that neither side has asked for. */
export function subscriptionEnded(id: RpcId): Uint8Array {
  const written = encoder.encode(idText(id));
  const text = encodeJson({ jsonrpc: "2.0", id: 0, result: { resultType: "complete" } });
  return endOfSubscription(replaceSpan(text, findMember(text, "id")!, written), written);
}

/** The object with one member more, in front. */
function withMember(line: Uint8Array, object: Span, member: string): Uint8Array {
  const comma = membersOf(line, object).length === 0 ? "" : ",";
  const at = object.start + 1;
  return replaceSpan(line, { start: at, end: at }, encoder.encode(member + comma));
}

/** A notification with the id of the subscription that it answers. */
export function stamped(method: unknown, params: unknown, subscriptionId: RpcId): Uint8Array {
  const given = isJsonObject(params) ? params : {};
  const meta = { ...(isJsonObject(given._meta) ? given._meta : {}), [META_SUBSCRIPTION_ID]: null };
  const text = encodeJson({ jsonrpc: "2.0", method, params: { ...given, _meta: meta } });
  const span = findMember(text, META_SUBSCRIPTION_ID, findMember(text, "_meta", findMember(text, "params")))!;
  return replaceSpan(text, span, encoder.encode(idText(subscriptionId)));
}
