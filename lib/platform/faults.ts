// Faults of the program itself that nothing caught: an exception in a callback, a rejection nobody awaits. One runtime would
// end the process without a word in the log, the other print it and go on in whatever state that leaves.
import process from "node:process";

/** Calls `handler` at every one until the returned function is called; neither runtime does anything about it meanwhile. */
export function onFault(handler: (fault: unknown) => void): () => void {
  const told = (fault: unknown) => handler(fault);
  process.on("uncaughtException", told);
  process.on("unhandledRejection", told);
  return () => {
    process.off("uncaughtException", told);
    process.off("unhandledRejection", told);
  };
}
