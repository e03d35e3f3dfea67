// The id that an HTTP server gives a session (MCP 2025-11-25, "Session Management" 1).
import { SignetError } from "../../errors.ts";
import type { UpstreamSessionId } from "../../envelope/session_id.ts";
import type { ClientResponse } from "../../http1/types.ts";
import { countField, detachText, fieldValue } from "../../http1/wire/fields.ts";

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
  const { fields } = response.head;
  const id = upstreamIdOf(response);
  const given = countField(fields, "mcp-session-id");
  if (id !== undefined || given === 0 || (given === 1 && fieldValue(fields, "mcp-session-id") === "")) return id;
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
  const { fields } = response.head;
  const id = fieldValue(fields, "mcp-session-id");
  if (id === undefined || !isUpstreamId(id) || countField(fields, "mcp-session-id") > 1) return undefined;
  return detachText(id) as UpstreamSessionId;
}
