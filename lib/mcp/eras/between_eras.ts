// Between the eras, message by message: a stateless request (MCP 2026-07-28) as a server of the sessions' era takes it,
// and that server's answer as the stateless client expects it. What the other era does not have is not translated.
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { encodeJson } from "../json/json_bytes.ts";
import { replaceSpan } from "../json/json_splice.ts";
import { findMember, rewritten, type Span } from "../json/json_text.ts";
import { exchanged, type PlacedText } from "../json/placed_text.ts";
import { toolsForModern } from "../lists/listed_tools.ts";
import { idText, type RpcId, type RpcRequest } from "../messages/json_rpc.ts";
import {
  HEADER_MISMATCH,
  INTERNAL_ERROR,
  INVALID_PARAMS,
  METHOD_NOT_FOUND,
  MISSING_CAPABILITY,
  RESOURCE_NOT_FOUND,
  URL_ELICITATION_REQUIRED,
  VERSION_UNSUPPORTED,
} from "../messages/rpc_codes.ts";
import { concerns } from "../resource_updates.ts";
import { META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_PROTOCOL_VERSION, metaOf } from "./modern.ts";
import { MODERN_REVISIONS } from "./revisions.ts";

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

export function isCommonMethod(method: string): boolean {
  return COMMON_METHODS.has(method);
}

/** The request without what marks it as stateless; all else as it was, to the digit. */
export function requestForLegacy(placed: PlacedText, { params }: RpcRequest): PlacedText {
  if (metaOf(params) === undefined) return placed;
  const { text } = placed;
  const meta = findMember(text, "_meta", findMember(text, "params"))!;
  return exchanged(placed, meta, rewritten(text, meta, { without: MODERN_META }));
}

/** What a server said of itself in its handshake. */
export interface Identity {
  readonly capabilities: JsonObject;
  readonly serverInfo: unknown;
  readonly instructions: unknown;
}

function serverIn({ serverInfo }: Identity): JsonObject {
  return isJsonObject(serverInfo) ? { [META_SERVER_INFO]: serverInfo } : {};
}

/** The members of an object, as they stand in its text. */
function membersText(object: JsonObject): string {
  return JSON.stringify(object).slice(1, -1);
}

/** A result made whole: its type (docs/protocol.md 28), its server, and that it must not be cached. */
export function resultForModern(line: Uint8Array, method: string, identity: Identity): Uint8Array {
  const listed = method === "tools/list" ? findMember(line, "tools", findMember(line, "result")) : undefined;
  const text = listed === undefined ? line : toolsForModern(line, listed);
  const span = findMember(text, "result")!;
  const meta = findMember(text, "_meta", span);
  const server = serverIn(identity);
  const without = Object.keys(server), added = [membersText(server)];
  const isObject = meta !== undefined && text[meta.start] === 0x7b;
  const whole = isObject ? decoder.decode(rewritten(text, meta, { without, added })) : `{${added}}`;
  const cacheable = COMMON_METHODS.get(method)?.cacheable === true;
  const own = { resultType: "complete", ...(cacheable ? UNCACHED : {}) };
  const members = { without: [...Object.keys(own), "_meta"], added: [membersText(own), `"_meta":${whole}`] };
  return replaceSpan(text, span, rewritten(text, span, members));
}

/** Error codes of the other era that this one does not have. */
const RENAMED_CODES: ReadonlyMap<unknown, number> = new Map([
  [RESOURCE_NOT_FOUND, INVALID_PARAMS],
  [URL_ELICITATION_REQUIRED, INTERNAL_ERROR],
]);

/** Codes that this era keeps for itself: of a server of the other one they mean something of its own (docs/protocol.md 35). */
function isReserved(code: unknown): boolean {
  return typeof code === "number" && code <= -32020 && code >= -32099;
}

export function errorForModern(line: Uint8Array, code: unknown): Uint8Array {
  const renamed = RENAMED_CODES.get(code) ?? (isReserved(code) ? INTERNAL_ERROR : undefined);
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
  if (code === METHOD_NOT_FOUND) return isCommonMethod(method) || MODERN_METHODS.has(method) ? 200 : 404;
  return code === HEADER_MISMATCH || code === MISSING_CAPABILITY || code === VERSION_UNSUPPORTED ? 400 : 200;
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
    _meta: serverIn(identity),
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
  return result === undefined ? line : stampedIn(line, result, id);
}

/** A notification with the id of the subscription that it answers, as its client wrote that. All else as it stands. */
export function stamped(line: Uint8Array, id: Uint8Array): Uint8Array {
  const params = findMember(line, "params");
  if (params !== undefined && line[params.start] === 0x7b) return stampedIn(line, params, id);
  const without = encoder.encode("{}");
  const stamp = decoder.decode(stampedIn(without, { start: 0, end: without.length }, id));
  return rewritten(line, { start: 0, end: line.length }, { without: ["params"], added: [`"params":${stamp}`] });
}

/** @param holder an object in `line` */
function stampedIn(line: Uint8Array, holder: Span, id: Uint8Array): Uint8Array {
  const meta = findMember(line, "_meta", holder);
  const stamp = `${JSON.stringify(META_SUBSCRIPTION_ID)}:${decoder.decode(id)}`;
  if (meta !== undefined && line[meta.start] === 0x7b) {
    return replaceSpan(line, meta, rewritten(line, meta, { without: [META_SUBSCRIPTION_ID], added: [stamp] }));
  }
  return replaceSpan(line, holder, rewritten(line, holder, { without: ["_meta"], added: [`"_meta":{${stamp}}`] }));
}

/** The end of a subscription that neither side has asked for. */
export function subscriptionEnded(id: RpcId): Uint8Array {
  const written = encoder.encode(idText(id));
  const text = encodeJson({ jsonrpc: "2.0", id: 0, result: { resultType: "complete" } });
  return endOfSubscription(replaceSpan(text, findMember(text, "id")!, written), written);
}
