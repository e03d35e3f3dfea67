// What Signet itself asks of a member: bounded in time, and called off where the answer comes too late.
import type { Carrier, Message, Peer } from "../../../bridge/peer/peer.ts";
import { encodeJson } from "../../../mcp/json/json_bytes.ts";
import type { JsonObject } from "../../../platform/json.ts";
import type { Timers } from "../../../platform/time/timers.ts";
import { MemberFault } from "./breaker.ts";
import type { MemberLife } from "./member_life.ts";

/** @throws MemberFault if no answer comes in time, or none will */
export type Ask = (life: MemberLife, method: string, params: JsonObject, carrier: Carrier) => Promise<Message>;

export function asker(timers: Timers): Ask {
  return (life, method, params, carrier) =>
    new Promise((resolve, reject) => {
      const { timeoutMs } = life.member;
      let asked: { readonly peer: Peer; readonly id: number } | undefined;
      let waiting = true;
      const settle = (then: () => void) => {
        if (!waiting) return;
        waiting = false;
        cancel();
        then();
      };
      const cancel = timers.after(timeoutMs, () => {
        settle(() => reject(new MemberFault(`no answer within ${timeoutMs} ms`, { isSlow: true })));
        if (asked === undefined) return;
        const params = { requestId: asked.id, reason: "too late" };
        const fields = life.member.carry(carrier.fields);
        asked.peer.send(encodeJson({ jsonrpc: "2.0", method: "notifications/cancelled", params }), { fields });
        asked.peer.forget(asked.id);
      });
      // Kept by nobody: it goes out, or not, while this stands.
      life.ask(encodeJson({ jsonrpc: "2.0", id: 0, method, params }), {
        onReply: (reply) => void settle(() => resolve(reply)),
        onLost: ({ reason }) => settle(() => reject(new MemberFault(reason))),
        onAsked: (peer, id) => asked = { peer, id },
        get isWanted() {
          return waiting;
        },
      }, carrier);
    });
}
