// What a message asks for, as rules see it: a tool, a prompt, a resource, or a method that names none of them. Every way to
// reach a name is here, so that none goes unjudged (docs/behaviour.md G4). Pure.
import { foldedName } from "../mcp/json/folded_name.ts";
import type { Parsed, RpcId, RpcMessage } from "../mcp/messages/json_rpc.ts";
import { isJsonObject } from "../platform/json.ts";

export const SUBJECT_KINDS = ["tool", "prompt", "resource", "method"] as const;
export type SubjectKind = typeof SUBJECT_KINDS[number];

export interface Subject {
  readonly kind: SubjectKind;
  /** The tool's or prompt's name, the resource's URI, or the method itself. */
  readonly name: string;
  /** The JSON-RPC method by which it is asked for. */
  readonly method: string;
}

/** One message that wants something. */
export interface Asked {
  /** Undefined for a notification, which gets no answer. */
  readonly id: RpcId | undefined;
  readonly method: string;
  /** What it is about; several only of a subscription. Undefined where it has to name something and does not. */
  readonly subjects: readonly Subject[] | undefined;
}

/** By which method an entry of a list is asked for, and what it is. */
export const LISTED: ReadonlyMap<
  string,
  { readonly kind: SubjectKind; readonly key: string; readonly method: string }
> = new Map([
  ["tools", { kind: "tool", key: "name", method: "tools/call" }],
  ["prompts", { kind: "prompt", key: "name", method: "prompts/get" }],
  ["resources", { kind: "resource", key: "uri", method: "resources/read" }],
  // A template is judged by its text, as if it were an address.
  ["resourceTemplates", { kind: "resource", key: "uriTemplate", method: "resources/read" }],
]);

const NAMED: ReadonlyMap<string, { readonly kind: SubjectKind; readonly member: "name" | "uri" }> = new Map([
  ["tools/call", { kind: "tool", member: "name" }],
  ["prompts/get", { kind: "prompt", member: "name" }],
  ["resources/read", { kind: "resource", member: "uri" }],
  ["resources/subscribe", { kind: "resource", member: "uri" }],
  ["resources/unsubscribe", { kind: "resource", member: "uri" }],
]);

/** What these are about stands further inside. */
const MORE_TO_READ: ReadonlySet<string> = new Set(["completion/complete", "subscriptions/listen"]);

/** Methods that are judged by what they name, and by no pattern of methods. */
export const JUDGED_BY_NAME: readonly string[] = [...NAMED.keys(), "completion/complete"];

/** Methods by which servers ask clients: no rule meets them. */
export const ASKED_BY_SERVERS: readonly string[] = ["sampling/createMessage", "elicitation/create", "roots/list"];

/** Methods that reach no name and give nothing away but lists, which are filtered: allowed unless a rule denies them. */
const OPEN: ReadonlySet<string> = new Set([
  ...["initialize", "ping", "server/discover", "logging/setLevel", "subscriptions/listen"],
  ...["tools/list", "prompts/list", "resources/list", "resources/templates/list"],
  ...["tasks/get", "tasks/list", "tasks/result", "tasks/cancel", "tasks/update"],
]);

/** Whether a method is allowed where no rule speaks of it, whatever the default is. */
export function isOpen(method: string): boolean {
  return OPEN.has(method) || method.startsWith("notifications/");
}

/** A name that is one for every reader. */
function readable(value: unknown): value is string {
  return typeof value === "string" && value.isWellFormed();
}

/** What a message is about that names no more than one thing, by its method and members. Undefined: read it whole. */
export function subjectOf(
  method: string,
  named: { readonly name?: unknown; readonly uri?: unknown },
): Subject | undefined {
  const of = NAMED.get(method);
  if (of === undefined) return MORE_TO_READ.has(method) ? undefined : { kind: "method", name: method, method };
  const name = named[of.member];
  return readable(name) ? { kind: of.kind, name, method } : undefined;
}

function completed(method: string, ref: unknown): readonly Subject[] | undefined {
  if (!isJsonObject(ref)) return undefined;
  if (ref.type === "ref/prompt" && readable(ref.name)) return [{ kind: "prompt", name: ref.name, method }];
  if (ref.type === "ref/resource" && readable(ref.uri)) return [{ kind: "resource", name: ref.uri, method }];
  return undefined;
}

const NAMING = "resourceSubscriptions";

function listenedTo(method: string, notifications: unknown): readonly Subject[] | undefined {
  const own: Subject = { kind: "method", name: method, method };
  if (!isJsonObject(notifications)) return [own];
  // Some servers do not see the case of a name.
  if (Object.keys(notifications).some((name) => name !== NAMING && foldedName(name) === foldedName(NAMING))) {
    return undefined;
  }
  const uris = notifications[NAMING] ?? [];
  if (!Array.isArray(uris) || !uris.every(readable)) return undefined;
  return [own, ...uris.map((name): Subject => ({ kind: "resource", name, method }))];
}

function subjectsOf(message: Exclude<RpcMessage, { kind: "response" }>): readonly Subject[] | undefined {
  const { method, params } = message;
  if (method === "completion/complete") return completed(method, params?.ref);
  if (method === "subscriptions/listen") return listenedTo(method, params?.notifications);
  const subject = subjectOf(method, params ?? {});
  return subject === undefined ? undefined : [subject];
}

/** All that a body asks for; of a client's answers to the server nothing. */
export function askedIn(parsed: Parsed): readonly Asked[] {
  const messages = parsed.kind === "batch" ? parsed.messages : [parsed];
  return messages.flatMap((message) => {
    if (message.kind === "response") return [];
    return [{
      id: message.kind === "request" ? message.id : undefined,
      method: message.method,
      subjects: subjectsOf(message),
    }];
  });
}
