// Attacks by bodies: what is announced and never sent takes nobody's room, and what is sent is bounded (M3).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const FLAGS = ["--max-body", "1MiB", "--max-buffered", "2MiB"];

/** The head of a POST with a body that is announced at its longest; `chunked` announces nothing. */
function head(id: string, chunked: boolean): string {
  const fields = [`mcp-session-id: ${id}`, ...(chunked ? ["transfer-encoding: chunked"] : [])];
  return rawPost("", fields).replace("content-length: 0\r\n", chunked ? "" : "content-length: 1048576\r\n");
}

for (const lane of LANES) {
  for (const chunked of [false, true]) {
    const how = chunked ? "chunked" : "of a length";
    Deno.test(
      `M3: bodies ${how} that do not come leave room for those that do (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp();
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: FLAGS });
        const id = await signet.open();
        const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(signet.url)));
        try {
          for (const client of clients) await client.send(head(id, chunked) + (chunked ? "1\r\n{\r\n" : "{"));
          await until(async () => await signet.metric("signet_connections") >= 20, "all are connected");
          const text = "x".repeat(200_000);
          for (let n = 0; n < 3; n++) {
            assert.equal(await status(signet.post(call(n, "echo", { text }), { id })), 200);
          }
        } finally {
          for (const client of clients) client[Symbol.dispose]();
        }
        await until(async () => await signet.metric("signet_buffered_body_bytes") === 0, "nothing is held");
      },
    );

    Deno.test(
      `M3: bodies ${how} that do come are held up to the bound, and refused beyond it (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new FakeMcp();
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: FLAGS });
        const id = await signet.open();
        const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(signet.url)));
        const part = "x".repeat(900_000);
        const body = chunked ? `${part.length.toString(16)}\r\n${part}\r\n` : part;
        try {
          const answers = clients.map(async (client) => {
            await client.send(head(id, chunked) + body).catch(() => {});
            return (await client.answer()).status;
          });
          let refused = 0;
          for (const answer of answers) answer.then((found) => refused += found === 503 ? 1 : 0);
          await until(() => refused >= 5, "those without room are refused");
          assert.equal(await signet.metric("signet_buffered_body_bytes") <= 2 << 20, true);
          for (const client of clients) client[Symbol.dispose]();
          await Promise.allSettled(answers);
        } finally {
          for (const client of clients) client[Symbol.dispose]();
        }
        await until(async () => await signet.metric("signet_buffered_body_bytes") === 0, "nothing is held");
        assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      },
    );
  }
}
