// When and from where a server's own stream is listened to again that has ended, for clients that know nothing of it (MCP
// 2025-11-25, Transports, "Resumability and Redelivery"): from the last event that has an id, not sooner than the server
// wants, and for as long as it may have one.
import { isSendable } from "../../mcp/events/event_id.ts";
import type { SseEvent } from "../../mcp/events/sse.ts";
import { retryAfterMs } from "../../mcp/events/stream_retry.ts";
import { isRefusalForGood, isRefusalForNow } from "../../upstream/refused_for_now.ts";
import { MAX_RETRY_MS } from "./resumption.ts";

/** Before a stream that has ended is asked for again, in ms, unless its server wants more. */
const RELISTEN_MS = 1000;

export class Relistening {
  #lastEventId: string | undefined;
  #wantedMs = RELISTEN_MS;
  #status = 0;
  #generation: number | undefined;
  #hasOpened = false;
  #inVain = 0;

  /** @param generation of the server's session that answers: one that is made anew has no place of the one before */
  answered(status: number, generation: number | undefined): void {
    this.#status = status;
    this.#generation = generation;
  }

  hear({ id, retry }: SseEvent): void {
    if (retry !== undefined) this.#wantedMs = Math.max(RELISTEN_MS, retry);
    if (id !== undefined) this.#lastEventId = isSendable(id) ? id : undefined;
  }

  /** Where to go on in a session of this generation. */
  placeIn(generation: number | undefined): string | undefined {
    if (generation !== this.#generation) this.#lastEventId = undefined;
    return this.#lastEventId;
  }

  /** @returns in how many ms to listen again; undefined: no more */
  next(): number | undefined {
    if (this.#status === 200) this.#hasOpened = true;
    else if (this.#isOver()) return undefined;
    else if (isRefusalForGood(this.#status)) this.#lastEventId = undefined;
    this.#inVain = this.#status === 200 ? 0 : this.#inVain + 1;
    return retryAfterMs({ wantedMs: this.#wantedMs, mostMs: MAX_RETRY_MS }, Math.max(0, this.#inVain - 1));
  }

  /** Whether who has refused is not to be asked again: it may be away, or know a place no more that it has named. */
  #isOver(): boolean {
    if (isRefusalForGood(this.#status)) return this.#lastEventId === undefined;
    // A stream before it that is open there still is the only one that SDK servers let a session have.
    return this.#status !== 409 && !(this.#hasOpened && isRefusalForNow(this.#status));
  }
}
