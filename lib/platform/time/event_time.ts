// The clocks, each read once for all that is done in one event of a socket: a request and its answer ask some ten times what
// time it is, and each look costs more than what hangs on it. Outside of such an event every look is one. What is told is
// never in the future, and never from before the event: whoever has seen a later time of day before it began is right.

/** No event, so that nothing is kept; nothing read yet in this one. */
const NONE = -1, UNREAD = -2;

let readMs = NONE;
let dateMs = NONE;

/** As `performance.now`, ms: in an event the time at which it was first asked for there. */
export function eventTime(): number {
  if (readMs >= 0) return readMs;
  const nowMs = performance.now();
  if (readMs === UNREAD) readMs = nowMs;
  return nowMs;
}

/** As `Date.now`: in an event the time of day at which it was first asked for there. */
export function eventDate(): number {
  if (dateMs >= 0) return dateMs;
  const nowMs = Date.now();
  if (dateMs === UNREAD) dateMs = nowMs;
  return nowMs;
}

/** From here to {@link endEvent}, in one turn, it is one event. @returns whether it begins one: it may be part of another */
export function beginEvent(): boolean {
  if (readMs !== NONE) return false;
  readMs = dateMs = UNREAD;
  return true;
}

/** To be called by whoever has begun it, however it ended. */
export function endEvent(): void {
  readMs = dateMs = NONE;
}
