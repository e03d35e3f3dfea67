// What was begun at a time of day and lasts for so long: that clock can be set, and back as well. A moment that lies further
// ahead than anything lasts was told by a clock that has been set back since: it proves nothing and holds nobody up, or both
// would go on for as long as the clock had been ahead (docs/behaviour.md P8). Expiries are another matter: they are dates.

/** Whether less than `ms` lie between a moment and now, on either side. */
export function isWithin(nowMs: number, atMs: number, ms: number): boolean {
  return Math.abs(nowMs - atMs) < ms;
}

/** How much is left of a wait of `ms` at most that ends at `untilMs`, in ms; 0 if it is over, or of another clock. */
export function leftOf(ms: number, untilMs: number, nowMs: number): number {
  const leftMs = untilMs - nowMs;
  return leftMs > 0 && leftMs <= ms ? leftMs : 0;
}

/** Whether something was there by a moment: what began ahead of now began before the clock was set back, and so before now. */
export function wasThereBy(momentMs: number, sinceMs: number, nowMs: number): boolean {
  return sinceMs <= momentMs || sinceMs > nowMs;
}
