// Listening over TCP and TLS, and changing a certificate without refusing anybody.
import assert from "node:assert/strict";
import { Pool } from "../../../../lib/http1/client/pool.ts";
import { serveHttp1 } from "../../../../lib/http1/server/server.ts";
import { systemFault } from "../../../../lib/platform/faults/system_fault.ts";
import { NETWORK } from "../../../../lib/platform/sockets.ts";
import { within } from "../../../support/raw_peer.ts";
import { assertReloadRefusedNobody } from "../../../support/reload_promise.ts";
import { STRICT } from "../../../support/strict.ts";
import { until } from "../../../support/until.ts";
import { get, textOfBody } from "../client/pool_support.ts";
import { makeCertificate } from "../tls_support.ts";
import { echo, renderError, serve } from "./server_support.ts";

Deno.test("a port in use cannot be listened on, with TLS neither", STRICT, async () => {
  await using test = await serve(echo);
  await using certificate = await makeCertificate("a.test");
  const other = serveHttp1({ handler: echo, renderError });
  const { port } = test;
  await assert.rejects(other.listen({ hostname: "127.0.0.1", port }), Deno.errors.AddrInUse);
  if (!certificate.available) return;
  const tls = { hostname: "127.0.0.1", port: 0, tls: certificate } as const;
  const listener = await other.listen(tls);
  const third = serveHttp1({ handler: echo, renderError });
  await assert.rejects(
    third.listen({ ...tls, port: listener.address.port }),
    Deno.errors.AddrInUse,
  );
  other.close();
});

Deno.test("a certificate that cannot be read or used is refused at the start", STRICT, async () => {
  const folder = await Deno.makeTempDir();
  const server = serveHttp1({ handler: echo, renderError });
  const files = { certFile: `${folder}/cert.pem`, keyFile: `${folder}/key.pem` };
  const address = { hostname: "127.0.0.1", port: 0, tls: files } as const;
  await assert.rejects(server.listen(address), (error) => systemFault(error) === "NotFound");
  await Deno.writeTextFile(files.certFile, "not a certificate");
  await Deno.writeTextFile(files.keyFile, "not a key");
  await assert.rejects(server.listen(address));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("TLS: requests, streams and big bodies come through, and the client's end is noticed", STRICT, async () => {
  await using certificate = await makeCertificate("a.test");
  if (!certificate.available) return;
  let aborted: (() => void) | undefined;
  const abort = new Promise<void>((resolve) => aborted = resolve);
  const server = serveHttp1({
    renderError,
    handler: (exchange) => {
      if (exchange.head.path !== "/wait") return echo(exchange);
      exchange.watcher = { onClientGone: aborted! };
    },
  });
  const listener = await server.listen({ hostname: "127.0.0.1", port: 0, tls: certificate });
  const { port } = listener.address;
  const endpoint = { transport: "tls", hostname: "127.0.0.1", port, serverName: "a.test" } as const;
  const pool = new Pool({ ...endpoint, caCerts: [certificate.cert] });
  for (const size of [5, 500_000]) {
    const call = pool.send({ ...get("/t"), method: "POST", body: new Uint8Array(size).fill(120) });
    const response = await call.response;
    assert.equal((await textOfBody(response.body)).length, "POST /t ".length + size);
    response.release();
    // Behind TLS one runtime looks first whether more has come than was asked for.
    await until(() => pool.stats.idle === 1, "the connection is free");
  }
  assert.equal(pool.stats.connects, 1);
  const waiting = pool.send(get("/wait"));
  const refused = await Promise.race([waiting.response.then(() => "answered"), new Promise((r) => setTimeout(r, 20))]);
  assert.equal(refused, undefined);
  waiting.abort();
  await within("the abort", abort);
  await assert.rejects(waiting.response, { code: "aborted" });
  pool.close();
  server.close();
});

Deno.test(
  "TLS reload: old connections live on, new ones get the new certificate, none is refused",
  STRICT,
  async () => {
    await using first = await makeCertificate("a.test");
    await using second = await makeCertificate("a.test");
    if (!first.available) return;
    const server = serveHttp1({ handler: echo, renderError });
    const listener = await server.listen({ hostname: "127.0.0.1", port: 0, tls: first });
    const { port } = listener.address;
    const endpoint = { transport: "tls", hostname: "127.0.0.1", port, serverName: "a.test" } as const;
    const ask = async (pool: Pool) => {
      const response = await pool.send(get("/r")).response;
      assert.equal(await textOfBody(response.body), "GET /r ");
      response.release();
      await until(() => pool.stats.idle === pool.stats.open, "the connection is free");
    };
    const old = new Pool({ ...endpoint, caCerts: [first.cert] });
    await ask(old);
    await Deno.writeTextFile(first.certFile, "broken");
    await assert.rejects(server.reload(), "a broken certificate is not taken");
    await ask(old);
    await Deno.writeTextFile(first.certFile, second.cert);
    await Deno.writeTextFile(first.keyFile, second.key);
    // Connections keep coming while the certificate changes: each gets one of the two, none is refused.
    const faults: unknown[] = [];
    let stop = false;
    const knocking = (async () => {
      while (!stop) {
        const pool = new Pool({ ...endpoint, caCerts: [first.cert, second.cert] });
        await ask(pool).catch((fault) => faults.push(fault));
        pool.close();
      }
    })();
    await server.reload();
    for (let fresh = 0; fresh < 5;) {
      const pool = new Pool({ ...endpoint, caCerts: [second.cert] });
      fresh = await ask(pool).then(() => fresh + 1, () => 0);
      pool.close();
    }
    stop = true;
    await knocking;
    if (NETWORK.sharesPorts) assertReloadRefusedNobody(faults);
    else console.warn("%cNOT PROVEN: that a reload refuses nobody, because --unstable-net is not set", "color: red");
    await ask(old);
    assert.equal(old.stats.connects, 1);
    old.close();
    server.close();
  },
);
