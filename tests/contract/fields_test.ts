// Which header fields cross Signet, and which never do, in both lanes (docs/behaviour.md I4; docs/protocol.md 2, 14,
// 24, 36).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";

const CALL = JSON.stringify(call(1, "echo"));

for (const lane of LANES) {
  Deno.test(`PROTOCOL 24: end-to-end fields pass as they came, unknown ones too (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    const sent = {
      "authorization": "Bearer upstream's own",
      "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "x-anything": 'a, b;c="d"',
      "accept-language": "de",
      "mcp-param-x": "1",
    };
    await status(signet.post(call(1, "echo"), { id, headers: sent }));
    const seen = upstream.received("POST", "tools/call")[0]!.headers;
    for (const [name, value] of Object.entries(sent)) assert.equal(seen.get(name), value, name);
    assert.equal(seen.get("host"), new URL(upstream.url).host);
  });

  Deno.test(
    `I4: an identity header from outside never reaches the upstream, however it is written (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const flags = ["--strip-header", "X-User", "--strip-header", "X-Scopes"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const id = await signet.open({ headers: { "x-user": "root" } });
      const spoofs = [
        ["x-user: root"],
        ["X-USER: root"],
        ["x-UsEr: root", "X-User: admin"],
        ["x-user: root", "connection: x-user"],
        ["connection: keep-alive, X-User", "x-scopes: all"],
      ];
      for (const fields of spoofs) {
        using client = await RawClient.connect(signet.url);
        await client.send(rawPost(CALL, [`mcp-session-id: ${id}`, ...fields]));
        assert.equal((await client.answer()).status, 200, fields.join());
      }
      for (const request of upstream.requests) {
        assert.deepEqual([request.headers.get("x-user"), request.headers.get("x-scopes")], [null, null]);
      }
    },
  );

  Deno.test(
    `fields of the connection stay on it, and what Connection names goes with it (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const id = await signet.open();
      using client = await RawClient.connect(signet.url);
      const fields = [
        `mcp-session-id: ${id}`,
        "connection: keep-alive, x-hop",
        "keep-alive: timeout=9",
        "x-hop: 1",
        "te: trailers",
        "proxy-authorization: Basic eA==",
        "x-end: 2",
      ];
      await client.send(rawPost(CALL, fields));
      assert.equal((await client.answer()).status, 200);
      const seen = upstream.received("POST", "tools/call")[0]!.headers;
      for (const name of ["x-hop", "keep-alive", "te", "proxy-authorization"]) assert.equal(seen.get(name), null, name);
      assert.equal(seen.get("x-end"), "2");
    },
  );

  Deno.test(
    `PROTOCOL 8: Connection cannot take away what authenticates or names the session (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: ["--principal", "bearer"] });
      const id = await signet.open({ token: "alice" });
      using client = await RawClient.connect(signet.url);
      const fields = [
        `mcp-session-id: ${id}`,
        "authorization: Bearer bob",
        "connection: authorization, mcp-session-id",
      ];
      await client.send(rawPost(CALL, fields));
      const { status } = await client.answer();
      assert.equal(status === 403 || status === 400, true, `status ${status}`);
      assert.equal(upstream.received("POST", "tools/call").length, 0);
    },
  );

  Deno.test(`a field Signet relies on that is sent twice is 400 (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    const twice = [
      [`mcp-session-id: ${id}`, `mcp-session-id: ${id}`],
      [`mcp-session-id: ${id}`, "Authorization: Bearer a", "authorization: Bearer b"],
      [`mcp-session-id: ${id}`, "origin: http://localhost", "origin: http://evil.example"],
      [`mcp-session-id: ${id}`, "mcp-protocol-version: 2025-11-25", "mcp-protocol-version: 2025-06-18"],
      [`mcp-session-id: ${id}`, "content-type: text/plain"],
    ];
    for (const fields of twice) {
      using client = await RawClient.connect(signet.url);
      await client.send(rawPost(CALL, fields));
      assert.equal((await client.answer()).status, 400, fields.join());
    }
    assert.equal(upstream.received("POST", "tools/call").length, 0);
  });

  Deno.test(`PROTOCOL 14: a Host or Origin from elsewhere is 403 on every method (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url, lane });
    const id = await signet.open();
    const { port } = new URL(signet.url);
    const before = upstream.requests.length;
    for (const method of ["POST", "GET", "DELETE", "OPTIONS"]) {
      for (
        const fields of [
          `host: evil.example:${port}\r\n`,
          `host: localhost:${port}\r\norigin: https://evil.example\r\n`,
          `host: localhost\r\norigin: null\r\n`,
        ]
      ) {
        using client = await RawClient.connect(signet.url);
        await client.send(`${method} /mcp HTTP/1.1\r\n${fields}mcp-session-id: ${id}\r\ncontent-length: 0\r\n\r\n`);
        const answer = await client.answer();
        assert.equal(answer.status, 403, `${method} ${fields}`);
        assert.equal(/access-control-allow-origin/i.test(answer.head), false);
      }
    }
    assert.equal(upstream.requests.length, before);
  });
}

Deno.test(
  "M4 PROTOCOL 14: a page of an allowed origin gets CORS answers: preflight, result and refusal",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    const origin = "https://app.example";
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: ["--allow-origin", origin] });
    const preflight = await fetch(signet.url, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "mcp-session-id" },
    });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get("access-control-allow-headers"), "mcp-session-id");
    const id = await signet.open({ headers: { origin } });
    const answers = [
      signet.post(call(1, "echo"), { id, headers: { origin } }),
      signet.post(call(1, "echo"), { id: "x", headers: { origin } }),
    ];
    for (const answered of answers) {
      const response = await answered;
      assert.equal(response.headers.get("access-control-allow-origin"), origin);
      assert.match(response.headers.get("access-control-expose-headers") ?? "", /mcp-session-id/);
      await response.body?.cancel();
    }
  },
);

for (const lane of LANES) {
  Deno.test(
    `a path that is not the endpoint is 404, another method 405 with Allow (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ lane, upstream: upstream.url });
      assert.equal(await status(fetch(new URL("/other", signet.url))), 404);
      for (const method of ["PUT", "PATCH", "HEAD"]) {
        const response = await fetch(signet.url, { method });
        assert.deepEqual([response.status, response.headers.get("allow")], [405, "GET, POST, DELETE"], method);
        await response.body?.cancel();
      }
      assert.equal(upstream.requests.length, 0);
    },
  );
}

for (const lane of LANES) {
  Deno.test(`the query goes on to the upstream's own path (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ lane, upstream: upstream.url + "?fixed=1" });
    const id = await signet.open();
    using client = await RawClient.connect(signet.url);
    await client.send(rawPost(CALL, [`mcp-session-id: ${id}`]).replace("/mcp ", "/mcp?a=b "));
    await client.answer();
    assert.equal(upstream.received("POST", "tools/call")[0]!.path, "/mcp?fixed=1&a=b");
  });
}
