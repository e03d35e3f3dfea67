// Signet's clock: what it tells of moments is measured by it, whatever this machine's says.

let aheadMs = 0;

/** It is `nowMs` there. */
export function setClock(nowMs) {
  aheadMs = nowMs - Date.now();
}

/** Milliseconds since the epoch. */
export function now() {
  return Date.now() + aheadMs;
}
