// A message of Signet's own to an upstream, of which only the status matters: bounded in time, its body thrown away.
import type { BodyReader } from "../http1/types.ts";
import type { UpstreamRequest } from "../upstream/upstream.ts";
import type { GatewayParts } from "./parts.ts";

const TIMEOUT_MS = 5000;
const MAX_DRAINED_BYTES = 64 * 1024;

/** The upstream's status. @throws HttpError `upstream_*`, or `aborted` when it takes longer than 5 s */
export async function notify(parts: GatewayParts, request: UpstreamRequest): Promise<number> {
  const call = parts.upstream.send(request);
  const timer = setTimeout(() => call.abort(), TIMEOUT_MS);
  try {
    const response = await call.response;
    try {
      await drain(response.body);
    } finally {
      response.release();
    }
    return response.head.status;
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a small body to its end so that its connection can be used again; leaves a long one. */
async function drain(body: BodyReader): Promise<void> {
  let size = 0;
  for (let piece = await body.read(); piece !== null; piece = await body.read()) {
    if ((size += piece.length) > MAX_DRAINED_BYTES) return;
  }
}
