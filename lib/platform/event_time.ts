// The monotonic clock, read once for all that is done in one event of a socket: a request and its answer ask half a dozen
// times what time it is, and each look costs more than what hangs on it. Outside of such an event every look is one.

/** No event, so that nothing is kept; nothing read yet in this one. */
const NONE = -1, UNREAD = -2;

let readMs = NONE;

/** As `performance.now`, ms: in an event the time at which it was first asked for there, which is never in the future. */
export function eventTime(): number {
  if (readMs >= 0) return readMs;
  const nowMs = performance.now();
  if (readMs === UNREAD) readMs = nowMs;
  return nowMs;
}

/** From here to {@link endEvent}, in one turn, it is one event. @returns whether it begins one: it may be part of another */
export function beginEvent(): boolean {
  if (readMs !== NONE) return false;
  readMs = UNREAD;
  return true;
}

/** To be called by whoever has begun it, however it ended. */
export function endEvent(): void {
  readMs = NONE;
}
