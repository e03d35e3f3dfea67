// What a server may be asked again where a kept connection has ended without an answer: most often it was closing it
// already. A POST does not say that it only reads, its message does (RFC 9110 §9.2.2); it is looked at then, not before.
import type { ClientRequest } from "../../http1/types.ts";
import { inspectBytes } from "../../http1/wire/streams/borrowed.ts";
import { parseMessage } from "../../mcp/messages/read_message.ts";

/** Methods without effects. What tools do is theirs to say, and a second initialize opens a second session. */
const READING: ReadonlySet<string> = new Set([
  ...["ping", "server/discover", "tools/list", "prompts/list", "prompts/get"],
  ...["resources/list", "resources/templates/list", "resources/read", "tasks/list", "tasks/get"],
]);
/** Longer ones hardly ask for anything to read, and are not worth it. */
const MAX_BYTES = 64 * 1024;
const LIMITS = { maxDepth: 64 };

/** Whether the request only reads, whatever its HTTP method. */
export function isRepeatable({ method, body }: ClientRequest): boolean {
  if (method !== "POST" || body === undefined || body.length > MAX_BYTES) return false;
  try {
    return inspectBytes(body, readsOnly, undefined);
  } catch {
    return false; // in a coding of the client's, say, or called back with the exchange it came in
  }
}

function readsOnly(bytes: Uint8Array): boolean {
  const message = parseMessage(bytes, LIMITS);
  return message.kind === "request" && READING.has(message.method);
}
