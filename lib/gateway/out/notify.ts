// Messages of Signet's own to an upstream: bounded in time, whatever the upstream does, and their answers released.
import { type BodyReader, type ClientResponse, HttpError } from "../../http1/types.ts";
import type { UpstreamRequest } from "../../upstream/upstream.ts";
import type { GatewayParts } from "../parts.ts";

const NOTIFY_TIMEOUT_MS = 5000;
const MAX_DRAINED_BYTES = 64 * 1024;

/** How an answer of the upstream is taken. */
export interface Asking<T> {
  /** For the whole of it, `read` included. */
  readonly timeoutMs: number;
  /** What becomes of the answer; afterwards it is released. */
  readonly read: (response: ClientResponse) => Promise<T>;
}

/** @throws HttpError `upstream_*`, also when it takes longer than it may; whatever `read` throws */
export async function ask<T>(parts: GatewayParts, request: UpstreamRequest, asking: Asking<T>): Promise<T> {
  const { timeoutMs, read } = asking;
  const call = parts.upstream.send(request);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    call.abort();
  }, timeoutMs);
  try {
    const response = await call.response;
    try {
      return await read(response);
    } finally {
      response.release();
    }
  } catch (error) {
    if (!late) throw error;
    throw new HttpError("upstream_timeout", `no whole answer came within ${timeoutMs} ms`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** A message of whose answer only the status matters. @throws HttpError `upstream_*`, also when it takes longer than 5 s */
export async function notify(parts: GatewayParts, request: UpstreamRequest): Promise<number> {
  const read = async (response: ClientResponse) => {
    await drain(response.body);
    return response.head.status;
  };
  return await ask(parts, request, { timeoutMs: NOTIFY_TIMEOUT_MS, read });
}

/** Reads a small body to its end so that its connection can be used again; leaves a long one. */
async function drain(body: BodyReader): Promise<void> {
  let size = 0;
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    if ((size += piece.length) > MAX_DRAINED_BYTES) return;
  }
}
