// When the rest of an answer is asked for whose stream its server has ended before it (MCP 2025-11-25, SEP-1699): behind the
// last event that has an id, not sooner than the server wants, and not for ever where nothing comes of it.
import { isSendable } from "../../mcp/events/event_id.ts";
import type { SseEvent } from "../../mcp/events/sse.ts";
import { retryAfterMs } from "../../mcp/events/stream_retry.ts";

/** Where a server does not say, in ms. */
const RETRY_MS = 1000;
/** However late a server wants to be asked again, in ms. */
export const MAX_RETRY_MS = 60_000;
/** Streams that end where they began, one after the other. */
const MOST_IN_VAIN = 5;

export interface NextPart {
  readonly lastEventId: string;
  readonly afterMs: number;
}

export class Resumption {
  #eventId: string | undefined;
  #retryMs = RETRY_MS;
  #inVain = 0;

  hear({ id, retry }: SseEvent): void {
    if (retry !== undefined) this.#retryMs = retry;
    if (id === undefined || id === this.#eventId) return;
    this.#eventId = isSendable(id) ? id : undefined;
    this.#inVain = 0;
  }

  /** What to ask for, behind a stream that has ended; undefined where there is nothing to ask for any more. */
  next(): NextPart | undefined {
    if (this.#eventId === undefined || this.#inVain > MOST_IN_VAIN) return undefined;
    const afterMs = retryAfterMs({ wantedMs: this.#retryMs, mostMs: MAX_RETRY_MS }, this.#inVain++);
    return { lastEventId: this.#eventId, afterMs };
  }
}
