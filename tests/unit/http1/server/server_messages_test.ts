// The server reads and frames messages: keep-alive, pipelining, torn packets, bodies, Expect, HTTP/1.0. RFC 9112.
import assert from "node:assert/strict";
import { CHUNKED, type Exchange, newMadeHead } from "../../../../lib/http1/types.ts";
import { ownBytes } from "../../../../lib/http1/wire/streams/borrowed.ts";
import { bytesOf } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { aMoment, until } from "../../../support/until.ts";
import { echo, serve } from "./server_support.ts";

const POST = "POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED_POST =
  "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
const GET = "GET /g HTTP/1.1\r\nHost: a\r\n\r\n";

Deno.test("a server answers one request after the other on one connection", STRICT, async () => {
  await using server = await serve(echo);
  await using client = await server.connect();
  for (const [request, answer] of [[POST, "POST /mcp hello"], [GET, "GET /g "], [CHUNKED_POST, "POST /c abcde"]]) {
    await client.send(request!);
    const { status, body, head } = await client.takeMessage();
    assert.equal(status, 200);
    assert.equal(body, answer);
    assert.doesNotMatch(head, /connection:/i);
  }
  assert.equal(server.server.stats.requests, 3);
  assert.equal(server.server.stats.connectionsAccepted, 1);
  assert.deepEqual(server.failures, []);
});

for (const size of [1, 2, 3, 7]) {
  Deno.test(`a server understands the same when requests arrive in pieces of ${size} bytes`, STRICT, async () => {
    await using server = await serve(echo);
    await using client = await server.connect();
    await client.sendTorn(POST + CHUNKED_POST + GET, size);
    assert.equal((await client.takeMessage()).body, "POST /mcp hello");
    assert.equal((await client.takeMessage()).body, "POST /c abcde");
    assert.equal((await client.takeMessage()).body, "GET /g ");
  });
}

Deno.test("a server answers pipelined requests in their order, however long each takes", STRICT, async () => {
  const pending: Exchange[] = [];
  await using server = await serve((exchange) => void pending.push(exchange));
  await using client = await server.connect();
  await client.send(GET.replace("/g", "/1") + POST + GET.replace("/g", "/3"));
  for (const expected of ["/1", "/mcp", "/3"]) {
    await until(() => pending.length > 0, "the next request");
    assert.equal(pending.length, 1, "one request of a connection at a time");
    const exchange = pending.shift()!;
    assert.equal(exchange.head.target, expected);
    if (expected === "/mcp") assert.equal(new TextDecoder().decode(ownBytes(exchange.body.takeBuffered()!)), "hello");
    exchange.respond({ status: 200, fields: [] }, bytesOf(expected));
    assert.equal((await client.takeMessage()).body, expected);
  }
});

Deno.test("a server stops reading pipelined requests at the bound", STRICT, async () => {
  const pending: Exchange[] = [];
  await using server = await serve((exchange) => void pending.push(exchange), { limits: { maxPipelinedBytes: 8192 } });
  await using client = await server.connect();
  await client.send(GET);
  await until(() => pending.length === 1, "the first request");
  const more = GET.repeat(100_000);
  const sending = client.send(more);
  sending.catch(() => {});
  await until(() => server.server.stats.traffic.bytesIn > 8192, "the pipeline to fill up");
  const reached = server.server.stats.traffic.bytesIn;
  await aMoment(30);
  assert.equal(server.server.stats.traffic.bytesIn, reached, "reading has stopped");
  assert.ok(reached < 128 * 1024, `read ${reached} bytes ahead`);
  await client.close();
});

Deno.test("a body that is not read costs the connection nothing when it is small", STRICT, async () => {
  await using server = await serve((exchange) => exchange.respond({ status: 200, fields: [] }, bytesOf("no")));
  await using client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n");
  const first = await client.takeMessage();
  assert.doesNotMatch(first.head, /connection: close/);
  await client.send("x".repeat(30000) + CHUNKED_POST + GET);
  for (let i = 0; i < 2; i++) assert.equal((await client.takeMessage()).body, "no");
});

Deno.test(
  "a big body that is not read ends the connection, after the client could read the answer",
  STRICT,
  async () => {
    await using server = await serve((exchange) => exchange.respond({ status: 401, fields: [] }, bytesOf("no")), {
      limits: { maxBodyBytes: 100e6 },
    });
    await using client = await server.connect();
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    await client.send("x".repeat(3_000_000));
    const { status, head, body } = await client.takeMessage();
    assert.equal(status, 401);
    assert.match(head, /connection: close\r\n/);
    assert.equal(body, "no");
    await client.takeToEnd();
    assert.equal(client.reset, false, "no reset can have eaten the answer");
  },
);

Deno.test("an endless chunked body that is not read ends the connection", STRICT, async () => {
  await using server = await serve((exchange) => exchange.respond({ status: 200, fields: [] }, bytesOf("no")));
  await using client = await server.connect();
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  const endless = (async () => {
    while (!client.ended) await client.send(`1000\r\n${"x".repeat(4096)}\r\n`);
  })();
  assert.equal((await client.takeMessage()).status, 200);
  await client.takeToEnd();
  await endless.catch(() => {});
  // The client does not close: it is given two seconds, no more.
  server.clock.advance(2000);
  await until(() => server.server.stats.connectionsOpen === 0, "the connection to be gone");
});

Deno.test("100 Continue is sent when the handler reads the body, and not before", STRICT, async () => {
  let read: (() => void) | undefined;
  const asked = new Promise<void>((resolve) => read = resolve);
  await using server = await serve(async (exchange) => {
    await asked;
    await echo(exchange);
  });
  await using client = await server.connect();
  await client.send("POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  await until(() => server.server.stats.requests === 1, "the request");
  assert.equal(client.received, "");
  read!();
  assert.equal(await client.takeUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  await client.send("hello" + GET);
  assert.equal((await client.takeMessage()).body, "POST /e hello");
  assert.equal((await client.takeMessage()).body, "GET /g ");
});

Deno.test(
  "a final status without a 100 ends the connection: nobody can know whether the body comes",
  STRICT,
  async () => {
    await using server = await serve((exchange) => exchange.respond({ status: 413, fields: [] }));
    await using client = await server.connect();
    await client.send("POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    const { head } = await client.takeMessage();
    assert.match(head, /^HTTP\/1\.1 413 .*connection: close\r\n/s);
    await client.closeWrite();
    assert.equal(await client.takeToEnd(), "");
  },
);

Deno.test("HEAD, 204 and 304 are answered without a body, and the next answer follows", STRICT, async () => {
  await using server = await serve((exchange) => {
    const status = { "/204": 204, "/304": 304 }[exchange.head.path] ?? 200;
    return exchange.respond({ status, fields: [] }, status === 200 ? bytesOf("body") : undefined);
  });
  await using client = await server.connect();
  await client.send(
    "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n" + GET.replace("/g", "/204") + GET.replace("/g", "/304") + GET,
  );
  const head = await client.takeMessage({ bodiless: true });
  assert.match(head.head, /content-length: 4\r\n/);
  assert.equal((await client.takeMessage({ bodiless: true })).status, 204);
  assert.equal((await client.takeMessage({ bodiless: true })).status, 304);
  assert.equal((await client.takeMessage()).body, "body");
});

Deno.test(
  "a head sent before announces each answer's own length: of one in pieces, and of HEAD, too",
  STRICT,
  async () => {
    const start = { status: 200, fields: ["x", "y"], made: newMadeHead(false) };
    await using server = await serve(async (exchange) => {
      const body = "b".repeat(Number(exchange.head.path.slice(1)));
      if (body.length < 20) return await exchange.respond(start, bytesOf(body));
      const writer = await exchange.begin(start, body.length, bytesOf(body.slice(0, 5)));
      await writer.end(bytesOf(body.slice(5)));
    });
    await using client = await server.connect();
    for (const length of [3, 3, 12, 40, 3, 41]) {
      for (const method of ["GET", "HEAD"]) {
        await client.send(`${method} /${length} HTTP/1.1\r\nHost: a\r\n\r\n`);
        const { head, body } = await client.takeMessage({ bodiless: method === "HEAD" });
        assert.match(head, new RegExp(`\r\nx: y\r\ncontent-length: ${length}\r\n`));
        if (method === "GET") assert.equal(body, "b".repeat(length));
      }
    }
  },
);

Deno.test("a response in pieces is chunked, and its pieces arrive one by one", STRICT, async () => {
  let go: (() => void) | undefined;
  await using server = await serve(async (exchange) => {
    const writer = await exchange.begin({ status: 200, fields: [] }, CHUNKED, bytesOf("one"));
    await new Promise<void>((resolve) => go = resolve);
    await writer.write(bytesOf(""));
    await writer.write(bytesOf("two"));
    await writer.end(bytesOf("three"));
  });
  await using client = await server.connect();
  await client.send(GET + GET);
  assert.match(await client.takeUntil("one\r\n"), /transfer-encoding: chunked\r\n\r\n3\r\none\r\n$/);
  assert.equal(client.received, "");
  go!();
  assert.equal(await client.takeUntil("0\r\n\r\n"), "3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n");
  await client.takeUntil("one\r\n");
  go!();
  await client.takeUntil("0\r\n\r\n");
});

Deno.test("a response of a million bytes arrives whole, by length and by chunks", STRICT, async () => {
  const big = new Uint8Array(1_000_003).map((_, i) => 97 + i % 26);
  await using server = await serve(async (exchange) => {
    if (exchange.head.path === "/whole") return await exchange.respond({ status: 200, fields: [] }, big);
    const length = exchange.head.path === "/length" ? big.length : CHUNKED;
    const writer = await exchange.begin({ status: 200, fields: [] }, length, big.subarray(0, 100_000));
    for (let i = 100_000; i < big.length; i += 100_000) await writer.write(big.subarray(i, i + 100_000));
    await writer.end();
  });
  await using client = await server.connect();
  const expected = String.fromCharCode(...big.subarray(0, 26)).repeat(40_000).slice(0, big.length);
  for (const path of ["/whole", "/length", "/chunked"]) {
    await client.send(GET.replace("/g", path));
    assert.equal((await client.takeMessage()).body === expected, true, path);
  }
});

Deno.test("a handler that does not await its writes gets them out in order all the same", STRICT, async () => {
  await using server = await serve(async (exchange) => {
    const writer = await exchange.begin({ status: 200, fields: [] }, CHUNKED);
    for (let i = 0; i < 500; i++) writer.write(bytesOf(`${i},`.padEnd(1000, ".")));
    writer.end(bytesOf("end"));
  });
  await using client = await server.connect();
  await client.send(GET);
  const { body } = await client.takeMessage();
  assert.equal(body.replaceAll(".", ""), [...Array(500).keys()].join(",") + ",end");
});

Deno.test("a response shorter than announced is cut off, never completed", STRICT, async () => {
  await using server = await serve(async (exchange) => {
    const writer = await exchange.begin({ status: 200, fields: [] }, 10, bytesOf("four"));
    await writer.end();
  });
  await using client = await server.connect();
  await client.send(GET);
  assert.match(await client.takeToEnd(), /content-length: 10\r\n\r\nfour$/);
  assert.equal(server.failures.length, 1);
});

Deno.test("an aborted response is cut off, never completed", STRICT, async () => {
  await using server = await serve(async (exchange) => {
    const writer = await exchange.begin({ status: 200, fields: [] }, CHUNKED, bytesOf("part"));
    writer.abort();
  });
  await using client = await server.connect();
  await client.send(GET);
  assert.match(await client.takeToEnd(), /\r\n\r\n4\r\npart\r\n$/);
});

Deno.test("HTTP/1.0 gets close unless it asks for more, and no chunks", STRICT, async () => {
  await using server = await serve(async (exchange) => {
    if (exchange.head.path === "/whole") return await exchange.respond({ status: 200, fields: [] }, bytesOf("whole"));
    const writer = await exchange.begin({ status: 200, fields: [] }, CHUNKED, bytesOf("pie"));
    await writer.end(bytesOf("ces"));
  });
  await using keeping = await server.connect();
  await keeping.send("GET /whole HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  assert.match((await keeping.takeMessage()).head, /connection: keep-alive\r\n/);
  await keeping.send("GET /whole HTTP/1.0\r\n\r\n");
  assert.match((await keeping.takeMessage()).head, /connection: close\r\n/);
  await keeping.closeWrite();
  assert.equal(await keeping.takeToEnd(), "");
  await using streaming = await server.connect();
  await streaming.send("GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  await streaming.takeUntil("\r\n\r\n");
  await streaming.waitFor("the body", () => streaming.received === "pieces");
});

Deno.test("Connection: close is honoured, and what follows is not answered", STRICT, async () => {
  await using server = await serve(echo);
  await using client = await server.connect();
  await client.send(GET.replace("Host: a", "Host: a\r\nConnection: close") + GET);
  assert.match((await client.takeMessage()).head, /connection: close\r\n/);
  await client.closeWrite();
  assert.equal(await client.takeToEnd(), "");
  assert.equal(server.server.stats.requests, 1);
});

Deno.test("a handler that throws, rejects or has begun: 500, 500, cut off; the server lives on", STRICT, async () => {
  await using server = await serve((exchange) => {
    if (exchange.head.path === "/throws") throw new Error("boom");
    if (exchange.head.path === "/rejects") return Promise.reject(new Error("boom"));
    return exchange.begin({ status: 200, fields: [] }, CHUNKED).then(() => Promise.reject(new Error("boom")));
  });
  await using client = await server.connect();
  for (const path of ["/throws", "/rejects"]) {
    await client.send(GET.replace("/g", path));
    const { status, body } = await client.takeMessage();
    assert.equal(status, 500);
    assert.equal(body, "internal");
  }
  await client.send(GET);
  assert.match(await client.takeToEnd(), /transfer-encoding: chunked\r\n\r\n$/);
  assert.equal(server.failures.length, 3);
});

Deno.test("a second answer to a request is refused, and the first one stands", STRICT, async () => {
  let second: unknown;
  await using server = await serve((exchange) => {
    exchange.respond({ status: 200, fields: [] }, bytesOf("first"));
    try {
      exchange.respond({ status: 500, fields: [] });
    } catch (error) {
      second = error;
    }
  });
  await using client = await server.connect();
  await client.send(GET);
  assert.equal((await client.takeMessage()).body, "first");
  assert.ok(second instanceof TypeError);
});

Deno.test("takeBuffered consumes nothing unless the whole body is there", STRICT, async () => {
  const seen: (string | undefined)[] = [];
  await using server = await serve(async (exchange) => {
    const taken = exchange.body.takeBuffered();
    seen.push(taken && new TextDecoder().decode(ownBytes(taken)));
    const rest = new TextDecoder().decode(await exchange.body.readAll(100));
    await exchange.respond({ status: 200, fields: [] }, bytesOf(rest));
  });
  await using client = await server.connect();
  await client.send(POST);
  await client.takeMessage();
  await client.send(CHUNKED_POST);
  await client.takeMessage();
  await client.send(CHUNKED_POST.slice(0, -9));
  await until(() => seen.length === 3, "the third request");
  await client.send(CHUNKED_POST.slice(-9));
  assert.equal((await client.takeMessage()).body, "abcde");
  await client.send(POST.slice(0, -2));
  await until(() => seen.length === 4, "the fourth request");
  await client.send("lo");
  assert.equal((await client.takeMessage()).body, "hello");
  assert.deepEqual(seen, ["hello", "abcde", undefined, undefined]);
});

Deno.test("bodies of all sizes come through readAll and read as they were sent", STRICT, async () => {
  await using server = await serve(async (exchange) => {
    let sum = 0;
    let length = 0;
    const add = (bytes: Uint8Array) => {
      for (const byte of bytes) sum = (sum * 31 + byte) % 1_000_003;
      length += bytes.length;
    };
    if (exchange.head.path === "/all") add(await exchange.body.readAll(10e6));
    else {for (let piece = await exchange.body.read(); piece !== null; piece = await exchange.body.read()) {
        add(ownBytes(piece));
      }}
    await exchange.respond({ status: 200, fields: [] }, bytesOf(`${length} ${sum}`));
  });
  await using client = await server.connect();
  for (const size of [1, 2000, 2048, 4096, 16384, 65536, 300_000]) {
    const body = Array.from({ length: size }, (_, i) => String.fromCharCode(i * 7 % 251)).join("");
    let sum = 0;
    for (const byte of bytesOf(body)) sum = (sum * 31 + byte) % 1_000_003;
    for (const path of ["/all", "/pieces"]) {
      await client.send(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${body}`);
      assert.equal((await client.takeMessage()).body, `${size} ${sum}`);
      const half = size >> 1;
      const chunks = half === 0
        ? body
        : `${body.slice(0, half)}\r\n${(size - half).toString(16)}\r\n${body.slice(half)}`;
      const first = (half === 0 ? size : half).toString(16);
      await client.send(
        `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${first}\r\n${chunks}\r\n0\r\n\r\n`,
      );
      assert.equal((await client.takeMessage()).body, `${size} ${sum}`);
    }
  }
});

Deno.test(
  "with gatherBytes a small body is there when the handler is called, however torn it came",
  STRICT,
  async () => {
    const seen: (string | undefined)[] = [];
    await using server = await serve((exchange) => {
      const taken = exchange.body.takeBuffered();
      seen.push(taken && new TextDecoder().decode(ownBytes(taken)));
      exchange.respond({ status: 200, fields: [] }, bytesOf("ok"));
    }, { limits: { gatherBytes: 5 } });
    await using client = await server.connect();
    for (const size of [1, 3, 1000]) {
      await client.sendTorn(POST, size);
      assert.equal((await client.takeMessage()).status, 200);
    }
    await client.send(POST + POST);
    await client.takeMessage();
    await client.takeMessage();
    assert.deepEqual(seen, Array(5).fill("hello"));
    // Longer, chunked, or with a client that waits to be told: handled at once.
    for (
      const head of ["Content-Length: 6", "Transfer-Encoding: chunked", "Content-Length: 5\r\nExpect: 100-continue"]
    ) {
      await using other = await server.connect();
      seen.length = 0;
      await other.send(`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n`);
      assert.equal((await other.takeMessage()).status, 200);
      assert.deepEqual(seen, [undefined]);
    }
  },
);

Deno.test(
  "with gatherBytes a body that stalls gets 408 and one that breaks off nothing, without the handler",
  STRICT,
  async () => {
    await using server = await serve(echo, { limits: { gatherBytes: 1000 } });
    await using stalled = await server.connect();
    await stalled.send(POST.slice(0, -2));
    await until(() => server.server.stats.traffic.bytesIn === POST.length - 2, "the bytes to arrive");
    server.clock.advance(80);
    assert.equal((await stalled.takeMessage()).status, 408);
    await using broken = await server.connect();
    await broken.send(POST.slice(0, -2));
    await broken.closeWrite();
    assert.equal(await broken.takeToEnd(), "");
    assert.equal(server.server.stats.requests, 0);
    assert.deepEqual(server.failures, []);
  },
);
