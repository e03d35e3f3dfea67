// What a refusal needs to be the result of a tool, which an agent reads: of which era its client is.
import { META_PROTOCOL_VERSION } from "../mcp/eras/modern.ts";
import type { Inbound } from "./inbound.ts";

export function isStateless({ parsed }: Inbound): boolean {
  return parsed?.kind === "request" && parsed.params?._meta?.[META_PROTOCOL_VERSION] !== undefined;
}

/** A stateless client wants to be told what kind of result it is (docs/protocol.md 28). */
export function resultMembers(inbound: Inbound): Readonly<Record<string, unknown>> {
  return isStateless(inbound) ? { resultType: "complete" } : {};
}
