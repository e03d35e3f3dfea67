// What the runtime tells of as rejected and awaited by nobody: a fault of the program's own, or one that it should have silenced.

/** Why promises were rejected that nobody awaited while something was done, or had not yet when it was over. */
export async function unhandledDuring(run: () => Promise<unknown>): Promise<unknown[]> {
  const told: unknown[] = [];
  const hear = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    told.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", hear);
  try {
    await run();
    // It is told of once all that was due has run.
    await new Promise((resolve) => setTimeout(resolve, 0));
  } finally {
    globalThis.removeEventListener("unhandledrejection", hear);
  }
  return told;
}
