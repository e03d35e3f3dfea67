// The methods of all published revisions, as a closed list with a number for each: what is counted by method has a bounded
// number of rows, whatever clients think of. MCP 2024-11-05 to 2026-07-28; `mcp.method.name` of OpenTelemetry's conventions.
import { parseJson } from "../../platform/json.ts";

/** What stands for a request whose JSON-RPC method is none of them, or has none. */
const METHOD_ROWS = [
  /** Refused before its body was read, or no body belongs to it. */
  "unread",
  /** No method of MCP's. */
  "other",
  /** An answer of the client's to a request of the server's. */
  "response",
  "batch",
  "GET",
  "DELETE",
  "OPTIONS",
] as const;

/** In no particular order; new ones go to the end. */
export const MCP_METHODS = [
  ...["initialize", "ping", "tools/list", "tools/call", "prompts/list", "prompts/get", "resources/list"],
  ...["resources/read", "resources/templates/list", "resources/subscribe", "resources/unsubscribe"],
  ...["completion/complete", "logging/setLevel", "roots/list", "sampling/createMessage", "elicitation/create"],
  ...["tasks/get", "tasks/result", "tasks/list", "tasks/cancel", "tasks/update", "server/discover"],
  ...["subscriptions/listen", "notifications/initialized", "notifications/cancelled", "notifications/progress"],
  ...["notifications/message", "notifications/roots/list_changed", "notifications/tools/list_changed"],
  ...["notifications/prompts/list_changed", "notifications/resources/list_changed", "notifications/resources/updated"],
  ...["notifications/tasks/status", "notifications/elicitation/complete", "notifications/subscriptions/acknowledged"],
] as const;

/** Every row there is, by its number. */
export const METHODS: readonly string[] = [...METHOD_ROWS, ...MCP_METHODS];

export const UNREAD = 0, OTHER_METHOD = 1, RESPONSE = 2, BATCH = 3;

const numbers = new Map(METHODS.map((name, number) => [name, number]));
const decoder = new TextDecoder();
const BACKSLASH = 0x5c;
/** Of the first MCP method: those before it are no JSON-RPC. */
const FIRST = METHOD_ROWS.length;
/** What of a method's name stands between quotes. */
const encoder = new TextEncoder();
const BYTES = METHODS.map((name) => encoder.encode(name));
const LONGEST = Math.max(...MCP_METHODS.map(({ length }) => length));
const NONE: readonly number[] = [];
/** By length of the name: few have the same. */
const BY_LENGTH: readonly (readonly number[])[] = byLength();

function byLength(): (readonly number[])[] {
  const rows: (readonly number[])[] = new Array(LONGEST + 1).fill(NONE);
  MCP_METHODS.forEach(({ length }, index) => rows[length] = [...rows[length]!, FIRST + index]);
  return rows;
}

/** The row of a JSON-RPC method. */
export function methodNumber(name: string): number {
  const number = numbers.get(name);
  return number === undefined || number < FIRST ? OTHER_METHOD : number;
}

/** The row of a request that has no message: its HTTP method's. */
export function transportNumber(httpMethod: string): number {
  return httpMethod === "GET" || httpMethod === "DELETE" || httpMethod === "OPTIONS"
    ? numbers.get(httpMethod)!
    : UNREAD;
}

/** The same of a method's bytes, a JSON string with its quotes, without making a text of it where it is spelt plainly. */
export function methodNumberAt(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start - 2;
  const candidates = length >= 0 && length <= LONGEST ? BY_LENGTH[length]! : NONE;
  next:
  for (let i = 0; i < candidates.length; i++) {
    const name = BYTES[candidates[i]!]!;
    // From the end: beginnings are alike.
    for (let at = length - 1; at >= 0; at--) if (bytes[start + 1 + at] !== name[at]) continue next;
    return candidates[i]!;
  }
  for (let at = start; at < end; at++) {
    if (bytes[at] === BACKSLASH) return methodNumber(parseJson(decoder.decode(bytes.subarray(start, end))));
  }
  return OTHER_METHOD;
}
