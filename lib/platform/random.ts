// The system's randomness, for whatever takes it as a parameter (docs/behaviour.md P4).

/** That many unpredictable bytes. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** A number from 0 to below 1, for what need not be unpredictable: samples, pauses that come apart. */
export function chance(): number {
  return Math.random();
}
