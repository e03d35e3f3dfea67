// How connections end: clients that abort, half-close or vanish, and the server's own drain. RFC 9112 §9.
import assert from "node:assert/strict";
import { CHUNKED, type Exchange, HttpError, UNTIL_CLOSE } from "../../../../lib/http1/types.ts";
import { ownBytes } from "../../../../lib/http1/wire/streams/borrowed.ts";
import { bytesOf, type RawPeer, within } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { aMoment, until } from "../../../support/until.ts";
import { echo, serve, type TestServer } from "./server_support.ts";

const GET = "GET /g HTTP/1.1\r\nHost: a\r\n\r\n";
const POST = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

/** A handler that keeps its exchange and counts the abort. */
function keeper() {
  const exchanges: Exchange[] = [];
  const aborts: Exchange[] = [];
  return {
    exchanges,
    aborts,
    handler: (exchange: Exchange) => {
      exchange.watcher = { onClientGone: () => void aborts.push(exchange) };
      exchanges.push(exchange);
    },
  };
}

/** A client that has asked and then half-closed, which the server has seen: an interim answer is what tells of it. */
async function halfClosed(server: TestServer, exchanges: readonly Exchange[], asked = POST): Promise<RawPeer> {
  const client = await server.connect();
  await client.send(asked);
  await until(() => exchanges.length === 1, "the request");
  await client.closeWrite();
  assert.equal(await client.takeUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  return client;
}

for (const request of [GET, POST]) {
  const method = request.slice(0, 4).trim();
  Deno.test(`a client that closes while its ${method} is handled reaches its watcher, once`, STRICT, async () => {
    const { exchanges, aborts, handler } = keeper();
    await using server = await serve(handler);
    await using client = await server.connect();
    await client.send(request);
    await until(() => exchanges.length === 1, "the request");
    await client.close();
    await until(() => aborts.length === 1, "the abort");
    assert.equal(exchanges[0]!.aborted, true);
    await until(() => server.server.stats.connectionsOpen === 0, "the connection to go");
    await within("a response to nobody", exchanges[0]!.respond({ status: 200, fields: [] }, bytesOf("late")));
    assert.equal(aborts.length, 1);
    assert.deepEqual(server.failures, []);
  });
}

Deno.test("a client that only half-closes gets its answer, after few interim 100s", STRICT, async () => {
  const { exchanges, aborts, handler } = keeper();
  await using server = await serve(handler);
  await using client = await halfClosed(server, exchanges);
  // Long enough for several more looks at the client.
  await aMoment(50);
  assert.equal(client.received, "");
  exchanges[0]!.respond({ status: 200, fields: [] }, bytesOf("answer"));
  assert.equal((await client.takeMessage()).body, "answer");
  assert.equal(await client.takeToEnd(), "");
  assert.deepEqual(aborts, []);
});

Deno.test("a half-closed client that then closes is noticed, although nothing is written to it", STRICT, async () => {
  const { exchanges, aborts, handler } = keeper();
  await using server = await serve(handler);
  await using client = await halfClosed(server, exchanges);
  assert.deepEqual(aborts, []);
  await client.close();
  exchanges[0]!.begin({ status: 200, fields: [] }, 100_000, new Uint8Array(10));
  await until(() => aborts.length === 1, "the abort");
});

Deno.test("a half-closed client that has read all that was sent, and then closes, is noticed", STRICT, async () => {
  const { exchanges, aborts, handler } = keeper();
  await using server = await serve(handler);
  // What was sent has been taken, so that closing now sends nothing: no reset tells of it.
  await using client = await halfClosed(server, exchanges);
  await client.close();
  await until(() => aborts.length === 1, "the abort");
});

Deno.test("pipelined requests before a half-close are all answered", STRICT, async () => {
  const { exchanges, handler } = keeper();
  await using server = await serve(handler);
  await using client = await server.connect();
  await client.send(GET + POST + GET);
  await client.closeWrite();
  for (let i = 0; i < 3; i++) {
    await until(() => exchanges.length === i + 1, "the next request");
    await exchanges[i]!.body.readAll(10);
    exchanges[i]!.respond({ status: 200, fields: [] }, bytesOf(`answer ${i}`));
  }
  const all = await client.takeToEnd();
  assert.deepEqual(all.match(/answer \d/g), ["answer 0", "answer 1", "answer 2"]);
});

for (
  const [what, body] of [
    ["of a length", "Content-Length: 5\r\n\r\n12345"],
    ["in chunks", "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n12\r\n3\r\n345\r\n0\r\nX: y\r\n\r\n"],
  ] as const
) {
  Deno.test(`what a half-closed client pipelined behind a refused body ${what} is answered`, STRICT, async () => {
    const { exchanges, handler } = keeper();
    await using server = await serve(handler);
    await using client = await halfClosed(server, exchanges, `POST / HTTP/1.1\r\nHost: a\r\n${body}${GET}`);
    await exchanges[0]!.respond({ status: 404, fields: [] }, bytesOf("refused"));
    assert.equal((await client.takeMessage()).body, "refused");
    await until(() => exchanges.length === 2, "the next request");
    await exchanges[1]!.respond({ status: 200, fields: [] }, bytesOf("answer"));
    assert.match(await client.takeToEnd(), /HTTP\/1\.1 200 .*\r\nConnection: close\r\n.*answer$/is);
  });
}

Deno.test("a half-closed client whose refused body is not whole is told that nothing more comes", STRICT, async () => {
  for (const body of ["Content-Length: 99\r\n\r\n12345", "Transfer-Encoding: chunked\r\n\r\n2\r\n12\r\n3\r\n3"]) {
    const { exchanges, handler } = keeper();
    await using server = await serve(handler);
    await using client = await server.connect();
    await client.send(`POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${body}`);
    await until(() => exchanges.length === 1, "the request");
    exchanges[0]!.respond({ status: 404, fields: [] }, bytesOf("refused"));
    await client.closeWrite();
    assert.match(await client.takeToEnd(), /refused$/);
  }
});

Deno.test("HTTP/1.0 clients that half-close get their answer and no interim response", STRICT, async () => {
  const { exchanges, handler } = keeper();
  await using server = await serve(handler);
  await using client = await server.connect();
  await client.send("GET / HTTP/1.0\r\n\r\n");
  await client.closeWrite();
  await until(() => exchanges.length === 1, "the request");
  await aMoment(20);
  exchanges[0]!.respond({ status: 200, fields: [] }, bytesOf("answer"));
  assert.match(await client.takeToEnd(), /^HTTP\/1\.1 200 .*\r\n\r\nanswer$/s);
});

Deno.test("the end of the client ends a stream", STRICT, async () => {
  const aborts: string[] = [];
  let finished = false;
  await using server = await serve(async (exchange) => {
    exchange.watcher = { onClientGone: () => void aborts.push(exchange.head.path) };
    const writer = await exchange.begin({ status: 200, fields: [] }, CHUNKED, bytesOf("event"));
    await until(() => exchange.aborted, "the abort");
    await within("a write to nobody", writer.write(bytesOf("late")));
    await within("an end for nobody", writer.end(bytesOf("late")));
    finished = true;
  });
  await using client = await server.connect();
  await client.send(GET);
  await client.takeUntil("event\r\n");
  await client.close();
  await until(() => finished, "the handler to finish");
  assert.deepEqual(aborts, ["/g"]);
  assert.deepEqual(server.failures, []);
});

Deno.test(
  "a client that vanishes in the middle of its body fails the read, and nothing is answered",
  STRICT,
  async () => {
    let failure: unknown;
    await using server = await serve(async (exchange) => {
      try {
        await exchange.body.readAll(100);
      } catch (error) {
        failure = error;
        await exchange.respond({ status: 400, fields: [] });
      }
    });
    for (const framing of ["Content-Length: 10", "Transfer-Encoding: chunked"]) {
      failure = undefined;
      await using client = await server.connect();
      await client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n4\r\nx`);
      await until(() => server.server.stats.requests > 0, "the request");
      await client.closeWrite();
      assert.equal(await client.takeToEnd(), "");
      await until(() => failure !== undefined, "the failure");
      assert.equal((failure as HttpError).code, "client_gone");
    }
  },
);

Deno.test("a body cannot be read after its exchange has ended", STRICT, async () => {
  const { exchanges, handler } = keeper();
  await using server = await serve(handler);
  await using client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
  await until(() => exchanges.length === 1, "the request");
  const { body } = exchanges[0]!;
  assert.equal(new TextDecoder().decode(ownBytes((await body.read())!)), "12345");
  await exchanges[0]!.respond({ status: 200, fields: [] });
  await client.takeMessage();
  await assert.rejects(body.read(), { code: "aborted" });
  await client.send("67890" + GET);
  await until(() => exchanges.length === 2, "the next request");
  assert.equal(exchanges[1]!.head.target, "/g");
});

Deno.test(
  "drain: idle connections close, requests in flight finish with Connection: close, nobody new is let in",
  STRICT,
  async () => {
    const { exchanges, handler } = keeper();
    await using server = await serve(handler);
    await using idle = await server.connect();
    await using busy = await server.connect();
    await busy.send(POST);
    await until(() => exchanges.length === 1 && server.server.stats.connectionsOpen === 2, "the request");
    const drained = server.server.drain(60_000);
    assert.equal(await idle.takeToEnd(), "");
    await assert.rejects(server.connect());
    exchanges[0]!.respond({ status: 200, fields: [] }, bytesOf("last"));
    const { head, body } = await busy.takeMessage();
    assert.match(head, /connection: close\r\n/);
    assert.equal(body, "last");
    await busy.close();
    assert.equal(await within("the drain", drained), 0);
  },
);

Deno.test("drain: what is not done at the deadline is cut and counted", STRICT, async () => {
  const { exchanges, aborts, handler } = keeper();
  await using server = await serve(handler);
  await using first = await server.connect();
  await using second = await server.connect();
  await first.send(GET);
  await second.send(POST);
  await until(() => exchanges.length === 2, "both requests");
  assert.equal(await within("the drain", server.server.drain(20)), 2);
  assert.equal(await first.takeToEnd(), "");
  assert.equal(await second.takeToEnd(), "");
  assert.equal(aborts.length, 2);
});

Deno.test("drain: a stream that ends in time is not cut, and its connection closes", STRICT, async () => {
  let end: (() => Promise<void>) | undefined;
  await using server = await serve(async (exchange) => {
    const writer = await exchange.begin({ status: 200, fields: [] }, CHUNKED, bytesOf("event"));
    end = () => writer.end();
  });
  await using client = await server.connect();
  await client.send(GET);
  await client.takeUntil("event\r\n");
  const drained = server.server.drain(60_000);
  end!();
  assert.equal(await client.takeToEnd(), "0\r\n\r\n");
  await client.close();
  assert.equal(await within("the drain", drained), 0);
});

Deno.test("notes on a connection live as long as it does", STRICT, async () => {
  await using server = await serve((exchange) => {
    const count = ((exchange.connection.memo as number | undefined) ?? 0) + 1;
    exchange.connection.memo = count;
    exchange.respond({ status: 200, fields: [] }, bytesOf(`${count} ${exchange.connection.remoteAddress}`));
  });
  await using one = await server.connect();
  await using other = await server.connect();
  await one.send(GET + GET);
  assert.equal((await one.takeMessage()).body, "1 127.0.0.1");
  assert.equal((await one.takeMessage()).body, "2 127.0.0.1");
  await other.send(GET);
  assert.equal((await other.takeMessage()).body, "1 127.0.0.1");
});

Deno.test("a handler may answer a body that it has not read, and the client reads the answer", STRICT, async () => {
  await using server = await serve((exchange) =>
    exchange.head.method === "POST" ? exchange.respond({ status: 403, fields: [] }, bytesOf("no")) : echo(exchange)
  );
  await using client = await server.connect();
  for (let i = 0; i < 5; i++) {
    await client.send(POST + GET);
    assert.equal((await client.takeMessage()).body, "no");
    assert.equal((await client.takeMessage()).body, "GET /g ");
  }
  assert.equal(server.server.stats.connectionsAccepted, 1);
});

Deno.test("who follows an exchange hears nothing of a client that goes after its answer", STRICT, async () => {
  const { exchanges, aborts, handler } = keeper();
  await using server = await serve(handler);
  await using client = await server.connect();
  await client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nhi");
  await until(() => exchanges.length === 1, "the request");
  await exchanges[0]!.respond({ status: 200, fields: [] }, bytesOf("answer"));
  assert.equal((await client.takeMessage()).body, "answer");
  // The rest of its body is waited for.
  await client.close();
  await until(() => server.server.stats.connectionsOpen === 0, "the connection to go");
  assert.deepEqual(aborts, []);
});

Deno.test("a half-close in the middle of the next head ends the connection after the answer", STRICT, async () => {
  const { exchanges, handler } = keeper();
  await using server = await serve(handler);
  await using client = await server.connect();
  await client.send(GET + "GET /next HT");
  await client.closeWrite();
  await until(() => exchanges.length === 1, "the request");
  exchanges[0]!.respond({ status: 200, fields: [] }, bytesOf("answer"));
  assert.match(await client.takeToEnd(), /\r\n\r\nanswer$/);
  assert.equal(server.server.stats.requests, 1);
});

Deno.test(
  "an answer up to the connection's end that cannot be sent as it is ends nothing: the next one is written there",
  STRICT,
  async () => {
    await using server = await serve(async (exchange) => {
      const isRefused = (start: { status: number; fields: string[] }) => () => void exchange.begin(start, UNTIL_CLOSE);
      assert.throws(isRefused({ status: 200, fields: ["x", "a\r\nb"] }), TypeError);
      assert.equal(exchange.started, false);
      await echo(exchange);
      assert.throws(isRefused({ status: 200, fields: [] }), /has been started/);
    });
    await using client = await server.connect();
    for (let i = 0; i < 2; i++) {
      await client.send("GET /g HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
      const { head, body } = await client.takeMessage();
      assert.equal(body, "GET /g ");
      assert.doesNotMatch(head, /connection: close/i);
    }
    assert.deepEqual([server.server.stats.connectionsAccepted, server.failures], [1, []]);
  },
);

Deno.test("a handler whose failure cannot be rendered loses its connection, not the server", STRICT, async () => {
  await using server = await serve(() => Promise.reject(new Error("boom")), {
    renderError: () => ({ start: { status: 500, fields: ["x", "a\r\nb"] }, body: new Uint8Array() }),
  });
  await using client = await server.connect();
  await client.send(GET);
  assert.equal(await client.takeToEnd(), "");
  assert.equal(server.failures.length, 2);
});

Deno.test("a watcher that throws is reported, and harms nobody", STRICT, async () => {
  await using server = await serve((exchange) => {
    const onClientGone = () => {
      throw new Error("boom");
    };
    exchange.watcher = { onClientGone };
  });
  await using client = await server.connect();
  await client.send(GET);
  await until(() => server.server.stats.requests === 1, "the request");
  await client.close();
  await until(() => server.failures.length === 1, "the report");
  assert.equal(server.server.stats.connectionsOpen, 0);
});
