// What the upstream can do wrong, and what the client then sees. Nothing runs twice, and sessions outlive every fault.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { handshake, json, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

const RESULT = json({ jsonrpc: "2.0", id: 1, result: {} });

/** Answers the handshake; the rest is the test's. */
function after(handler: RawUpstream["handler"]): RawUpstream["handler"] {
  return async (request) => {
    const answer = handshake(request);
    if (answer === undefined) return await handler(request);
    await write(request.conn, answer);
  };
}

const BROKEN: [string, string, number][] = [
  ["closes without a word", "", 502],
  ["answers what is not HTTP", "hello\r\n\r\n", 502],
  ["answers another protocol", "HTTP/2.0 200 OK\r\n\r\n", 502],
  ["answers two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}", 502],
  [
    "answers length and chunks",
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    502,
  ],
  ["dies in its head", "HTTP/1.1 200 OK\r\ncontent-", 502],
  ["sends an endless head", "HTTP/1.1 200 OK\r\n" + `x: ${"y".repeat(900)}\r\n`.repeat(100), 502],
];

for (const lane of LANES) {
  for (const [what, answer, wanted] of BROKEN) {
    Deno.test(
      `L4: an upstream that ${what} is ${wanted}, the call ran once and the session goes on (${lane} lane)`,
      STRICT,
      async () => {
        await using upstream = new RawUpstream(after(async ({ conn }) => {
          await write(conn, answer);
          return false;
        }));
        await using signet = await TestSignet.start({ upstream: upstream.url, lane });
        const id = await signet.open();
        const response = await signet.post(call(1, "x"), { id });
        assert.equal(response.status, wanted);
        const text = await response.text();
        assert.equal(text.includes("raw-session") || text.includes(String(upstream.port)), false);
        assert.equal(upstream.count("tools/call"), 1);
        upstream.handler = after(({ conn }) => write(conn, RESULT));
        assert.equal(await status(signet.post(call(1, "x"), { id })), 200);
      },
    );
  }

  Deno.test(`an upstream that dies in mid-body makes the answer break off (${lane} lane)`, STRICT, async () => {
    await using upstream = new RawUpstream(after(async ({ conn }) => {
      await write(conn, 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"a":');
      return false;
    }));
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    await assert.rejects(async () => await (await signet.post(call(1, "x"), { id })).text());
    assert.equal(upstream.count("tools/call"), 1);
  });

  Deno.test(`an upstream that hangs is 504 after --response-timeout (${lane} lane)`, STRICT, async () => {
    await using upstream = new RawUpstream(after(() => new Promise(() => {})));
    const flags = ["--response-timeout", "200ms"];
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
    const id = await signet.open();
    assert.equal(await status(signet.post(call(1, "x"), { id })), 504);
    assert.equal(upstream.count("tools/call"), 1);
  });

  Deno.test(
    `L4: an upstream that closes idle connections never makes a call run twice (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new RawUpstream(after(({ conn }) => write(conn, RESULT)));
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      let answered = 0;
      for (let n = 0; n < 40; n++) {
        const asked = signet.post(call(1, "x"), { id });
        if (n % 2 === 1) upstream.closeAll(); // while the next call is on its way
        const found = await status(asked);
        assert.equal(found === 200 || found === 502, true, `status ${found}`);
        if (found === 200) answered++;
        if (n % 3 === 0) upstream.closeAll();
      }
      assert.equal(upstream.count("tools/call") <= 40, true, "a call ran twice");
      assert.equal(answered >= 20, true, `${answered} of 40 answered`);
    },
  );

  Deno.test(
    `L4: what only reads is asked again where a kept connection was closing, a call is not (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new RawUpstream(after(({ conn, ordinal }) => ordinal === 1 && write(conn, RESULT)));
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      const reading = ["ping", "tools/list", "resources/read", "prompts/get", "resources/templates/list"];
      for (const [times, methods] of [[2, reading], [1, ["tools/call", "resources/subscribe"]]] as const) {
        for (const method of methods) {
          const seen = upstream.count(method);
          const body = { jsonrpc: "2.0", id: 1, method, params: { uri: "x:y", name: "x" } };
          assert.equal(await status(signet.post(body, { id })), times === 2 ? 200 : 502, method);
          assert.equal(upstream.count(method) - seen, times, method);
          if (times === 1) assert.equal(await status(signet.post({ ...body, method: "ping" }, { id })), 200);
        }
      }
    },
  );

  Deno.test(
    `L4: an upstream that is gone is 502, and the session lives on when it returns (${lane} lane)`,
    STRICT,
    async () => {
      const first = new FakeMcp();
      const { port, url } = first;
      await using signet = await TestSignet.start({ upstream: url, lane });
      const id = await signet.open();
      await first[Symbol.asyncDispose]();
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 502);
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 502);
      assert.equal(
        signet.logs.some((line) => line.event === "request failed" && typeof line.remedy === "string"),
        true,
      );
      await using second = new FakeMcp({ port });
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      assert.equal(second.ran.get("echo"), 1);
    },
  );

  Deno.test(
    `L4: a refused connection is tried again for --connect-patience, so that a restart goes unnoticed (${lane} lane)`,
    STRICT,
    async () => {
      const first = new FakeMcp();
      const { port, url } = first;
      await using signet = await TestSignet.start({ upstream: url, lane, patience: "5s" });
      const id = await signet.open();
      await first[Symbol.asyncDispose]();
      const asked = signet.post(call(1, "echo"), { id });
      await using second = new FakeMcp({ port });
      assert.equal(await status(asked), 200);
      assert.equal(second.ran.get("echo"), 1);
    },
  );
}

Deno.test("a 1xx of the upstream is not taken for its answer", STRICT, async () => {
  await using upstream = new RawUpstream(
    after(({ conn }) => write(conn, "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n" + RESULT)),
  );
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const id = await signet.open();
  assert.equal(await status(signet.post(call(1, "x"), { id })), 200);
});

Deno.test(
  "PROTOCOL 2: a head that carries the session id twice, or in another case, leaks neither",
  STRICT,
  async () => {
    const fields = "Mcp-Session-Id: leak-1\r\nMCP-SESSION-ID: leak-2\r\n";
    await using upstream = new RawUpstream(
      after(({ conn }) => write(conn, json({ jsonrpc: "2.0", id: 1, result: {} }, fields))),
    );
    await using signet = await TestSignet.start({ upstream: upstream.url });
    const id = await signet.open();
    const response = await signet.post(call(1, "x"), { id });
    assert.equal(JSON.stringify([...response.headers]).includes("leak"), false);
    await response.body?.cancel();
  },
);
