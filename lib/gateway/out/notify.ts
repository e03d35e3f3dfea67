// Messages of Signet's own to an upstream: bounded in time, whatever the upstream does, and their answers released.
import { HttpError } from "../../http1/types.ts";
import { LostSession, type SessionAnswer } from "../../session/lost_session.ts";
import type { Upstream, UpstreamRequest } from "../../upstream/upstream.ts";

const NOTIFY_TIMEOUT_MS = 5000;

/** How an answer of the upstream is taken. */
export interface Asking<T> {
  /** For the whole of it, `read` included. */
  readonly timeoutMs: number;
  /** What becomes of the answer; afterwards it is released. */
  readonly read: (answer: SessionAnswer) => Promise<T>;
}

/** @throws HttpError `upstream_*`, also when it takes longer than it may; whatever `read` throws */
export async function ask<T>(upstream: Upstream, request: UpstreamRequest, asking: Asking<T>): Promise<T> {
  const { timeoutMs, read } = asking;
  const call = upstream.send(request);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    call.abort();
  }, timeoutMs);
  try {
    const answer = await call.response;
    try {
      return await read(answer);
    } finally {
      answer.release();
    }
  } catch (error) {
    if (!late) throw error;
    throw new HttpError("upstream_timeout", `asking the MCP server: found no whole answer within ${timeoutMs} ms`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A message of whose answer only the status matters: nothing of the body is waited for, as it may stay open.
 * @throws HttpError `upstream_*`, also when it takes longer than 5 s
 */
export async function notify(upstream: Upstream, request: UpstreamRequest): Promise<number> {
  const read = (answer: SessionAnswer) => {
    if (answer instanceof LostSession) return Promise.resolve(404);
    answer.body.takeBuffered(); // a body that is here leaves its connection fit for use
    return Promise.resolve(answer.head.status);
  };
  return await ask(upstream, request, { timeoutMs: NOTIFY_TIMEOUT_MS, read });
}
