// A server with a scripted handler, for the tests of the server side.
import { Http1Server, serveHttp1, type ServeOptions } from "../../../../lib/http1/server/server.ts";
import type { Exchange, HttpError, HttpErrorCode } from "../../../../lib/http1/types.ts";
import { bytesOf, ManualClock, RawPeer } from "../../../support/raw_peer.ts";

const STATUS: Partial<Record<HttpErrorCode, number>> = {
  bad_request: 400,
  request_timeout: 408,
  body_too_large: 413,
  uri_too_long: 414,
  head_too_large: 431,
  internal: 500,
  coding_unsupported: 501,
  version_unsupported: 505,
};

export function renderError(error: HttpError) {
  return { start: { status: STATUS[error.code] ?? 502, fields: ["x-code", error.code] }, body: bytesOf(error.code) };
}

export interface TestServer extends AsyncDisposable {
  readonly server: Http1Server;
  readonly port: number;
  readonly clock: ManualClock;
  /** Faults of handlers, which must stay empty unless the test makes one. */
  readonly failures: unknown[];
  connect(): Promise<RawPeer>;
}

/** Serves `handler` on a port of its own; time stands still but for `clock`. */
export async function serve(
  handler: (exchange: Exchange) => void | Promise<void>,
  options: Partial<ServeOptions> = {},
): Promise<TestServer> {
  const clock = new ManualClock();
  const failures: unknown[] = [];
  const server = serveHttp1({
    handler,
    renderError,
    now: clock.now,
    onHandlerFailure: (cause) => failures.push(cause),
    ...options,
    // Short time-outs make the sweep frequent; they pass only when the test moves the clock.
    limits: { headTimeoutMs: 80, bodyTimeoutMs: 80, idleTimeoutMs: 80, writeTimeoutMs: 80, ...options.limits },
  });
  const listener = await server.listen({ hostname: "127.0.0.1", port: 0 });
  const port = listener.address.port;
  return {
    server,
    port,
    clock,
    failures,
    connect: () => RawPeer.connect({ port }),
    async [Symbol.asyncDispose]() {
      server.close();
      await Promise.resolve();
    },
  };
}

/** Answers with method, target and body, so that a test sees what has been understood. */
export async function echo(exchange: Exchange): Promise<void> {
  const body = await exchange.body.readAll(Infinity);
  const { method, target } = exchange.head;
  const text = new TextDecoder().decode(body);
  await exchange.respond({ status: 200, fields: ["x-echo", "yes"] }, bytesOf(`${method} ${target} ${text}`));
}
