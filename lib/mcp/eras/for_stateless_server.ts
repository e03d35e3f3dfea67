// Between the eras, the other way: a request of a session as a stateless server takes it (MCP 2026-07-28), and that
// server's answer as the session's client expects it. What a client has written crosses to the digit.
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { encodeJson } from "../json/json_bytes.ts";
import { replaceSpan } from "../json/json_splice.ts";
import { findMember, type Member, membersOf, rewritten, type Span, textAt } from "../json/json_text.ts";
import { toolsForLegacy } from "../lists/listed_tools.ts";
import {
  type ClientSelf,
  isCommonMethod,
  META_LOG_LEVEL,
  META_SERVER_INFO,
  META_SUBSCRIPTION_ID,
} from "./between_eras.ts";
import { META_CLIENT_CAPABILITIES, META_CLIENT_INFO, META_PROTOCOL_VERSION } from "./modern.ts";
import { isLegacyRevision, isModernRevision, LEGACY_REVISIONS, MODERN_REVISIONS } from "./revisions.ts";

const OPEN_OBJECT = 0x7b;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What each request to a stateless server says of its client. */
export function envelopeOf({ clientInfo, capabilities }: ClientSelf, logLevel?: string): JsonObject {
  return {
    [META_PROTOCOL_VERSION]: MODERN_REVISIONS.at(-1)!,
    [META_CLIENT_INFO]: clientInfo,
    [META_CLIENT_CAPABILITIES]: capabilities,
    ...(logLevel === undefined ? {} : { [META_LOG_LEVEL]: logLevel }),
  };
}

/** Capabilities of a session's client that a stateless server has no use for. */
const WITHOUT_COUNTERPART: ReadonlySet<string> = new Set(["tasks", "extensions"]);

export function clientForModern({ clientInfo, capabilities }: ClientSelf): ClientSelf {
  const entries = Object.entries(capabilities).filter(([name]) => !WITHOUT_COUNTERPART.has(name));
  return {
    clientInfo,
    capabilities: Object.fromEntries(
      entries.map((
        [name, value],
      ) => [name, name === "roots" && isJsonObject(value) ? withoutListChanged(value) : value]),
    ),
  };
}

function withoutListChanged({ listChanged: _, ...rest }: JsonObject): JsonObject {
  return rest;
}

/** What a stateless server asked for, and what came of it: JSON texts. */
export interface Answers {
  /** By the server's key: the bare result. */
  readonly responses: readonly (readonly [key: string, result: Uint8Array])[];
  /** Of the server, as it wrote it; undefined if it gave none. */
  readonly state: Uint8Array | undefined;
}

/** Members of `params` that only Signet may give a stateless server in a session's name. */
const ANSWERS: readonly string[] = ["inputResponses", "requestState"];
const ENVELOPE: readonly string[] = [
  ...[META_PROTOCOL_VERSION, META_CLIENT_INFO, META_CLIENT_CAPABILITIES, META_LOG_LEVEL, META_SUBSCRIPTION_ID],
];

/** The request with its envelope, and, if it is made again, with the answers that its server wanted. */
export function requestForModern(text: Uint8Array, envelope: JsonObject, answers?: Answers): Uint8Array {
  const params = findMember(text, "params");
  const isObject = params !== undefined && text[params.start] === OPEN_OBJECT;
  const meta = isObject ? findMember(text, "_meta", params) : undefined;
  const added = [`"_meta":${metaWith(text, meta, envelope)}`, ...(answers ? answersIn(answers) : [])];
  if (isObject) return replaceSpan(text, params, rewritten(text, params, { without: ["_meta", ...ANSWERS], added }));
  const object = encoder.encode(`{${added.join(",")}}`);
  if (params !== undefined) return replaceSpan(text, params, object);
  const end = text.lastIndexOf(0x7d);
  return replaceSpan(text, { start: end, end }, encoder.encode(`,"params":${decoder.decode(object)}`));
}

function written(text: Uint8Array): (member: Member) => string {
  return ({ whole }) => textAt(text, whole);
}

function metaWith(text: Uint8Array, meta: Span | undefined, envelope: JsonObject): string {
  if (meta === undefined || text[meta.start] !== OPEN_OBJECT) return JSON.stringify(envelope);
  const added = [JSON.stringify(envelope).slice(1, -1)];
  return decoder.decode(rewritten(text, meta, { without: ENVELOPE, added }));
}

function answersIn({ responses, state }: Answers): string[] {
  const results = responses.map(([key, result]) => `${JSON.stringify(key)}:${decoder.decode(result)}`);
  const parts = results.length === 0 ? [] : [`"inputResponses":{${results.join(",")}}`];
  return state === undefined ? parts : [...parts, `"requestState":${decoder.decode(state)}`];
}

/** A member that all results have in this revision alone. */
const TYPE: ReadonlySet<string> = new Set(["resultType"]);
/** Those that results of the methods have which both eras know; of any other method they are its own. */
const OF_THIS_ERA: ReadonlySet<string> = new Set([
  ...TYPE,
  ...["ttlMs", "cacheScope", "inputRequests", "requestState"],
]);

/** A stateless server's answer for a session's client. */
export function answerForLegacy(answer: Uint8Array, method: string): Uint8Array {
  const line = method === "tools/list" ? withToolsForLegacy(answer) : answer;
  const result = findMember(line, "result");
  if (result === undefined || line[result.start] !== OPEN_OBJECT) return line;
  const leftOut = isCommonMethod(method) ? OF_THIS_ERA : TYPE;
  const parts = membersOf(line, result).filter(({ name }) => !leftOut.has(name)).flatMap((member) => {
    const { name, value } = member;
    if (name === "_meta") return metaForLegacy(line, value);
    if (method === "tools/call" && name === "structuredContent" && line[value.start] !== OPEN_OBJECT) {
      return [`"structuredContent":{"result":${textAt(line, value)}}`];
    }
    return [textAt(line, member.whole)];
  });
  return replaceSpan(line, result, encoder.encode(`{${parts.join(",")}}`));
}

function withToolsForLegacy(line: Uint8Array): Uint8Array {
  const result = findMember(line, "result");
  const tools = result && line[result.start] === OPEN_OBJECT ? findMember(line, "tools", result) : undefined;
  return tools === undefined ? line : toolsForLegacy(line, tools);
}

function metaForLegacy(line: Uint8Array, meta: Span): string[] {
  if (line[meta.start] !== OPEN_OBJECT) return [`"_meta":${textAt(line, meta)}`];
  const kept = membersOf(line, meta).filter(({ name }) => name !== META_SERVER_INFO).map(written(line));
  return kept.length === 0 ? [] : [`"_meta":{${kept.join(",")}}`];
}

/** A server's notification without what tells it apart from those of other subscriptions. */
export function notificationForLegacy(line: Uint8Array): Uint8Array {
  const params = findMember(line, "params");
  const meta = params === undefined ? undefined : findMember(line, "_meta", params);
  if (params === undefined || meta === undefined || line[meta.start] !== OPEN_OBJECT) return line;
  const kept = membersOf(line, meta).filter(({ name }) => name !== META_SUBSCRIPTION_ID).map(written(line));
  if (kept.length > 0) return replaceSpan(line, meta, encoder.encode(`{${kept.join(",")}}`));
  const others = membersOf(line, params).filter(({ name }) => name !== "_meta").map(written(line));
  return replaceSpan(line, params, encoder.encode(`{${others.join(",")}}`));
}

/** Whether a result of `server/discover` is that of a server which speaks a stateless revision. */
export function speaksModern(result: unknown): result is JsonObject {
  if (!isJsonObject(result) || !Array.isArray(result.supportedVersions)) return false;
  return result.supportedVersions.some((version) => typeof version === "string" && isModernRevision(version));
}

/** Capabilities of a stateless server that a session's client can use. */
const COMMON = ["tools", "prompts", "resources", "completions", "logging", "experimental"] as const;

/** The answer to a session's initialize, out of what a stateless server says of itself. */
export function initializeResult(discovered: JsonObject, wanted: unknown, otherwise: JsonObject): JsonObject {
  const { capabilities, instructions, _meta } = discovered;
  const has = isJsonObject(capabilities) ? capabilities : {};
  const serverInfo = isJsonObject(_meta) ? _meta[META_SERVER_INFO] : undefined;
  return {
    protocolVersion: typeof wanted === "string" && isLegacyRevision(wanted) ? wanted : LEGACY_REVISIONS.at(-1)!,
    capabilities: Object.fromEntries(COMMON.filter((name) => isJsonObject(has[name])).map((name) => [name, has[name]])),
    serverInfo: isJsonObject(serverInfo) ? serverInfo : otherwise,
    ...(typeof instructions === "string" ? { instructions } : {}),
  };
}

/** A question of a stateless server. */
export interface ServerQuestion {
  readonly method: string;
  readonly params: JsonObject;
  /** The same, as the server wrote it. */
  readonly written: Uint8Array;
}

/** As a request to a client that speaks `revision`: what the server wrote crosses to the digit. */
export function questionForLegacy(
  { method, params, written }: ServerQuestion,
  { id, revision, newId }: { readonly id: string; readonly revision: string; readonly newId: () => string },
): Uint8Array {
  const frame = encodeJson({ jsonrpc: "2.0", id, method, params: 0 });
  const asked = method === "elicitation/create" ? elicitationForLegacy(params, written, { revision, newId }) : written;
  return replaceSpan(frame, findMember(frame, "params")!, asked);
}

function elicitationForLegacy(
  { mode }: JsonObject,
  written: Uint8Array,
  { revision, newId }: { readonly revision: string; readonly newId: () => string },
): Uint8Array {
  const whole = { start: 0, end: written.length };
  if (mode === "url") {
    return rewritten(written, whole, {
      without: ["elicitationId"],
      added: [`"elicitationId":${JSON.stringify(newId())}`],
    });
  }
  // There was one mode before, and so no name for it.
  return revision < "2025-11-25" ? rewritten(written, whole, { without: ["mode"] }) : written;
}

/** A request to a stateless server that no client has made. */
export function ownRequest(method: string, params: JsonObject, envelope: JsonObject): Uint8Array {
  return encodeJson({ jsonrpc: "2.0", id: 0, method, params: { ...params, _meta: envelope } });
}
