// The id that an HTTP server gives a session (MCP 2025-11-25, "Session Management" 1).
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import { SignetError } from "../../errors.ts";
import type { ClientResponse } from "../../http1/types.ts";
import { detachText } from "../../http1/wire/fields/fields.ts";
import { SESSION_ID_FIELD } from "../../mcp/session_id_field.ts";

/** What an id may be. Whether it is short enough to be sealed is told where it is: one that is not is known, and ended. */
const UPSTREAM_ID = /^[\x21-\x7e]{1,49152}$/;

/** Whether a text can be a server's id of a session. */
export function isUpstreamId(text: string): text is UpstreamSessionId {
  return UPSTREAM_ID.test(text);
}

/**
 * The id the upstream gives a session, to be kept; undefined from one that gives none.
 * @throws SignetError `upstream_invalid` if it is none that could be sent back
 */
export function readUpstreamId(response: ClientResponse): UpstreamSessionId | undefined {
  const given = idsGiven(response);
  const id = upstreamIdOf(response);
  if (id !== undefined || given.length === 0 || (given.length === 1 && given[0] === "")) return id;
  throw new SignetError("upstream_invalid", {
    facts: {
      found:
        "initialize was answered with a session id that is repeated, longer than 49,152 characters or not visible ASCII",
    },
    remedy: "The upstream must give a session one id of visible ASCII characters.",
  });
}

/** The same where an id of another form counts for none. */
export function upstreamIdOf(response: ClientResponse): UpstreamSessionId | undefined {
  const [id, second] = idsGiven(response);
  return id === undefined || second !== undefined || !isUpstreamId(id)
    ? undefined
    : detachText(id) as UpstreamSessionId;
}

/** What all lines of the field say: the first stands beside the others where a pool keeps it so (`HeadLimits.changing`). */
function idsGiven({ head: { changing = [], fields } }: ClientResponse): string[] {
  const ids = changing.filter((value) => value !== undefined);
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === SESSION_ID_FIELD) ids.push(fields[i + 1]!);
  return ids;
}
