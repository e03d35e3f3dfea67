// A client that initializes again under the id it has (O4): it goes on under that id, with a session upstream that works,
// whether the upstream still knew the old one, had lost it, or has just given out another.
import { type ClientResponse, HttpError } from "../../../http1/types.ts";
import type { RpcId } from "../../../mcp/messages/json_rpc.ts";
import { upstreamIdOf } from "../../../upstream/http/session_id_field.ts";
import type { GatewayParts } from "../../parts.ts";
import { removeField, setField } from "../fields/fields.ts";
import type { Sending } from "../outbound.ts";
import { requireMcp } from "../require_mcp.ts";
import { requireResponse, sendForClient } from "../send.ts";
import { endForNobody, endUnowned } from "./end.ts";
import { readInitializeAnswer } from "./initialize_answer.ts";
import { fieldsFor, keep, takeOver, takeTurn } from "./reopening.ts";

/** A handshake being sent. */
export interface Handshake extends Sending {
  /** Of the initialize request. */
  readonly id: RpcId;
}

/** Member by member: of an object that finds some of them when it is asked, a spread would take the others. */
export function handshakeOf({ outbound, upstream, link, inFlight }: Sending, id: RpcId): Handshake {
  return { outbound, upstream, link, inFlight, id };
}

/**
 * Opens the session again by the client's own initialize: a server that was initialized for it would refuse the client's.
 * @param seenGeneration of the link that was found lost
 * @throws SignetError `session_not_found` if that was done too often; as `sendForClient`
 */
export async function openByHandshake(
  parts: GatewayParts,
  handshake: Handshake,
  seenGeneration: number,
): Promise<ClientResponse> {
  const { outbound: { session, caller }, link, inFlight } = handshake;
  // Whoever brings it back at this moment does so for the client that was there before.
  while (link.reviving !== undefined) await inFlight.waitFor(link.reviving.catch(() => {}));
  const turn = takeTurn(parts, { session, caller });
  const done = Promise.withResolvers<void>();
  link.reviving = done.promise;
  let accepted = false;
  try {
    const response = await sendOutside(parts, handshake);
    accepted = isSuccess(response);
    const replaces = link.generation !== seenGeneration;
    return await takeUp(parts, handshake, { response, replaces, onRefused: () => accepted = false });
  } finally {
    // Asking in vain has opened nothing.
    if (!accepted) turn.giveBack();
    link.reviving = undefined;
    done.resolve();
  }
}

/** An initialize in a session that lives: a server may have given it another id. */
export async function followHandshake(
  parts: GatewayParts,
  handshake: Handshake,
  response: ClientResponse,
): Promise<ClientResponse> {
  const given = upstreamIdOf(response);
  if (given === undefined || given === handshake.link.upstreamSessionId) {
    if (!handshake.inFlight.cut) return response;
    response.release();
    throw cutMeanwhile();
  }
  return await takeUp(parts, handshake, { response, replaces: true });
}

async function sendOutside(parts: GatewayParts, { outbound, upstream, inFlight }: Handshake): Promise<ClientResponse> {
  const { inbound, caller, session, body } = outbound;
  const fields = parts.fields.toUpstream(inbound, caller);
  parts.fields.addRemembered(fields, session);
  removeField(fields, "last-event-id");
  setField(fields, "accept-encoding", "identity");
  const about = { method: "POST" as const, query: inbound.head.query, fields, upstreamSessionId: undefined };
  const request = { ...about, body, parsed: inbound.parsed, caller, session, isHeard: true };
  const answer = requireResponse(await sendForClient(parts, inFlight, { upstream, request }));
  try {
    return await requireMcp(parts, answer);
  } catch (error) {
    endUnowned(parts, outbound, answer);
    throw error;
  }
}

/** What it has opened is heard of and ended; the client, if there is one, is told what cut it. */
function cutMeanwhile(): HttpError {
  return new HttpError("aborted", "initializing again: the request was cut");
}

function isSuccess({ head: { status } }: ClientResponse): boolean {
  return status >= 200 && status < 300;
}

/** Makes the session that an answer opens the link's; without a successful result none is left behind. */
async function takeUp(
  parts: GatewayParts,
  handshake: Handshake,
  opened: {
    readonly response: ClientResponse;
    readonly replaces: boolean;
    /** There is an error in it, and no session. */
    readonly onRefused?: () => void;
  },
): Promise<ClientResponse> {
  const { outbound, upstream, link, inFlight, id } = handshake;
  const { inbound, caller, session } = outbound;
  const { response, replaces } = opened;
  if (!isSuccess(response)) {
    endUnowned(parts, outbound, response);
    return response;
  }
  try {
    const answer = await readInitializeAnswer(response, { id, account: parts.account.shareOf(caller.principalKey) });
    const passed = answer.response;
    if (answer.protocolVersion === undefined && upstreamIdOf(response) === undefined) opened.onRefused?.();
    if (inFlight.cut) {
      passed.release();
      throw cutMeanwhile();
    }
    if (answer.protocolVersion === undefined || session.ended) {
      endUnowned(parts, outbound, response);
      return passed;
    }
    const reopened = keep(fieldsFor(parts, { session, inbound, caller }), { inbound, caller });
    const before = { id: link.upstreamSessionId, ...(link.reopened ?? reopened) };
    takeOver(link, { id: upstreamIdOf(response), reopened });
    parts.moves?.tell({ session, link, upstream });
    if (replaces && before.id !== undefined) {
      const about = { ...before, fields: [...before.fields], id: before.id, session };
      endForNobody(upstream, about);
    }
    return passed;
  } catch (error) {
    endUnowned(parts, outbound, response);
    response.release();
    throw error;
  }
}
