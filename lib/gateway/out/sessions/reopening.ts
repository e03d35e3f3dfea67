// What both ways share by which a session is opened anew at its server: Signet's own (revive.ts), and its client's initialize
// (handshake.ts): its turn, the fields it goes with, and what is kept of them.
import type { UpstreamSessionId } from "../../../envelope/session_id.ts";
import { SignetError } from "../../../errors.ts";
import type { FieldList } from "../../../http1/types.ts";
import { detachText } from "../../../http1/wire/fields/fields.ts";
import type { Caller } from "../../../session/caller.ts";
import type { Turn } from "../../../session/limits/reopenings.ts";
import type { Session } from "../../../session/session.ts";
import type { Reopened, UpstreamLink } from "../../../session/upstream_link.ts";
import type { Upstream } from "../../../upstream/upstream.ts";
import type { Inbound } from "../../inbound.ts";
import type { GatewayParts } from "../../parts.ts";
import { removeOfMessage, setField } from "../fields/fields.ts";

/** As much of a request is kept to end the session by, and of its query; of longer ones only what says who asks. */
const MAX_KEPT_CHARACTERS = 4096;
/** A longer credential is none that Signet keeps anywhere: the server is then asked without one. */
const MAX_CREDENTIAL_CHARACTERS = 8192;

/** A session to be brought back, and the request that needs it. */
export interface Revival {
  readonly session: Session;
  readonly upstream: Upstream;
  readonly link: UpstreamLink;
  readonly inbound: Inbound;
  readonly caller: Caller;
}

/** Counted where memory forgets nothing. @throws SignetError `session_not_found` */
export function takeTurn(parts: GatewayParts, { session, caller }: Pick<Revival, "session" | "caller">): Turn {
  const turn = parts.reopenings.take({ principal: caller.principalKey, sid: session.sid }, parts.now());
  if (turn !== undefined) return turn;
  throw new SignetError("session_not_found", {
    facts: { outcome: "too_often" },
    remedy: "The upstream keeps losing sessions of this caller: see whether several servers without shared sessions " +
      "stand behind one address.",
  });
}

/** The waiting request's own fields carry what the upstream wants to see: credentials, tenant, trace. */
export function fieldsFor(
  parts: GatewayParts,
  { session, inbound, caller }: Omit<Revival, "upstream" | "link">,
): FieldList {
  const fields = parts.fields.toUpstream(inbound, caller);
  removeOfMessage(fields, "mcp-protocol-version", "content-encoding");
  setField(fields, "accept", "application/json, text/event-stream");
  setField(fields, "accept-encoding", "identity");
  setField(fields, "content-type", "application/json");
  parts.fields.addRemembered(fields, session);
  return fields;
}

/** What a later end of the session has to carry, in memory of its own. */
export function keep(fields: FieldList, { inbound, caller }: Pick<Revival, "inbound" | "caller">): Reopened {
  const size = fields.reduce((sum, text) => sum + text.length, 0);
  const kept: FieldList = [];
  for (let i = 0; i < fields.length; i += 2) {
    const mayKeep = fields[i] === "authorization" && fields[i + 1]!.length <= MAX_CREDENTIAL_CHARACTERS;
    if (size > MAX_KEPT_CHARACTERS && !mayKeep) continue;
    kept.push(detachText(fields[i]!), detachText(fields[i + 1]!));
  }
  const { principalKey, owner } = caller;
  const { query } = inbound.head;
  return {
    fields: kept,
    query: query.length > MAX_KEPT_CHARACTERS ? "" : detachText(query),
    caller: { principalKey, owner },
  };
}

/** From now on the link stands for the upstream's new session, and is all that leads to it. */
export function takeOver(
  link: UpstreamLink,
  opened: { readonly id: UpstreamSessionId | undefined; readonly reopened: Reopened },
): void {
  link.upstreamSessionId = opened.id;
  link.reopened = opened.reopened;
  link.home = undefined;
  link.move = undefined;
  link.generation++;
}
