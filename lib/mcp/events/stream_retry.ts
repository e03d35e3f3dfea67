// When a stream that has ended is asked for again (MCP 2025-11-25, Transports, `retry`): not sooner than its server wants, never
// at once, and ever later where nothing comes of it.

/** No server is asked for the rest of a stream sooner, in ms. */
const LEAST_MS = 100;

export interface StreamRetry {
  /** What the server wants, in ms, or what stands where it has not said. */
  readonly wantedMs: number;
  readonly mostMs: number;
}

/** @param inVain streams before it, one after the other, that brought nothing @returns in ms */
export function retryAfterMs({ wantedMs, mostMs }: StreamRetry, inVain: number): number {
  return Math.min(mostMs, Math.max(LEAST_MS, wantedMs) * 2 ** inVain);
}
