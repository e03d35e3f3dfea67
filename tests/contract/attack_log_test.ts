// Attacks on the log: no client fills it, and none writes into it (P1).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { handshake, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

Deno.test("P1: what only a client can have done wrong is no warning", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const attacks: [string, number][] = [
    ["GET /mcp HTTP/2.0\r\nhost: localhost\r\n\r\n", 505],
    ["POST /mcp HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip, chunked\r\n\r\n", 501],
    ["CONNECT evil:443 HTTP/1.1\r\nhost: evil:443\r\n\r\n", 501],
    ["junk\r\n\r\n", 400],
    [rawPost(JSON.stringify(call(1, "echo")), ["mcp-session-id: forged"]), 404],
    [rawPost("{"), 400],
  ];
  for (const [bytes, wanted] of attacks) {
    using client = await RawClient.connect(signet.url);
    await client.send(bytes);
    assert.equal((await client.answer()).status, wanted);
  }
  assert.deepEqual(signet.logs.filter((line) => line.level === "warn" || line.level === "error"), []);
});

Deno.test(
  "P1: one fault that meets every request brings a few lines a second, and their number is told",
  STRICT,
  async () => {
    let nowMs = 1_800_000_000_000;
    const gone = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: gone.url, now: () => nowMs });
    const id = await signet.open();
    await gone[Symbol.asyncDispose]();
    for (let n = 0; n < 60; n++) assert.equal(await status(signet.post(call(n, "echo"), { id })), 502);
    const failed = () => signet.logs.filter((line) => line.event === "request failed");
    assert.equal(failed().length, 20);
    nowMs += 1_000;
    assert.equal(await status(signet.post(call(61, "echo"), { id })), 502);
    assert.equal(failed().at(-1)!.suppressed, 40);
    assert.equal(await signet.metric("signet_log_lines_suppressed_total"), 40);
  },
);

Deno.test(
  "P1: nothing a client sends gets into a line but where it knocked: Host, Origin and path",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url });
    const mark = "INJECTED";
    const id = await signet.open();
    const attacks = [
      rawPost(`{"jsonrpc":"2.0","id":"${mark}","method":"${mark}"`, [`mcp-session-id: ${id}`]),
      rawPost(`{"jsonrpc":"2.0","id":"${mark}","method":"${mark}"}`, [`mcp-protocol-version: ${mark}`]),
      rawPost("{}", [`mcp-session-id: ${mark}`, `authorization: Bearer ${mark}`, `x-${mark}: ${mark}`]),
      `GET /?${mark} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      `POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain; x=${mark}\r\ncontent-length: 0\r\n\r\n`,
      `GET /${mark.repeat(4)}?${mark} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      `${mark} /mcp HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      `GET /mcp HTTP/1.1\r\nhost: localhost\r\n${mark} : x\r\n\r\n`,
      `POST /mcp HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: ${mark}\r\n\r\n`,
      `POST /mcp HTTP/1.1\r\nhost: localhost\r\nexpect: ${mark}\r\ncontent-length: 1\r\n\r\n`,
    ];
    for (const bytes of attacks) {
      using client = await RawClient.connect(signet.url);
      await client.send(bytes);
      assert.equal((await client.answer()).status >= 400, true);
    }
    assert.equal(signet.logs.length > attacks.length, true);
    assert.equal(new RegExp(mark, "i").test(JSON.stringify(signet.logs) + await signet.metrics()), false);
  },
);

for (const lane of LANES) {
  Deno.test(
    `P1 PROTOCOL 2: an upstream that repeats ids and tokens gets none into the log (${lane} lane)`,
    STRICT,
    async () => {
      const raw = "RAWSESSIONID";
      let answer = "";
      await using upstream = new RawUpstream(async (request) => {
        const secrets = `${raw} ${/authorization: (.*)\r/i.exec(request.head)?.[1]}`;
        const first = handshake(request)?.replace("raw-session", raw);
        const said = answer.replaceAll("SECRETS", secrets);
        await write(request.conn, answer === "" || !said.includes("HTTP/1.1 200") ? first ?? said : said);
        return said.includes("content-length: 0");
      });
      await using issuer = await TestIssuer.create();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
      const token = await issuer.token("alice");
      const id = await signet.open({ token });
      for (
        const said of [
          "HTTP/1.1 500 SECRETS\r\nx-error: SECRETS\r\ncontent-length: 0\r\n\r\n",
          "HTTP/1.1 404 SECRETS\r\nx-error: SECRETS\r\ncontent-length: 0\r\n\r\n",
          "HTTP/1.1 401 no\r\nwww-authenticate: Bearer SECRETS\r\ncontent-length: 0\r\n\r\n",
          "SECRETS\r\n\r\n",
          "HTTP/1.1 200 OK\r\nSECRETS\r\n\r\n",
          "HTTP/1.1 200 OK\r\ncontent-length: SECRETS\r\n\r\n",
          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nSECRETS\r\n",
          "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\nSECRETS",
        ]
      ) {
        answer = said;
        for (const message of [call(1, "x"), INITIALIZE]) {
          const response = await signet.post(message, message === INITIALIZE ? { token } : { id, token });
          await response.text().catch(() => {});
        }
        const other = await signet.open({ token }).catch(() => undefined);
        if (other !== undefined) await status(signet.delete({ id: other, token }));
      }
      const shown = JSON.stringify(signet.logs) + await signet.metrics();
      assert.equal(signet.logs.length > 10, true);
      for (const secret of [raw, token, id]) assert.equal(shown.includes(secret), false);
    },
  );
}
