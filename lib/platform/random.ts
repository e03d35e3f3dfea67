// The system's randomness, for whatever takes it as a parameter (docs/behaviour.md P4).

/** That many unpredictable bytes. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(length));
}
