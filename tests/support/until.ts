// Waiting for what another process, socket or turn of the event loop will bring about: by looking again and again, never by
// sleeping for as long as it usually takes. Who wants to see that nothing comes gives it `aMoment`.

/** How long anything may take, in ms: generous, for machines that are busy. Only a test that fails waits for so long. */
export const PATIENCE_MS = 30_000;

/**
 * Resolves as soon as `holds` does.
 * @param what is waited for; a function is asked when it was in vain
 * @throws Error naming `what` after {@link PATIENCE_MS}
 */
export async function until(holds: () => boolean | Promise<boolean>, what: string | (() => string)): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await holds()) {
    if (performance.now() > deadline) {
      throw new Error(`waited in vain: ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** What `promise` comes to. @throws Error naming `what` after {@link PATIENCE_MS}, where a test would hang */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain: ${what}`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** So long, in ms, what is not to happen has time to happen. A slow machine makes a test of an absence pass, never fail. */
export async function aMoment(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
