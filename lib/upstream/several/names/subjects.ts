// What a request is about: a name, an address or a task that leads to a member, and what its client is told where it leads
// nowhere (docs/behaviour.md A2, A7).
import type { Message } from "../../../bridge/peer/peer.ts";
import { type Span, stringAt } from "../../../mcp/json/json_text.ts";
import { memberAt } from "../../../mcp/messages/json_places.ts";
import { INVALID_PARAMS, RESOURCE_NOT_FOUND } from "../../../mcp/messages/rpc_codes.ts";
import { MAX_SHOWN } from "../../../observe/shortened.ts";
import { isJsonObject } from "../../../platform/json.ts";

/** What a request is about, in its text and to people. */
export interface Subject {
  readonly what: "tool" | "prompt" | "resource" | "task";
  readonly span: Span | undefined;
  readonly value: string | undefined;
}

const OF_METHODS: ReadonlyMap<string, readonly [Subject["what"], "name" | "uri" | "taskId"]> = new Map([
  ["tools/call", ["tool", "name"]],
  ["prompts/get", ["prompt", "name"]],
  ["resources/read", ["resource", "uri"]],
  ["resources/subscribe", ["resource", "uri"]],
  ["resources/unsubscribe", ["resource", "uri"]],
  ["tasks/get", ["task", "taskId"]],
  ["tasks/result", ["task", "taskId"]],
  ["tasks/cancel", ["task", "taskId"]],
  ["tasks/update", ["task", "taskId"]],
]);

/** Undefined for a method that is about no member in particular. */
export function subjectOf(text: Uint8Array, method: string, params: Span | undefined): Subject | undefined {
  const known = OF_METHODS.get(method);
  if (known !== undefined) {
    const span = memberAt(text, known[1], params);
    return { what: known[0], span, value: stringAt(text, span) };
  }
  return method === "completion/complete" ? referenceIn(text, memberAt(text, "ref", params)) : undefined;
}

function referenceIn(text: Uint8Array, ref: Span | undefined): Subject {
  if (stringAt(text, memberAt(text, "type", ref)) === "ref/resource") {
    const span = memberAt(text, "uri", ref);
    return { what: "resource", span, value: stringAt(text, span) };
  }
  const span = memberAt(text, "name", ref);
  return { what: "prompt", span, value: stringAt(text, span) };
}

/** One and the same for what is nowhere, what is denied, and what nobody named (A7). */
export function unknownWords({ what, value }: Subject): string {
  return value === undefined ? `Invalid params: no ${what} is named` : `Unknown ${what}: ${value.slice(0, MAX_SHOWN)}`;
}

export function isNotFound({ value: { error } }: Message): boolean {
  return isJsonObject(error) && (error.code === INVALID_PARAMS || error.code === RESOURCE_NOT_FOUND);
}
