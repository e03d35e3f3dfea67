// A server with a scripted handler, for the tests of the server side.
import { Http1Server, serveHttp1, type ServeOptions } from "../../../../lib/http1/server/server.ts";
import { type Exchange, HTTP_ERROR_STATUS, type HttpError } from "../../../../lib/http1/types.ts";
import { bytesOf, ManualClock, RawPeer } from "../../../support/raw_peer.ts";

export function renderError(error: HttpError) {
  return {
    start: { status: HTTP_ERROR_STATUS[error.code], fields: ["x-code", error.code] },
    body: bytesOf(error.code),
  };
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
