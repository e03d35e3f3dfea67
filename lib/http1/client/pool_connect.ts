// Opens a socket to an endpoint within a time. Nothing of a request is sent here: every failure is `unsent`.
import type { Socket } from "../wire/connection.ts";
import { describeEndpoint, type Endpoint } from "../wire/endpoint.ts";
import { HttpError } from "../types.ts";

/**
 * @param signal aborts the attempt; it ends with `aborted`
 * @throws HttpError `connect_failed`, `connect_timeout` or `aborted`
 */
export async function connectEndpoint(endpoint: Endpoint, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  const attempt = new AbortController();
  const stop = () => attempt.abort();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    stop();
  }, timeoutMs);
  signal.addEventListener("abort", stop);
  try {
    return await open(endpoint, attempt.signal);
  } catch (cause) {
    const where = describeEndpoint(endpoint);
    if (late) {
      throw new HttpError("connect_timeout", `cannot connect to ${where} within ${timeoutMs} ms`, { unsent: true });
    }
    if (signal.aborted) throw new HttpError("aborted", `connecting to ${where} was aborted`, { unsent: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HttpError("connect_failed", `cannot connect to ${where}: ${reason}`, { cause, unsent: true });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

async function open(endpoint: Endpoint, signal: AbortSignal): Promise<Socket> {
  if (endpoint.transport === "unix") {
    const conn = await Deno.connect({ transport: "unix", path: endpoint.path });
    return keepUnless(signal, conn);
  }
  const conn = await Deno.connect({ hostname: endpoint.hostname, port: endpoint.port, signal });
  keepUnless(signal, conn);
  conn.setNoDelay(true);
  return endpoint.transport === "tls" ? await secure(conn, endpoint, signal) : conn;
}

function keepUnless<T extends Deno.Conn>(signal: AbortSignal, conn: T): T {
  if (!signal.aborted) return conn;
  conn.close();
  throw new Error("aborted");
}

async function secure(
  conn: Deno.TcpConn,
  endpoint: Endpoint & { transport: "tls" },
  signal: AbortSignal,
): Promise<Deno.TlsConn> {
  const tls = await Deno.startTls(conn, {
    hostname: endpoint.serverName ?? endpoint.hostname,
    caCerts: [...(endpoint.caCerts ?? [])],
    alpnProtocols: ["http/1.1"],
  });
  const close = () => {
    try {
      tls.close();
    } catch {
      // Both the time-out and the failure may close it.
    }
  };
  signal.addEventListener("abort", close);
  try {
    await tls.handshake();
    return keepUnless(signal, tls);
  } catch (cause) {
    close();
    throw cause;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

/** Whether the endpoint said no at once, as one that is just starting does. */
export function isRefused(error: unknown): boolean {
  const cause = error instanceof HttpError ? error.cause : error;
  return cause instanceof Deno.errors.ConnectionRefused || cause instanceof Deno.errors.NotFound;
}

/** Waits. @throws HttpError `aborted` when `signal` fires */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new HttpError("aborted", "the pool is closed", { unsent: true }));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop);
  });
}
