// One POST to a stateless server, from its sending to its response; what the server says before goes to who asked. Closing
// it is how it is cancelled (docs/protocol.md 30).
import type { Message } from "../../bridge/peer/peer.ts";
import { SignetError } from "../../errors.ts";
import { callOf } from "../../http1/call_of.ts";
import type { FieldList } from "../../http1/types.ts";
import { replaceSpan } from "../../mcp/json/json_splice.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { LostSession } from "../../session/lost_session.ts";
import { PeerCall } from "../peers/http_peer_call.ts";
import { asRefusal, noAnswer } from "../peers/http_peer_fault.ts";
import { NO_SESSION } from "../peers/peer_session.ts";
import { type Named, postStateless, type StatelessParts } from "./stateless_parts.ts";

export interface Posting extends Named {
  /** A request; its id is a placeholder. */
  readonly text: Uint8Array;
  readonly fields: FieldList;
  /** A notification on the way to the response. */
  readonly onNotification: (message: Message) => Promise<void> | undefined;
  readonly onJunk: (found: string) => void;
}

export interface StatelessPost {
  /** The response, result or error. @throws SignetError */
  readonly reply: Promise<Message>;
  /** Settles when nothing of it is left. Never rejects. */
  readonly ended: Promise<void>;
  abort(): void;
}

const encoder = new TextEncoder();

/** @param id what the server is to call it: new each time (MRTR, "Retrying") */
export function post(parts: StatelessParts, id: number, posting: Posting): StatelessPost {
  const { limits, account, timers } = parts;
  const { text, onNotification, onJunk } = posting;
  const body = replaceSpan(text, findMember(text, "id")!, encoder.encode(String(id)));
  const charge = account.tryCharge(body.length);
  if (charge === undefined) return refused(new SignetError("request_limit"));
  const { promise: reply, resolve, reject } = Promise.withResolvers<Message>();
  reply.catch(() => {});
  const call = new PeerCall({
    ...{ ownId: id, limits, account, timers, charge, fields: posting.fields },
    waiter: {
      onReply: (message) => void resolve(message),
      onFault: (error) => reject(asRefusal(error)),
    },
    host: {
      // Events have no ids in this era, and what has broken off is not resumed (docs/protocol.md 26).
      resume: () => callOf(Promise.reject(noAnswer())),
      hear: (message) => message.value.id === undefined ? onNotification(message) : void onJunk("a request"),
      discard: onJunk,
      elsewhere: () => undefined,
    },
  });
  const open = async () => {
    const response = await call.track(() => postStateless(parts, body, posting));
    if (!(response instanceof LostSession)) return { session: NO_SESSION, response };
    response.release();
    throw noAnswer();
  };
  return { reply, ended: call.run(open()), abort: () => call.abort() };
}

function refused(error: SignetError): StatelessPost {
  const reply = Promise.reject(error);
  reply.catch(() => {});
  return { reply, ended: Promise.resolve(), abort() {} };
}
