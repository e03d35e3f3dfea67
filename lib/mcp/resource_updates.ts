// Whom an update of a resource concerns: who has subscribed to it, or to one that it is a part of. MCP says that there are
// such ("a sub-resource of the one that the client actually subscribed to", ResourceUpdatedNotification) and not what makes
// one: here it is what an address holds behind the other one, as paths, queries and fragments are read (RFC 3986 §3).

/** What may stand between an address and the rest of one below it. */
const JOINTS: ReadonlySet<string | undefined> = new Set(["/", "?", "#"]);

/** @param uri of what has changed @param subscribed what somebody wants to hear of */
export function concerns(uri: string, subscribed: string): boolean {
  if (!uri.startsWith(subscribed)) return false;
  return uri.length === subscribed.length || JOINTS.has(subscribed.at(-1)) || JOINTS.has(uri[subscribed.length]);
}
