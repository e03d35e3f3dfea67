// Signals: those that this process gets, and those that it sends.
import process from "node:process";

/** Those that people, supervisors and rotations of logs send: each would end a process that does not hear it. */
export const SIGNALS = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
export type SignalName = typeof SIGNALS[number];

/**
 * Calls `handler` at each of these signals; answers how to stop that. Who has been stopped is about to end by itself: one
 * more of the same signal, as key presses and process groups bring it, is not left to the system, which would end it with
 * another exit code and without its last words. Nothing, where the system lacks the signal.
 */
export function onSignal(signal: SignalName, handler: () => void): () => void {
  const listener = () => handler();
  try {
    process.on(signal, listener);
  } catch {
    return () => {}; // Windows lacks some.
  }
  return () => {
    process.on(signal, ignore);
    process.off(signal, listener);
  };
}

function ignore(): void {}

/**
 * Sends a signal to a process, or to a group by its number below 0. Nothing if it has ended by itself, or is not ours to
 * signal: who has to know looks again.
 */
export function signalProcess(pid: number, signal: "SIGKILL" | "SIGTERM" | "SIGCONT"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // see above
  }
}
