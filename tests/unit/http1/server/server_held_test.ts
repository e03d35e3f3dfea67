// lib/http1/server/server_connection.ts where the socket has taken an answer and then says that it waits for the client: its
// connection goes on to what is next, and whatever ends that first sends the answer, or waits as long as for any other.
import assert from "node:assert/strict";
import { ByteAccount } from "../../../../lib/http1/byte_account.ts";
import { SentAnswers } from "../../../../lib/http1/server/sent_answers.ts";
import { Http1Connection } from "../../../../lib/http1/server/server_connection.ts";
import { DEFAULT_SERVER_LIMITS } from "../../../../lib/http1/server/server_context.ts";
import { Sweep } from "../../../../lib/http1/wire/deadline.ts";
import { DEFAULT_HEAD_LIMITS } from "../../../../lib/http1/wire/fields/fields_parse.ts";
import { Traffic } from "../../../../lib/http1/wire/streams/traffic.ts";
import type { SocketOwner } from "../../../../lib/platform/sockets/socket.ts";
import { bytesOf, ManualClock } from "../../../support/raw_peer.ts";
import { STILL_SOCKET } from "../../../support/still_socket.ts";
import { STRICT } from "../../../support/strict.ts";
import { renderError } from "./server_support.ts";

/** A connection whose answer waits: `goOut` ends that. */
async function scene(fields = "") {
  const log: string[] = [];
  const clock = new ManualClock();
  let owner!: SocketOwner;
  const socket = {
    ...STILL_SOCKET,
    own: (by: SocketOwner) => void (owner = by),
    closeWrite: () => Promise.resolve(void log.push("end")),
    close: () => void log.push("close"),
  };
  const connection = new Http1Connection(
    {
      handler: (exchange) => void exchange.respond({ status: 200, fields: [] }, bytesOf("answer")),
      renderError,
      sentAnswers: new SentAnswers(),
      limits: DEFAULT_SERVER_LIMITS,
      bodies: { side: "request", maxBytes: DEFAULT_SERVER_LIMITS.maxBodyBytes },
      headLimits: DEFAULT_HEAD_LIMITS,
      traffic: new Traffic(),
      account: new ByteAccount(),
      sweep: new Sweep({ now: clock.now, intervalMs: 1000 }),
      draining: false,
      onRequest() {},
      onError() {},
      onTlsFault() {},
      onHandlerFailure: (cause) => assert.fail(String(cause)),
      onClosed() {},
      makeRoom: () => false,
    },
    socket,
    { remoteAddress: "127.0.0.1", remotePort: 1, secure: false, inner: false },
  );
  connection.start();
  const memory = owner.takeMemory();
  const request = bytesOf(`GET / HTTP/1.1\r\nhost: a\r\n${fields}\r\n`);
  memory.set(request);
  owner.onBytes(memory, request.length);
  const held = Promise.withResolvers<void>();
  owner.onHeld!(held.promise);
  await settled();
  const wait = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 500) {
      clock.advance(500);
      connection.onSweep(clock.now());
    }
    await settled();
  };
  const goOut = async () => {
    held.resolve();
    await settled();
  };
  return { connection, log, wait, goOut, end: () => owner.onEnd(undefined) };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("a client that ends its stream gets the answer that waits, and then the end", STRICT, async () => {
  const { log, end, goOut } = await scene();
  end();
  await settled();
  assert.deepEqual(log, []);
  await goOut();
  assert.deepEqual(log, ["end", "close"]);
});

Deno.test("an answer that closes and waits is not cut by the time for closing", STRICT, async () => {
  const { log, wait, end, goOut } = await scene("connection: close\r\n");
  await wait(10_000);
  end();
  assert.deepEqual(log, []);
  await goOut();
  assert.deepEqual(log, ["end", "close"]);
});

Deno.test("a server that drains ends a connection at rest behind the answer that waits", STRICT, async () => {
  const { connection, log, goOut } = await scene();
  assert.ok(connection.idle && connection.busy);
  connection.leave();
  await settled();
  assert.deepEqual(log, []);
  await goOut();
  assert.deepEqual(log, ["end"]);
  assert.ok(!connection.busy);
  connection.close();
});

Deno.test(
  "an answer that nobody takes has the write time-out, whatever its connection does meanwhile",
  STRICT,
  async () => {
    for (const fields of ["", "connection: close\r\n"]) {
      const { log, wait } = await scene(fields);
      await wait(DEFAULT_SERVER_LIMITS.writeTimeoutMs - 1000);
      assert.deepEqual(log, []);
      await wait(2000);
      assert.deepEqual(log, ["close"]);
    }
  },
);

Deno.test("a caller's answer that waits gives way to nobody", STRICT, async () => {
  const { connection, goOut } = await scene();
  assert.notEqual(connection.waitingSinceMs, undefined);
  connection.trusted = true;
  assert.equal(connection.waitingSinceMs, undefined);
  await goOut();
  assert.notEqual(connection.waitingSinceMs, undefined);
  connection.close();
});
