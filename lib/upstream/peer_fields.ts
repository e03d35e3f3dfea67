// Which of a client's fields go on to a server that is asked by messages of our own.
import type { FieldList, Fields } from "../http1/types.ts";
import { isHopByHop, OF_THE_BYTES } from "../http1/wire/fields/fields.ts";
import { MESSAGE_FIELDS } from "../mcp/session_id_field.ts";

/** What is said here of the message itself, whatever the client's request said of its own. */
const OWN: ReadonlySet<string> = new Set([
  ...["accept", "accept-encoding", "content-type", "content-encoding", "host", "last-event-id"],
  ...[...OF_THE_BYTES, ...MESSAGE_FIELDS],
]);

/** Those that do, in a list of their own; names in lower case. */
export function peerFields(given: Fields): FieldList {
  const own: FieldList = [];
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i]!.toLowerCase();
    if (!OWN.has(name) && !name.startsWith("mcp-param-") && !isHopByHop(name)) own.push(name, given[i + 1]!);
  }
  return own;
}
