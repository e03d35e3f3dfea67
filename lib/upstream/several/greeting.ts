// What several members say of themselves, as one server would (docs/protocol.md 20): the oldest revision among theirs,
// which all of them speak; the capabilities that work through here; instructions that say whose they are.
import { META_SERVER_INFO } from "../../mcp/eras/between_eras.ts";
import { LEGACY_REVISIONS, MODERN_REVISIONS } from "../../mcp/eras/revisions.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { VERSION } from "../../platform/version.ts";
import { reasonOf } from "./members/breaker.ts";
import type { MemberLife } from "./members/member_life.ts";

/** Of instructions, in characters: of one member, and of all. */
const MAX_INSTRUCTIONS = 16 * 1024, MAX_ALL = 64 * 1024;
/** Of an extension's settings, in characters, and in objects within objects. */
const MAX_EXTENSION = 4096, MAX_EXTENSION_DEPTH = 8;
/** Extensions that pass through a merge (MCP Apps); of others it is not known. */
const PASSING_EXTENSIONS = ["io.modelcontextprotocol/ui"] as const;
/** Tasks are one of them in the revision without sessions. */
const STATELESS_EXTENSIONS = [...PASSING_EXTENSIONS, "io.modelcontextprotocol/tasks"] as const;

/** One that was left out, and why. */
export interface Missing {
  readonly life: MemberLife;
  readonly error: unknown;
}

export function greetingOf(present: readonly MemberLife[], missing: readonly Missing[]): JsonObject {
  const instructions = instructionsOf(present, missing);
  return {
    protocolVersion: oldestRevision(present),
    capabilities: mergedCapabilities(present.map((life) => life.capabilities ?? {}), {
      isIncomplete: missing.length > 0,
    }),
    serverInfo: SERVER_INFO,
    ...(instructions === "" ? {} : { instructions }),
  };
}

/** The answer to a client's discovery, where no member has sessions: what all of them speak, and what any can do. */
export function discoveryOf(present: readonly MemberLife[], missing: readonly Missing[]): JsonObject {
  const said = present.map(({ handshake }) => handshake);
  const instructions = instructionsOf(present, missing);
  const all = present.map((life) => life.capabilities ?? {});
  const { logging: _, tasks: __, ...capabilities } = mergedCapabilities(all, {
    isIncomplete: missing.length > 0,
    passing: STATELESS_EXTENSIONS,
  });
  return {
    resultType: "complete",
    supportedVersions: MODERN_REVISIONS.filter((revision) =>
      said.every(({ supportedVersions }) => Array.isArray(supportedVersions) && supportedVersions.includes(revision))
    ),
    capabilities: all.some(({ logging }) => isJsonObject(logging)) ? { ...capabilities, logging: {} } : capabilities,
    ...(instructions === "" ? {} : { instructions }),
    ttlMs: missing.length > 0 ? 0 : Math.min(...said.map(({ ttlMs }) => lifetimeOf(ttlMs))),
    cacheScope: said.every(({ cacheScope }) => cacheScope === "public") ? "public" : "private",
    _meta: { [META_SERVER_INFO]: SERVER_INFO },
  };
}

function lifetimeOf(ttlMs: unknown): number {
  return typeof ttlMs === "number" && ttlMs >= 0 ? ttlMs : 0;
}

/** Who answers. */
export const SERVER_INFO = { name: "signet", title: "Signet", version: VERSION };

function oldestRevision(present: readonly MemberLife[]): string {
  const revisions = present.map(({ handshake }) => handshake.protocolVersion);
  return LEGACY_REVISIONS.find((revision) => revisions.includes(revision)) ?? LEGACY_REVISIONS.at(-1)!;
}

export function mergedCapabilities(
  all: readonly JsonObject[],
  { isIncomplete, passing = PASSING_EXTENSIONS }: {
    /** Whether members may come whose capabilities nobody knows: their lists will be there. */
    readonly isIncomplete: boolean;
    readonly passing?: readonly string[];
  },
): JsonObject {
  const some = (name: string) => all.some((capabilities) => isJsonObject(capabilities[name]));
  const subscribe = all.some(({ resources }) => isJsonObject(resources) && resources.subscribe === true);
  const extensions = passing.flatMap((name) => {
    const given = all.map(({ extensions }) => isJsonObject(extensions) ? extensions[name] : undefined);
    const found = given.find((value) => value !== undefined && isModest(value));
    return found === undefined ? [] : [[name, found]];
  });
  return {
    ...(some("tools") || isIncomplete ? { tools: { listChanged: true } } : {}),
    ...(some("prompts") || isIncomplete ? { prompts: { listChanged: true } } : {}),
    ...(some("resources") || isIncomplete
      ? { resources: { ...(subscribe ? { subscribe: true } : {}), listChanged: true } }
      : {}),
    ...(some("logging") ? { logging: {} } : {}),
    ...(some("completions") ? { completions: {} } : {}),
    ...tasksOf(all),
    ...(extensions.length === 0 ? {} : { extensions: Object.fromEntries(extensions) }),
  };
}

/** What any member can do with tasks of tools (MCP 2025-11-25): each tool says for itself whether it can. */
function tasksOf(all: readonly JsonObject[]): JsonObject {
  const given = all.flatMap(({ tasks }) => isJsonObject(tasks) ? [tasks] : []);
  if (given.length === 0) return {};
  const some = (name: string) => given.some((tasks) => isJsonObject(tasks[name]));
  const calls = given.some(({ requests }) =>
    isJsonObject(requests) && isJsonObject(requests.tools) && isJsonObject(requests.tools.call)
  );
  const tasks = {
    ...(some("list") ? { list: {} } : {}),
    ...(some("cancel") ? { cancel: {} } : {}),
    ...(calls ? { requests: { tools: { call: {} } } } : {}),
  };
  return { tasks };
}

/** Whether what one member says of an extension leaves the whole readable: in bounds of size and depth (A6). */
function isModest(value: unknown): boolean {
  return isShallow(value, MAX_EXTENSION_DEPTH) && JSON.stringify(value).length <= MAX_EXTENSION;
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((part) => isShallow(part, depth - 1));
}

function instructionsOf(present: readonly MemberLife[], missing: readonly Missing[]): string {
  const said = present.flatMap(({ name, handshake: { instructions } }) => {
    if (typeof instructions !== "string" || instructions.trim() === "") return [];
    return [`[${name}]\n${instructions.slice(0, MAX_INSTRUCTIONS).toWellFormed()}`];
  });
  const out = missing.map(({ life, error }) =>
    `[${life.name}]\nNot available ${life.isRefused ? "in this session" : "at the moment"}: ${reasonOf(error)}.`
  );
  return [...said, ...out].join("\n\n").slice(0, MAX_ALL).toWellFormed();
}
