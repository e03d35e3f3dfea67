// What a server that speaks TLS sends behind an answer and together with it is nobody's answer, however its records are read:
// docs/security.md, "A server that answers a request twice".
import assert from "node:assert/strict";
import { Pool } from "../../../../lib/http1/client/pool.ts";
import { HeldWire } from "../../../support/held_wire.ts";
import { bytesOf } from "../../../support/raw_peer.ts";
import { STRICT } from "../../../support/strict.ts";
import { until, within } from "../../../support/until.ts";
import { makeCertificate } from "../tls_support.ts";
import { answer, get, textOfBody } from "./pool_support.ts";

const NAME = "a.test";
/** Of answers: below, at and above what is deciphered at once, and what reads bring. */
const SIZES = [10, 900, 1024, 4000, 4074, 4096, 5000, 9000, 16_000, 40_000];
/** Of a second one, whose record is not all there when the first one's is deciphered: one record, and several. */
const MORE = [4000, 40_000];

/** A TLS server that has one connection after the other in the test's hands. */
class Server implements Disposable {
  readonly #listener: Deno.TlsListener;
  readonly #conns: Deno.TlsConn[] = [];

  constructor({ cert, key }: { cert: string; key: string }) {
    this.#listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async next(): Promise<Deno.TlsConn> {
    const conn = await within("a connection", this.#listener.accept());
    this.#conns.push(conn);
    return conn;
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const conn of this.#conns) conn.close();
  }
}

async function takeHead(conn: Deno.TlsConn): Promise<void> {
  const buffer = new Uint8Array(4096);
  for (let text = ""; !text.includes("\r\n\r\n");) {
    const count = await within("a request", conn.read(buffer));
    if (count === null) throw new Error("taking a request: found the end of the connection");
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
}

async function send(conn: Deno.TlsConn, text: string): Promise<void> {
  const bytes = bytesOf(text);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

Deno.test("over TLS a second answer that has come with the first one is nobody's", STRICT, async () => {
  await using certificate = await makeCertificate(NAME);
  if (!certificate.available) return;
  for (const [size, more] of SIZES.flatMap((size) => MORE.map((more) => [size, more] as const))) {
    const evil = "!".repeat(more);
    using server = new Server(certificate);
    await using wire = await HeldWire.to(server.port);
    const endpoint = {
      transport: "tls",
      hostname: "127.0.0.1",
      serverName: NAME,
      caCerts: [certificate.cert],
    } as const;
    const pool = new Pool({ ...endpoint, port: wire.port }, { limits: { maxConnections: 1 } });
    try {
      const calls = [pool.send(get("/one")), pool.send(get("/other"))];
      const first = await server.next();
      await takeHead(first);
      wire.hold();
      await send(first, answer("x".repeat(size)));
      await send(first, answer(evil));
      await until(() => wire.held > size + more, () => `both answers are on their way: found ${wire.held} bytes`);
      wire.letGo();
      const one = await within("the first answer", calls[0]!.response);
      assert.equal((await textOfBody(one.body)).length, size);
      one.release();
      const late = Promise.withResolvers<Deno.TlsConn>();
      server.next().then(late.resolve, late.reject);
      const other = calls[1]!.response.then(async (response) => {
        const text = await textOfBody(response.body);
        response.release();
        return text;
      });
      const second = await within("another connection, or an answer", Promise.race([late.promise, other]));
      assert.notEqual(second, evil, `${more} bytes behind an answer of ${size}`);
      await takeHead(second as Deno.TlsConn);
      await send(second as Deno.TlsConn, answer("good"));
      assert.equal(await within("the other answer", other), "good");
    } finally {
      pool.close();
    }
  }
});

Deno.test("over TLS a connection is used again after an answer", STRICT, async () => {
  await using certificate = await makeCertificate(NAME);
  if (!certificate.available) return;
  using server = new Server(certificate);
  const endpoint = { transport: "tls", hostname: "127.0.0.1", serverName: NAME, caCerts: [certificate.cert] } as const;
  const pool = new Pool({ ...endpoint, port: server.port }, { limits: { maxConnections: 1 } });
  try {
    let conn: Deno.TlsConn | undefined;
    for (const size of SIZES) {
      const call = pool.send(get());
      conn ??= await server.next();
      await takeHead(conn);
      await send(conn, answer("x".repeat(size)));
      const response = await within("an answer", call.response);
      await textOfBody(response.body);
      response.release();
    }
    assert.equal(pool.stats.connects, 1);
    await until(() => pool.stats.idle === 1, "the connection to be idle");
  } finally {
    pool.close();
  }
});
