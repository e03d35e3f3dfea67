// A deadline for a child that a test speaks with as it runs: whoever waits for it fails by its end in place of hanging.

/** Ends `child` after `deadlineMs`, and says so, unless it has ended by then. For one that runs to its end by itself: scripts/bounded_child.ts. */
export function endOverdue(child: Deno.ChildProcess, what: string, deadlineMs = 120_000): void {
  const timer = setTimeout(() => {
    console.error(`!! ending ${what}, pid ${child.pid}: it has run for ${deadlineMs / 1000} s`);
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended at this very moment.
    }
  }, deadlineMs);
  child.status.finally(() => clearTimeout(timer));
}
