// The first words to a new process, and its answer, in time (MCP 2025-11-25, Lifecycle, "Initialization").
import type { Message } from "../../bridge/peer/peer.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import type { Timers } from "../../platform/time/timers.ts";
import type { ProcessPeer } from "./process_peer.ts";
import { neverAnswered } from "./start_fault.ts";

export interface GreetingOptions {
  readonly timers: Timers;
  readonly startTimeoutMs: number;
  /** Why there will be no answer. @param reason in words a client may read */
  readonly explain: (reason: string) => Error;
}

/** @throws SignetError `upstream_timeout`; what `explain` makes of a process that does not answer */
export function greetProcess(peer: ProcessPeer, text: Uint8Array, options: GreetingOptions): Promise<Message> {
  const { timers, startTimeoutMs, explain } = options;
  return new Promise((resolve, reject) => {
    const cancel = timers.after(startTimeoutMs, () => reject(neverAnswered(startTimeoutMs)));
    const lost = (reason: string) => {
      cancel();
      reject(explain(reason));
    };
    const asked = peer.ask(text, findMember(text, "id")!, {
      onReply: (reply) => {
        cancel();
        resolve(reply);
        return undefined;
      },
      onLost: ({ reason }) => lost(reason),
    });
    if (asked === undefined) lost("it takes no messages");
  });
}
