// The answer of somebody who is asked over HTTP for what is decided by: key sets, introspection, resolvers, token endpoints.
// Read to its end within bounds of time and bytes, from the address that was asked alone, in no content coding. What goes
// wrong is one error, whose words name no address: a query may hold a secret.
import { describeError } from "../platform/faults/error_name.ts";
import { GatheredBytes } from "../platform/memory/gathered_bytes.ts";
import { isCoded, uncoded } from "../platform/network/uncoded.ts";

/** As much of `fetch` as is used here. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface AnswerBounds {
  /** For the whole exchange, in ms. */
  readonly timeoutMs: number;
  /** Longest answer read, in bytes, whatever Content-Length says. */
  readonly maxBytes: number;
  /** Hears the status before the body is read. */
  readonly onStatus?: (status: number) => void;
}

/** What was found in place of a whole answer. */
export class AnswerFault extends Error {
  override readonly name = "AnswerFault";
  readonly kind: "late" | "coded" | "long" | "broken";

  constructor(kind: AnswerFault["kind"], found: string, options?: ErrorOptions) {
    super(found, options);
    this.kind = kind;
  }
}

/** @param ask of the system's network. @param init without a signal: the time-out is the bound. @throws AnswerFault */
export async function fetchWhole(
  ask: Fetch,
  { url, init }: { readonly url: string; readonly init: RequestInit },
  bounds: AnswerBounds,
): Promise<Response> {
  const { timeoutMs, onStatus } = bounds;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  try {
    // A redirect would move the trust in who is asked to wherever it points.
    const response = await ask(url, uncoded({ ...init, redirect: "manual", signal: abort.signal }));
    if (isCoded(response)) {
      await response.body?.cancel();
      throw new AnswerFault("coded", "a compressed answer, which was not asked for");
    }
    onStatus?.(response.status);
    const body = await readAll(response, bounds);
    // 204 and its like allow no body, not even an empty one.
    return new Response(body.length === 0 ? null : body, { status: response.status, headers: response.headers });
  } catch (cause) {
    if (abort.signal.aborted) throw new AnswerFault("late", `no answer within ${timeoutMs} ms`, { cause });
    if (cause instanceof AnswerFault) throw cause;
    throw new AnswerFault("broken", reasonOf(cause), { cause });
  } finally {
    clearTimeout(timer);
  }
}

async function readAll(response: Response, { maxBytes }: AnswerBounds): Promise<Uint8Array<ArrayBuffer>> {
  const body = new GatheredBytes();
  // Leaving the loop early cancels the body.
  for await (const chunk of response.body ?? []) {
    if (body.size + chunk.length > maxBytes) throw new AnswerFault("long", `more than ${maxBytes} bytes`);
    body.add(chunk);
  }
  return body.take();
}

/** Why nothing came, or not all of it; the name of the error alone where its words hold an address. */
function reasonOf(cause: unknown): string {
  const reason = describeError(cause).replace(/^TypeError: /, "");
  return reason.includes("://") ? reason.split(/[\s:]/, 1)[0]! : reason;
}
