// Attacks on the log: no client fills it, and none writes into it (P1).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

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

Deno.test("P1: nothing a client sends gets into a line", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const mark = "INJECTED";
  const id = await signet.open();
  const attacks = [
    rawPost(`{"jsonrpc":"2.0","id":"${mark}","method":"${mark}"`, [`mcp-session-id: ${id}`]),
    rawPost(`{"jsonrpc":"2.0","id":"${mark}","method":"${mark}"}`, [`mcp-protocol-version: ${mark}`]),
    rawPost("{}", [`mcp-session-id: ${mark}`, `authorization: Bearer ${mark}`, `x-${mark}: ${mark}`]),
    rawPost("{}", [`origin: http://${mark}`]),
    `GET /${mark}?${mark} HTTP/1.1\r\nhost: ${mark}\r\n\r\n`,
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
});
