// An initialize whose client hangs up, or whose session ends meanwhile, may have opened a session at the server by then: it
// is heard to its end, with its place in the caller's limits, and what it has opened is ended (M1, L5, O4).
import assert from "node:assert/strict";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { handshake, json, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until, within } from "../support/until.ts";

/** A server that gives each initialize a session of its own, and answers it when the test says so. */
class SlowToOpen implements AsyncDisposable {
  readonly alive = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  readonly upstream: RawUpstream;
  isSlow = true;
  asked = 0;

  constructor() {
    this.upstream = new RawUpstream(async ({ head, body, conn }) => {
      const id = /^mcp-session-id: (\S+)/im.exec(head)?.[1] ?? "";
      if (head.startsWith("DELETE")) {
        this.alive.delete(id);
        return await write(conn, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      }
      const opened = handshake({ head, body, conn, ordinal: 1 });
      if (!body.includes('"method":"initialize"')) {
        return await write(conn, opened ?? json({ jsonrpc: "2.0", id: 1, result: {} }));
      }
      const name = `raw-${++this.asked}`;
      this.alive.add(name);
      if (this.isSlow) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      await write(conn, opened!.replace("raw-session", name));
    });
  }

  /** Answers all that wait. */
  answer(): void {
    for (const go of this.#waiting.splice(0)) go();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.answer();
    await this.upstream[Symbol.asyncDispose]();
  }
}

const INITIALIZE_TEXT = JSON.stringify(INITIALIZE);

for (const lane of LANES) {
  Deno.test(`M1: an initialize that is given up leaves no session at the server (${lane} lane)`, STRICT, async () => {
    await using server = new SlowToOpen();
    const flags = ["--principal", "bearer", "--max-sessions-per-principal", "2"];
    await using signet = await TestSignet.start({ upstream: server.upstream.url, lane, flags });
    const inUse = () => signet.metric('signet_in_use{limit="requests"}');
    for (let i = 0; i < 2; i++) {
      using client = await RawClient.connect(signet.url);
      await client.send(rawPost(INITIALIZE_TEXT, ["authorization: Bearer alice"]));
      await until(() => server.asked === i + 1, "the server is asked");
    }
    assert.equal(
      await within("a refusal", status(signet.post(INITIALIZE, { token: "alice" }))),
      429,
      "they have their places, since they may be there",
    );
    assert.deepEqual([server.asked, server.alive.size], [2, 2]);
    server.answer();
    await until(async () => await inUse() === 0, "nothing is under way");
    // One whose client's end was noticed too late is a session, with its place.
    const open = await signet.metric("signet_sessions");
    await until(() => server.alive.size === open, () => `${open} are open here, ${server.alive.size} there`);
  });

  Deno.test(
    `O4 L5: what is given up or deleted meanwhile leaves one session, or none (${lane} lane)`,
    STRICT,
    async () => {
      await using server = new SlowToOpen();
      await using signet = await TestSignet.start({ upstream: server.upstream.url, lane });
      server.isSlow = false;
      const id = await signet.open();
      server.isSlow = true;
      {
        using client = await RawClient.connect(signet.url);
        await client.send(rawPost(INITIALIZE_TEXT, [`mcp-session-id: ${id}`]));
        await until(() => server.asked === 2, "the server is asked again");
      }
      server.answer();
      await until(() => server.alive.size === 1, () => `one is left: found ${[...server.alive]}`);
      assert.equal(await status(signet.post(call(1, "x"), { id })), 200);

      using client = await RawClient.connect(signet.url);
      await client.send(rawPost(INITIALIZE_TEXT, [`mcp-session-id: ${id}`]));
      await until(() => server.asked === 3, "and once more");
      assert.equal(await status(signet.delete({ id })), 204);
      server.answer();
      await until(() => server.alive.size === 0, () => `none is left: found ${[...server.alive]}`);
      assert.equal((await client.answer()).status, 404);
    },
  );

  for (const type of ["application/json", "text/event-stream"]) {
    for (const whose of ["a new session's", "a session's"]) {
      Deno.test(
        `M1 L5: an answer to ${whose} initialize that is begun and never ended ends with its client (${type}, ${lane} lane)`,
        STRICT,
        async () => {
          let [begun, open, ended, isEndless] = [0, 0, 0, whose !== "a session's"];
          await using server = new RawUpstream(async ({ head, body, conn }) => {
            if (head.startsWith("DELETE")) {
              ended++;
              return await write(conn, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            }
            const opened = handshake({ head, body, conn, ordinal: 1 });
            if (!isEndless || !body.includes('"method":"initialize"')) {
              return await write(conn, opened ?? json({ jsonrpc: "2.0", id: 1, result: {} }));
            }
            const fields = `content-type: ${type}\r\nmcp-session-id: raw-session\r\ntransfer-encoding: chunked`;
            await write(conn, `HTTP/1.1 200 OK\r\n${fields}\r\n\r\n2\r\n  \r\n`);
            begun++;
            open++;
            await conn.read(new Uint8Array(1)).catch(() => null);
            open--;
          });
          await using signet = await TestSignet.start({ upstream: server.url, lane });
          const fields = isEndless ? [] : [`mcp-session-id: ${await signet.open()}`];
          isEndless = true;
          {
            using client = await RawClient.connect(signet.url);
            await client.send(rawPost(INITIALIZE_TEXT, fields));
            await until(() => begun === 1, "the answer is begun");
          }
          await until(() => open === 0, "the server hears that nobody waits");
          await until(async () => await signet.metric('signet_in_use{limit="requests"}') === 0, "its place is free");
          await until(() => ended === (fields.length === 0 ? 1 : 0), "nobody's session is ended, and no other");
        },
      );
    }
  }
}
