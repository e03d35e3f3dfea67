// What tells a session of which its server knows nothing, and a server that is none of the stateless era.
import { SignetError } from "../../errors.ts";

/** What begins the id of such a session. */
export const STATELESS_MARK = "stateless.";

/** What answers is no server of the stateless era: nothing was opened there. */
export class NotStatelessError extends SignetError {
  constructor(found: string) {
    super("upstream_invalid", {
      publicMessage: "Bad gateway: the MCP server speaks no stateless revision",
      facts: { attempted: "server/discover", found },
      remedy: "See what answers at --upstream; or leave out --era stateless.",
    });
  }
}
