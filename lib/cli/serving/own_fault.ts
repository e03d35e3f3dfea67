// What becomes of a fault of Signet's own that nothing caught: each has its line in the log. One that broke off what was being
// done ends the process, since nobody can tell what state it has left: no drain, the next process begins anew. One thing that
// nobody waits for takes nothing else with it when it fails: no caller's request may end Signet for all (P2).
import type { Logger } from "../../observe/log.ts";
import { describeError } from "../../platform/faults/error_name.ts";
import type { FaultKind } from "../../platform/faults/uncaught.ts";

/** @param end called for one that ends the process */
export function tellOwnFaults(log: Logger, end: () => void): (fault: unknown, kind: FaultKind) => void {
  return (fault, kind) => {
    const facts = {
      error: describeError(fault),
      stack: fault instanceof Error ? fault.stack : undefined,
    };
    if (kind === "rejection") return log.error("a fault of Signet's own: what it was about was given up", facts);
    log.error("a fault of Signet's own: it ends", facts);
    end();
  };
}
