// Bodies passed on piece by piece: order, backpressure, and every way it can end.
import assert from "node:assert/strict";
import type { BodyReader, BodySink, ClientResponse } from "../../../../../lib/http1/types.ts";
import { pipeBody as pipeTo } from "../../../../../lib/http1/wire/bodies/body_pipe.ts";
import type { Bytes } from "../../../../../lib/http1/wire/streams/borrowed.ts";
import { DONE } from "../../../../../lib/http1/wire/streams/done.ts";
import { type RawPeer, RawUpstream, textOf, within } from "../../../../support/raw_peer.ts";
import { STRICT } from "../../../../support/strict.ts";
import { aMoment, until } from "../../../../support/until.ts";
import { FedBody, get, poolBefore, type TestPool } from "../../client/pool_support.ts";
import { echo, serve } from "../../server/server_support.ts";

const STREAM = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/** Settles as its listener is told, who is told once. */
function pipeBody(body: BodyReader, sink: BodySink): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let told = 0;
  const tell = (settle: () => void) => {
    assert.equal(++told, 1, "told once");
    settle();
  };
  pipeTo(body, sink, { onPiped: () => tell(resolve), onPipeFailed: (error) => tell(() => reject(error)) });
  return promise;
}

/** A sink that takes pieces only. */
const sinkOf = (write: BodySink["write"]): BodySink => ({ write });

async function streamFrom(test: TestPool, head = STREAM): Promise<{ peer: RawPeer; response: ClientResponse }> {
  const call = test.pool.send(get());
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send(head);
  return { peer, response: await call.response };
}

Deno.test("pipe hands on each piece when it comes, and resolves after the last", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const { peer, response } = await streamFrom(test);
  const pieces: string[] = [];
  const piped = pipeBody(
    response.body,
    sinkOf((bytes) => {
      pieces.push(textOf(bytes));
      return Promise.resolve();
    }),
  );
  for (let i = 0; i < 20; i++) {
    await peer.send(`5\r\npiec${i % 10}\r\n`);
    await until(() => pieces.length === i + 1, "the piece");
    assert.equal(pieces[i], `piec${i % 10}`);
  }
  await peer.send("0\r\n\r\n");
  await within("the end", piped);
  assert.equal(response.body.done, true);
  response.release();
  assert.equal(test.pool.stats.idle, 1);
});

Deno.test("pipe waits for its sink, and its sender for it", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const { peer, response } = await streamFrom(test, "HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n");
  let taken = 0;
  let go: (() => void) | undefined;
  const piped = pipeBody(
    response.body,
    sinkOf((bytes) => {
      taken += bytes.length;
      return new Promise((resolve) => go = resolve);
    }),
  );
  const sending = (async () => {
    for (let i = 0; i < 500; i++) await peer.send(new Uint8Array(100_000));
  })();
  await until(() => taken > 0, "the first piece");
  const first = taken;
  await aMoment(30);
  assert.equal(taken, first, "one piece at a time");
  assert.ok(
    test.pool.stats.traffic.bytesIn < 5e6,
    `${test.pool.stats.traffic.bytesIn} bytes read with nobody taking them`,
  );
  const draining = setInterval(() => go!(), 0);
  await within("the end", piped);
  clearInterval(draining);
  await sending;
  assert.equal(taken, 50_000_000);
  response.release();
});

Deno.test("pipe rejects when its sink does, when the upstream dies and when the call is aborted", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const full = new Error("full");
  const refusing = await streamFrom(test);
  const refused = pipeBody(refusing.response.body, sinkOf(() => Promise.reject(full)));
  await refusing.peer.send("3\r\nabc\r\n");
  await assert.rejects(within("the refusal", refused), full);
  refusing.response.release();

  const dying = await streamFrom(test);
  const died = pipeBody(dying.response.body, sinkOf(() => Promise.resolve()));
  await dying.peer.send("3\r\nabc\r\n");
  await dying.peer.close();
  await assert.rejects(within("the death", died), { code: "upstream_closed" });
  dying.response.release();

  const breaking = await streamFrom(test);
  const broke = pipeBody(breaking.response.body, sinkOf(() => Promise.resolve()));
  await breaking.peer.send("3\r\nabcX");
  await assert.rejects(within("the fault", broke), { code: "upstream_invalid" });
  breaking.response.release();

  const call = test.pool.send(get());
  const peer = await test.upstream.next();
  await peer.takeMessage();
  await peer.send(STREAM + "3\r\nabc\r\n");
  const response = await call.response;
  const aborted = pipeBody(response.body, sinkOf(() => Promise.resolve()));
  call.abort();
  await assert.rejects(within("the abort", aborted), { code: "aborted" });
});

Deno.test("pipe ends with the connection where the body does", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const { peer, response } = await streamFrom(test, "HTTP/1.1 200 OK\r\n\r\n");
  let text = "";
  const piped = pipeBody(
    response.body,
    sinkOf((bytes) => {
      text += textOf(bytes);
      return Promise.resolve();
    }),
  );
  await peer.send("until ");
  await until(() => text !== "", "the first piece");
  await peer.send("the end");
  await peer.close();
  await within("the end", piped);
  assert.equal(text, "until the end");
  response.release();
});

Deno.test("a body is read by one reader at a time", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const { peer, response } = await streamFrom(test);
  const piped = pipeBody(response.body, sinkOf(() => Promise.resolve()));
  await assert.rejects(response.body.read(), TypeError);
  await assert.rejects(pipeBody(response.body, sinkOf(() => Promise.resolve())), TypeError);
  assert.equal(response.body.takeBuffered(), undefined);
  await peer.send("0\r\n\r\n");
  await piped;
  response.release();

  await using second = poolBefore(new RawUpstream());
  const other = await streamFrom(second);
  let go: (() => void) | undefined;
  const held = pipeBody(other.response.body, sinkOf(() => new Promise((resolve) => go = resolve)));
  await other.peer.send("3\r\nabc\r\n0\r\n\r\n");
  await until(() => go !== undefined, "the piece");
  await assert.rejects(other.response.body.read(), TypeError);
  go!();
  await within("the end", held);
  other.response.release();
});

Deno.test("a sink that throws ends its pipe, and nothing else", STRICT, async () => {
  await using test = poolBefore(new RawUpstream());
  const { peer, response } = await streamFrom(test);
  const piped = pipeBody(
    response.body,
    sinkOf(() => {
      throw new TypeError("boom");
    }),
  );
  await peer.send("3\r\nabc\r\n");
  await assert.rejects(within("the fault", piped), /boom/);
  response.release();
});

Deno.test("pipe reads request bodies, and fails with the client", STRICT, async () => {
  const seen: string[] = [];
  let failure: unknown;
  await using server = await serve(async (exchange) => {
    try {
      await pipeBody(
        exchange.body,
        sinkOf((bytes) => {
          seen.push(textOf(bytes));
          return Promise.resolve();
        }),
      );
      await echo(exchange);
    } catch (error) {
      failure = error;
    }
  });
  await using client = await server.connect();
  await client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  await until(() => seen.length === 1, "the first piece");
  await client.send("def");
  assert.equal((await client.takeMessage()).body, "POST /p ");
  assert.deepEqual(seen, ["abc", "def"]);
  await client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  await until(() => seen.length === 3, "the next first piece");
  await client.close();
  await until(() => failure !== undefined, "the failure");
  assert.equal((failure as { code: string }).code, "client_gone");
});

Deno.test("pipeBody reads readers that have no pipe", STRICT, async () => {
  const body = new FedBody(6);
  for (const piece of ["abc", "def", null]) body.feed(piece);
  let text = "";
  await pipeBody(
    body,
    sinkOf((bytes) => {
      text += textOf(bytes);
      return Promise.resolve();
    }),
  );
  assert.equal(text, "abcdef");
});

/** A sink that takes chunks with their framing, and what it was given. */
class ChunkSink implements BodySink {
  readonly takesChunks = true;
  readonly given: string[] = [];
  payload = 0;

  write(bytes: Bytes): Promise<void> {
    this.given.push(`piece ${textOf(bytes)}`);
    this.payload += bytes.length;
    return DONE;
  }

  passChunks(chunks: Bytes, payload: number): Promise<void> {
    this.given.push(`chunks ${textOf(chunks)}`);
    this.payload += payload;
    return DONE;
  }
}

Deno.test(
  "pipe hands on whole plain chunks as they came, together, and all others as their bytes",
  STRICT,
  async () => {
    await using test = poolBefore(new RawUpstream());
    const { peer, response } = await streamFrom(test);
    const sink = new ChunkSink();
    const piped = pipeBody(response.body, sink);
    const steps: [sent: string, given: string[]][] = [
      ["4\r\nabcd\r\n", ["chunks 4\r\nabcd\r\n"]],
      ["4\r\nefgh\r\nA\r\n0123456789\r\n", ["chunks 4\r\nefgh\r\nA\r\n0123456789\r\n"]],
      ["04\r\nijkl\r\n", ["piece ijkl"]],
      ["4;x=y\r\nmnop\r\n", ["piece mnop"]],
      ["3\r\nqrs\r\n", ["piece qrs"]],
      ["4\r\ntuvw\r\n6\r\nxy", ["chunks 4\r\ntuvw\r\n", "piece xy"]],
      ["zABC\r\n4\r\nDEFG\r\n", ["piece zABC", "piece DEFG"]],
      ["4\r\nHIJK\r\n0\r\n\r\n", ["chunks 4\r\nHIJK\r\n"]],
    ];
    for (const [sent, given] of steps) {
      sink.given.length = 0;
      await peer.send(sent);
      await until(() => sink.given.length >= given.length, `what came of ${sent}`);
      assert.deepEqual(sink.given, given);
    }
    await within("the end", piped);
    assert.equal(sink.payload, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJK0123456789".length);
    response.release();
  },
);

Deno.test("pipe lets no chunk pass whose framing is broken, wherever it is broken", STRICT, async () => {
  for (const broken of ["4\r\nabcdX\n", "4\r\nabcd\rX", "4\rXabcd\r\n", "4\nabcd\r\n", "4 \r\nabcd\r\n", "g\r\n"]) {
    await using test = poolBefore(new RawUpstream());
    const { peer, response } = await streamFrom(test);
    const sink = new ChunkSink();
    const piped = pipeBody(response.body, sink);
    await peer.send("4\r\ngood\r\n" + broken + "4\r\nnext\r\n");
    await assert.rejects(within("the fault", piped), { code: "upstream_invalid" }, broken);
    assert.ok(!sink.given.join().includes("next"), broken);
    assert.equal(sink.given[0], "chunks 4\r\ngood\r\n");
    response.release();
  }
});
