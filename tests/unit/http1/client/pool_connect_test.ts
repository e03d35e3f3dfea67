// How the pool reaches an upstream: refused, slow, late, over TLS and over unix sockets. Nothing is sent until it does.
import assert from "node:assert/strict";
import { Pool } from "../../../../lib/http1/client/pool.ts";
import { connectEndpoint } from "../../../../lib/http1/client/pool_connect.ts";
import { HttpError } from "../../../../lib/http1/types.ts";
import { parseEndpoint } from "../../../../lib/http1/wire/endpoint.ts";
import { RawPeer, RawUpstream, within } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";
import { makeCertificate } from "../tls_support.ts";
import { answer, failure, get, poolBefore, ScriptedSocket, textOfBody } from "./pool_support.ts";

const REFUSED = new HttpError("connect_failed", "refused", {
  cause: new Deno.errors.ConnectionRefused(),
  unsent: true,
});

Deno.test("a refused connection fails the call unsent, with the address in the message", STRICT, async () => {
  const closed = new RawUpstream();
  await closed.close();
  await using test = poolBefore(closed);
  const error = await failure(test.pool.send(get()));
  assert.deepEqual([error.code, error.unsent], ["connect_failed", true]);
  assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${closed.port}`));
  assert.equal(test.pool.stats.connectFailures, 1);
});

Deno.test("a name that does not resolve is a failed connection, too", STRICT, async () => {
  const pool = new Pool({ transport: "tcp", hostname: "no-such-host.invalid", port: 80 });
  const error = await failure(pool.send(get()));
  assert.deepEqual([error.code, error.unsent], ["connect_failed", true]);
  pool.close();
});

Deno.test("patience: an upstream that refuses is asked again until it is up", STRICT, async () => {
  const socket = new ScriptedSocket();
  let attempts = 0;
  const connect = () => ++attempts < 4 ? Promise.reject(REFUSED) : Promise.resolve(socket);
  await using test = poolBefore(new RawUpstream(), { connectPatienceMs: 1000 }, { connect });
  const call = test.pool.send(get());
  await until(() => socket.written.length === 1, "the request");
  socket.deliver(answer("up"));
  (await call.response).release();
  assert.equal(attempts, 4);
});

Deno.test("patience ends: the call fails unsent, and the next one starts anew", STRICT, async () => {
  let attempts = 0;
  const connect = () => {
    attempts++;
    test.clock.advance(30);
    return Promise.reject(REFUSED);
  };
  await using test = poolBefore(new RawUpstream(), { connectPatienceMs: 100 }, { connect });
  assert.equal((await failure(test.pool.send(get()))).code, "connect_failed");
  const first = attempts;
  assert.ok(first >= 2, `${first} attempts`);
  assert.equal((await failure(test.pool.send(get()))).code, "connect_failed");
  assert.ok(attempts > first);
});

Deno.test("patience is for refusals only: anything else fails at once", STRICT, async () => {
  let attempts = 0;
  const connect = () => {
    attempts++;
    return Promise.reject(new HttpError("connect_timeout", "late", { unsent: true }));
  };
  await using test = poolBefore(new RawUpstream(), { connectPatienceMs: 1000 }, { connect });
  assert.equal((await failure(test.pool.send(get()))).code, "connect_timeout");
  assert.equal(attempts, 1);
});

Deno.test("one failed attempt fails one call: the others keep theirs", STRICT, async () => {
  const attempts: { resolve: (socket: ScriptedSocket) => void; reject: (error: Error) => void }[] = [];
  const connect = () => new Promise<ScriptedSocket>((resolve, reject) => attempts.push({ resolve, reject }));
  await using test = poolBefore(new RawUpstream(), {}, { connect });
  const first = test.pool.send(get("/1"));
  const second = test.pool.send(get("/2"));
  assert.equal(attempts.length, 2);
  attempts[1]!.reject(REFUSED);
  assert.equal((await failure(first)).code, "connect_failed");
  const socket = new ScriptedSocket();
  attempts[0]!.resolve(socket);
  await until(() => socket.written.length === 1, "the request");
  assert.match(socket.written[0]!, /^GET \/2 /);
  socket.deliver(answer("2"));
  (await second.response).release();
});

Deno.test("a connection that comes when nobody waits any more is kept for the next call", STRICT, async () => {
  let arrive: ((socket: ScriptedSocket) => void) | undefined;
  const socket = new ScriptedSocket();
  const connect = () => new Promise<ScriptedSocket>((resolve) => arrive = resolve);
  await using test = poolBefore(new RawUpstream(), {}, { connect });
  const call = test.pool.send(get());
  call.abort();
  assert.equal((await failure(call)).unsent, true);
  arrive!(socket);
  await until(() => test.pool.stats.idle === 1, "the connection");
  assert.deepEqual(socket.written, []);
  const next = test.pool.send(get("/next"));
  assert.match(socket.written[0]!, /^GET \/next /);
  socket.deliver(answer("x"));
  (await next.response).release();
});

Deno.test(
  "a connection that stood in time is taken, although this process was held up until after it",
  STRICT,
  async () => {
    await using upstream = new RawUpstream();
    const endpoint = { transport: "tcp", hostname: "127.0.0.1", port: upstream.port } as const;
    for (let i = 0; i < 5; i++) {
      const connecting = connectEndpoint(endpoint, 50, new AbortController().signal);
      const busyUntilMs = performance.now() + 120;
      while (performance.now() < busyUntilMs);
      (await within("the connection", connecting)).close();
    }
  },
);

Deno.test("a TLS handshake that takes too long is given up", STRICT, async () => {
  // A TLS handshake that nobody answers, over a connection that stands.
  await using upstream = new RawUpstream();
  const endpoint = { transport: "tls", hostname: "127.0.0.1", port: upstream.port } as const;
  await assert.rejects(
    within("the time-out", connectEndpoint(endpoint, 30, new AbortController().signal)),
    { code: "connect_timeout", unsent: true },
  );
});

Deno.test("closing the pool stops an attempt under way", STRICT, async () => {
  await using upstream = new RawUpstream();
  const pool = new Pool({ transport: "tls", hostname: "127.0.0.1", port: upstream.port });
  const call = pool.send(get());
  await upstream.next();
  pool.close();
  assert.equal((await failure(call)).code, "aborted");
});

Deno.test("a pool speaks over a unix socket", STRICT, async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/mcp.sock`;
  const { endpoint, authority, target } = parseEndpoint(`http+unix://${encodeURIComponent(path)}/mcp?x=1`);
  assert.deepEqual([authority, target], ["localhost", "/mcp?x=1"]);
  const pool = new Pool(endpoint);
  assert.equal((await failure(pool.send(get()))).code, "connect_failed");
  {
    await using upstream = new RawUpstream({ path });
    for (let i = 0; i < 2; i++) {
      const call = pool.send({ method: "GET", target, fields: ["host", authority] });
      const peer: RawPeer = i === 0 ? await upstream.next() : kept!;
      kept = peer;
      assert.match((await peer.takeMessage()).head, /^GET \/mcp\?x=1 HTTP\/1\.1\r\nhost: localhost\r\n/);
      await peer.send(answer("over unix"));
      const response = await call.response;
      assert.equal(await textOfBody(response.body), "over unix");
      response.release();
    }
    pool.close();
  }
  await Deno.remove(folder, { recursive: true });
});
let kept: RawPeer | undefined;

Deno.test(
  "a pool speaks TLS to the name it expects, with the authorities it was given, and to nobody else",
  STRICT,
  async () => {
    await using certificate = await makeCertificate("upstream.test");
    if (!certificate.available) return;
    const { cert, key } = certificate;
    const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
    const peers: RawPeer[] = [];
    const accepting = (async () => {
      try {
        for await (const conn of listener) peers.push(new RawPeer(conn));
      } catch {
        // Closed by the test.
      }
    })();
    const tls = { transport: "tls", hostname: "127.0.0.1", port: (listener.addr as Deno.NetAddr).port } as const;
    const good = new Pool({ ...tls, serverName: "upstream.test", caCerts: [cert] });
    for (let i = 0; i < 2; i++) {
      const call = good.send(get());
      await until(() => peers.length === 1, "the connection");
      await peers[0]!.takeMessage();
      await peers[0]!.send(answer("over TLS"));
      const response = await call.response;
      assert.equal(await textOfBody(response.body), "over TLS");
      response.release();
      // In a later turn where TLS may hold back what has come behind an answer (`Socket.mayHoldBack`).
      await until(() => good.stats.idle === 1, "the connection to be free");
    }
    for (const wrong of [{ serverName: "other.test", caCerts: [cert] }, { serverName: "upstream.test" }]) {
      const pool = new Pool({ ...tls, ...wrong });
      const error = await failure(pool.send(get()));
      assert.deepEqual([error.code, error.unsent], ["connect_failed", true]);
      pool.close();
    }
    good.close();
    listener.close();
    await accepting;
    for (const peer of peers) await peer.close();
  },
);
