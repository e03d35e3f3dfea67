// The clocks, the monotonic one read once for all that is done in one event of a socket, and the time of day told by it: a
// request and its answer ask some ten times what time it is, and each look costs more than what hangs on it. Outside of
// such an event every look is one.

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

/** How long the time of day is told by the monotonic clock before it is looked at again: one that is set counts from then on. */
const TOLD_MS = 100;

let toldAtMs = -Infinity;
let toldMs = 0;
/** What was answered last. */
let answeredMs = 0;

/**
 * As `Date.now`: in an event the time of day about when it began, less what a clock that was set has gained within
 * {@link TOLD_MS}. Never earlier than what was answered before, unless the clock was set back: what is issued is not later
 * than what is revoked behind it.
 */
export function eventDate(): number {
  if (readMs === NONE) return answeredMs = Date.now();
  const nowMs = eventTime();
  if (nowMs - toldAtMs >= TOLD_MS) {
    // Both now: the event may have begun a while ago, and whatever it took would be added for as long as this holds.
    toldAtMs = performance.now();
    return answeredMs = toldMs = Date.now();
  }
  return answeredMs = Math.max(answeredMs, Math.floor(toldMs + nowMs - toldAtMs));
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
