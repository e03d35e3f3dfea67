// A request that Signet answers itself because something stood in its way.
import { ERROR_KINDS } from "../errors.ts";
import type { Inbound } from "./inbound.ts";
import type { GatewayParts } from "./parts.ts";
import { corsFields } from "./in/guard.ts";
import { toSignetError } from "./respond.ts";

/** Answers with the error, unless an answer is under way: then the client sees it break off. */
export async function refuse(parts: GatewayParts, inbound: Inbound, error: unknown): Promise<void> {
  const signetError = toSignetError(error);
  parts.metrics.refusals.inc(String(ERROR_KINDS[signetError.code].status));
  const { exchange, origin } = inbound;
  if (exchange.started || exchange.aborted) return;
  const allowed = origin !== undefined && parts.guard.allowsOrigin(origin);
  const { start, body } = parts.errors.respond(signetError, {
    rpcId: inbound.rpcId,
    ...(allowed ? { fields: corsFields(origin) } : {}),
  });
  await exchange.respond(start, body);
}
