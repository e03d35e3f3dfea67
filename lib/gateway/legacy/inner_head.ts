// The head of a request that is made for a client of HTTP+SSE, as Streamable HTTP has it: with the client's own fields, but for
// those that say something else there.
import type { FieldList, RequestHead } from "../../http1/types.ts";
import { OF_THE_BYTES } from "../../http1/wire/fields/fields.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";
import { changingOf } from "../inbound.ts";

/** Of a client's request these are said here, whatever it says itself. */
const OWN: ReadonlySet<string> = new Set([
  ...["accept", "accept-encoding", "content-length", "transfer-encoding", "last-event-id"],
  ...[SESSION_ID_FIELD, "mcp-protocol-version", ...OF_THE_BYTES],
]);

export interface InnerHeadOptions {
  readonly method: string;
  readonly path: string;
  readonly bodyLength: number;
  readonly extra: FieldList;
  readonly sessionId: string | undefined;
  readonly version: string | undefined;
}

export function innerHead({ fields: given, host }: RequestHead, options: InnerHeadOptions): RequestHead {
  const { method, path, bodyLength, extra, sessionId, version } = options;
  const fields: FieldList = [];
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i]!;
    if (!OWN.has(name) && (method === "POST" || name !== "content-type")) fields.push(name, given[i + 1]!);
  }
  const accept = method === "POST" ? "application/json, text/event-stream" : "text/event-stream";
  fields.push("accept", accept, "accept-encoding", "identity", ...extra);
  if (version !== undefined) fields.push("mcp-protocol-version", version);
  return {
    method,
    target: path,
    path,
    query: "",
    minorVersion: 1,
    fields,
    changing: changingOf(sessionId),
    host,
    bodyLength,
    keepAlive: true,
    expectsContinue: false,
    notes: undefined,
  };
}
