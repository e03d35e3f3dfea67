// What a line of a server's stdout was about that is too long to be read (docs/behaviour.md B9).
import { ownIdOf } from "../../bridge/peer/peer_line.ts";
import { withoutMark } from "../../mcp/json/byte_order_mark.ts";
import { membersOf } from "../../mcp/json/json_text.ts";
import { parseJson } from "../../platform/json.ts";
import type { LongLine } from "./lines.ts";

const OPEN_OBJECT = 0x7b, OPEN_BATCH = 0x5b;
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** The id as the last member of a message, or before `jsonrpc`: where official SDKs write it. */
const ID_AT_THE_END = /,\s*"id"\s*:\s*"?(\d{1,15})"?\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$/;

/**
 * What a line was about that is too long to be read: a message nobody asked for, something else that is no answer (a line of
 * a log), or an answer, if its id is in sight.
 */
export function subjectOf({ head, tail }: LongLine): "no answer" | { readonly id: number | undefined } {
  const opening = withoutMark(head);
  const first = opening.find((byte) => byte > 0x20);
  // Of a batch, nobody knows whose answers.
  if (first === OPEN_BATCH || first === undefined) return { id: undefined };
  if (first !== OPEN_OBJECT) return "no answer";
  // The last member is the one that goes on beyond what is kept.
  const members = membersOf(opening).slice(0, -1);
  if (members.some(({ name }) => name === "method")) return "no answer";
  const id = members.findLast(({ name }) => name === "id");
  if (id !== undefined) {
    const written = lenient.decode(opening.subarray(id.value.start, id.value.end));
    return { id: ownIdOf(/^"?\d+"?$/.test(written) ? parseJson(written) : undefined) };
  }
  const found = ID_AT_THE_END.exec(lenient.decode(tail));
  return { id: found === null ? undefined : Number(found[1]) };
}
