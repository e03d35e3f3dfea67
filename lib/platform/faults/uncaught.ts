// Faults of the program itself that nothing caught: an exception in a callback, a rejection nobody awaits. One runtime would
// end the process without a word in the log, the other print it and go on in whatever state that leaves.
import process from "node:process";

/**
 * How it came: an exception broke off whatever was being done at that moment, and nobody can tell what; a rejection is the
 * outcome of one thing that nobody waits for, and nothing else is touched by it.
 */
export type FaultKind = "exception" | "rejection";

/** Calls `handler` at every one until the returned function is called; neither runtime does anything about it meanwhile. */
export function onFault(handler: (fault: unknown, kind: FaultKind) => void): () => void {
  const thrown = (fault: unknown) => handler(fault, "exception");
  const rejected = (fault: unknown) => handler(fault, "rejection");
  process.on("uncaughtException", thrown);
  process.on("unhandledRejection", rejected);
  return () => {
    process.off("uncaughtException", thrown);
    process.off("unhandledRejection", rejected);
  };
}

/** For callbacks of a runtime's, which takes what they throw for something else: as loud as anywhere else, and later. */
export function throwLater(fault: unknown): void {
  queueMicrotask(() => {
    throw fault;
  });
}

/**
 * For whoever goes on whatever it was that failed (a server that could not be told, a store that was not there): a fault of
 * the program itself, by its class, has its line in the log all the same. Without a log at hand it goes the way of a rejection
 * that nobody awaits. Expected failures have classes of their own; a SyntaxError is what somebody else has written.
 */
export function tellIfOwn(fault: unknown): void {
  const isOwn = fault instanceof TypeError || fault instanceof RangeError || fault instanceof ReferenceError;
  if (isOwn) void Promise.reject(fault);
}
