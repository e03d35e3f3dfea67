// Opens a socket to an endpoint within a time. Nothing of a request is sent here: every failure is `unsent`.
import { certificateWords } from "../../platform/faults/certificate_fault.ts";
import { systemFault } from "../../platform/faults/system_fault.ts";
import { NETWORK } from "../../platform/sockets.ts";
import type { Socket } from "../../platform/sockets/socket.ts";
import { atDeadline } from "../../platform/time/timers.ts";
import { HttpError } from "../types.ts";
import { describeEndpoint, type Endpoint } from "../wire/endpoint.ts";

/**
 * @param signal aborts the attempt; it ends with `aborted`
 * @throws HttpError `connect_failed`, `connect_timeout` or `aborted`
 */
export async function connectEndpoint(endpoint: Endpoint, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  const attempt = new AbortController();
  const stop = () => attempt.abort();
  let late = false;
  const onTime = atDeadline(timeoutMs, () => {
    late = true;
    stop();
  });
  signal.addEventListener("abort", stop);
  try {
    return await NETWORK.connect(endpoint, attempt.signal);
  } catch (cause) {
    const where = describeEndpoint(endpoint);
    if (late) {
      throw new HttpError("connect_timeout", `connecting to ${where}: found no connection within ${timeoutMs} ms`, {
        unsent: true,
      });
    }
    if (signal.aborted) throw new HttpError("aborted", `connecting to ${where}: it was aborted`, { unsent: true });
    const reason = certificateWords(cause) ?? (cause instanceof Error ? cause.message : String(cause));
    throw new HttpError("connect_failed", `connecting to ${where}: ${reason}`, { cause, unsent: true });
  } finally {
    onTime();
    signal.removeEventListener("abort", stop);
  }
}

/** Whether the endpoint said no at once, as one that is just starting does. */
export function isRefused(error: unknown): boolean {
  const cause = error instanceof HttpError ? error.cause : error;
  const fault = systemFault(cause);
  return fault === "ConnectionRefused" || fault === "NotFound";
}

/** Waits. @throws HttpError `aborted` when `signal` fires */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new HttpError("aborted", "connecting: the pool is closed", { unsent: true }));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop);
  });
}
