// Every refusal of Signet's own leaves a line at the default level, under the id that the client was told, with what was
// found and what is wanted (V1).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { AUDIENCE, ISSUER } from "../support/issuer.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { handshake, RawUpstream, write } from "../support/raw_upstream.ts";
import { FakeMember, SeveralSession, startSeveral } from "../support/several.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";
import { until } from "../support/until.ts";
import { makeCertificate } from "../unit/http1/tls_support.ts";

type Line = Record<string, unknown>;

/** The line under the id of an answer's body. */
function lineOf(signet: TestSignet, body: string): Line {
  const { error: { data: { errorId } } } = JSON.parse(body) as { error: { data: { errorId: string } } };
  const lines = signet.logs.filter((line) => line.errorId === errorId);
  assert.equal(lines.length, 1, `one line for ${body}`);
  const [line = {}] = lines;
  assert.equal(["info", "warn", "error"].includes(String(line.level)), true, "shown at the default level");
  return line;
}

for (const lane of LANES) {
  Deno.test(
    `V1: each refusal names what was found and what is wanted, under the client's id (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({
        upstream: upstream.url,
        lane,
        flags: [
          "--allow-host",
          "mcp.example",
          "--principal",
          "bearer",
          "--max-body",
          "64KiB",
          "--max-sessions-per-principal",
          "1",
        ],
      });
      const id = await signet.open({ token: "alice" });
      const json = ["authorization: Bearer alice"];
      const ping = JSON.stringify(call(1, "echo"));
      const cases: [bytes: string, status: number, facts: Line][] = [
        ["GET /mcp HTTP/1.1\r\nhost: evil.example\r\n\r\n", 403, {
          code: "host_refused",
          found: "evil.example",
          wanted: "loopback names, mcp.example",
        }],
        [rawPost(ping, [...json, "origin: https://evil.example"]), 403, {
          code: "origin_refused",
          found: "https://evil.example",
          wanted: "loopback pages",
        }],
        [rawPost(ping, [...json, "origin: https://me:secret@evil.example/?secret"]), 403, {
          code: "origin_refused",
          found: "https://evil.example",
        }],
        [rawPost(ping, [...json, "origin: null"]), 403, { code: "origin_refused", found: "null" }],
        [rawPost(ping, [...json, "origin: the secret"]), 403, { code: "origin_refused", found: "(no origin)" }],
        ["GET /other?secret HTTP/1.1\r\nhost: localhost\r\n\r\n", 404, {
          code: "path_not_found",
          found: "/other",
          wanted: "/mcp",
        }],
        [rawPost(ping, []), 401, { code: "unauthenticated", reason: "no credential", found: undefined }],
        [rawPost(ping, ["authorization: Basic c2VjcmV0"]), 401, {
          code: "unauthenticated",
          reason: "no credential",
          found: "Authorization: Basic …",
          wanted: "Authorization: Bearer TOKEN",
        }],
        [rawPost(ping, ["authorization: mallory"]), 401, {
          code: "unauthenticated",
          found: "Authorization without a scheme",
          wanted: "Authorization: Bearer TOKEN",
        }],
        [rawPost(ping, [...json, `mcp-session-id: ${id}x`]), 404, { code: "session_not_found" }],
        [rawPost(ping, ["authorization: Bearer mallory", `mcp-session-id: ${id}`]), 403, { code: "owner_mismatch" }],
        [rawPost(ping, json), 400, { code: "session_required", wanted: "initialize, or the id it was answered with" }],
        [rawPost("{", json), 400, { code: "parse_error" }],
        [rawPost(ping, [...json, `mcp-session-id: ${id}`, "mcp-protocol-version: 1999-01-01"]), 400, {
          code: "protocol_version_unsupported",
          found: "1999-01-01",
        }],
        ["PUT /mcp HTTP/1.1\r\nhost: localhost\r\n\r\n", 405, {
          code: "method_not_allowed",
          found: "PUT",
          wanted: "GET, POST, DELETE",
        }],
        [
          "POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer alice\r\ncontent-type: text/plain; x=y\r\ncontent-length: 0\r\n\r\n",
          415,
          {
            code: "media_type_unsupported",
            found: "text/plain",
            wanted: "application/json in UTF-8, without a content coding",
          },
        ],
        [rawPost(ping, [...json, `mcp-session-id: ${id}`, "content-encoding: gzip"]), 415, {
          code: "media_type_unsupported",
          found: "application/json in another charset, or in a content coding",
        }],
        [rawPost("3", json), 400, { code: "invalid_request", reason: "Invalid request: a message must be an object" }],
        [rawPost('{"jsonrpc":"1.0","id":1,"method":"secret"}', json), 400, {
          code: "invalid_request",
          reason: 'Invalid request: jsonrpc must be "2.0"',
        }],
        [rawPost('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"secret":1}}', json), 400, {
          code: "invalid_params",
          reason: "Invalid params: initialize needs protocolVersion (text), capabilities and clientInfo (objects)",
        }],
        [rawPost(`[${ping}]`, [...json, `mcp-session-id: ${id}`]), 400, {
          code: "batch_refused",
          reason: "Invalid request: this protocol version has no JSON-RPC batches",
        }],
        ["POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n", 413, { code: "body_too_large" }],
        ["junk\r\n\r\n", 400, { code: "malformed_http" }],
      ];
      for (const [bytes, status, facts] of cases) {
        using client = await RawClient.connect(signet.url);
        await client.send(bytes);
        const answer = await client.answer();
        assert.equal(answer.status, status, bytes);
        const line = lineOf(signet, answer.body);
        assert.equal(line.from, "127.0.0.1", bytes);
        for (const [name, value] of Object.entries(facts)) assert.equal(line[name], value, `${name} of ${bytes}`);
      }
      const unproven = await signet.post(call(1, "echo"));
      assert.match(
        await unproven.text(),
        /"message":"Unauthorized: no credential"/,
        "as the challenge says, for clients",
      );
      const owner = signet.logs.find(({ code }) => code === "owner_mismatch")!;
      assert.match(String(owner.remedy), /--principal jwt/);
      assert.match(String(owner.session), /^[0-9a-f]{12}$/);
      const shown = JSON.stringify(signet.logs);
      for (const secret of [id, "alice", "mallory", "secret", "c2VjcmV0"]) {
        assert.equal(shown.includes(secret), false, secret);
      }
    },
  );
}

Deno.test(
  "V1: what a rule or a rate refuses names caller and session, and the status that was answered",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    const rules = { allow: ["echo"], name: "few" };
    await using signet = await TestSignet.start({
      upstream: upstream.url,
      flags: ["--principal", "bearer", "--rules", JSON.stringify(rules), "--rate", "2/h"],
    });
    const alice = { id: await signet.open({ token: "alice" }), token: "alice" };
    const opened = signet.logs.find(({ event }) => event === "session opened")!;
    for (
      const [message, code, status] of [
        [call(1, "other"), "rule_denied", 200],
        [{ jsonrpc: "2.0", id: 2, method: "made/up" }, "method_denied", 200],
        [call(3, "echo"), undefined, 200],
        [call(4, "echo"), "rate_limited", 200],
        [{ jsonrpc: "2.0", id: 5, method: "tools/list" }, "rate_limited", 429],
      ] as const
    ) {
      const answer = await signet.post(message, alice);
      await answer.body?.cancel();
      assert.equal(answer.status, status, code);
      if (code === undefined) continue;
      const line = signet.logs.findLast((line) => line.code === code)!;
      assert.deepEqual([line.session, line.status], [opened.session, status], code);
      assert.match(String(line.caller), /^bearer [0-9a-f]{12}$/, code);
    }
  },
);

Deno.test("V1: a flood of refusals is cut, and summarised when it is over", STRICT, async () => {
  let nowMs = 1_800_000_000_000;
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url, now: () => nowMs });
  for (let n = 0; n < 50; n++) await (await signet.post(call(n, "echo"), { id: "forged" })).body?.cancel();
  const refused = () => signet.logs.filter(({ code }) => code === "session_not_found");
  assert.equal(refused().length, 20);
  nowMs += 3000;
  await until(() => refused().length > 20, "the summary");
  assert.equal(refused().at(-1)!.suppressed, 30);
  assert.equal(refused().length, 21);
});

Deno.test("V1: an answer of the MCP server that breaks off leaves a line", STRICT, async () => {
  await using upstream = new RawUpstream(async (request) => {
    const first = handshake(request);
    await write(
      request.conn,
      first ?? "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{",
    );
    return first !== undefined;
  });
  await using signet = await TestSignet.start({ upstream: upstream.url });
  const id = await signet.open();
  await signet.post(call(1, "echo"), { id }).then((response) => response.text()).catch(() => {});
  await until(
    () => signet.logs.some(({ code, answered }) => code === "upstream_unreachable" && answered === "in part"),
    "the line",
  );
});

Deno.test(
  "V1: a JWT of another issuer, or for another audience, names what was found and what is wanted",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using stranger = await TestIssuer.create();
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: issuer.flags });
    const elsewhere = "https://other.example";
    const cases = [
      [await issuer.token("alice", { issuer: elsewhere }), elsewhere, ISSUER],
      [await issuer.token("alice", { audience: elsewhere }), elsewhere, AUDIENCE],
      // Signed with keys that are not known here: most often that is because it is another issuer's.
      [await stranger.token("alice", { issuer: elsewhere }), elsewhere, ISSUER],
    ] as const;
    for (const [token, found, wanted] of cases) {
      const response = await signet.post(INITIALIZE, { token });
      assert.equal(response.status, 401);
      assert.equal(response.headers.get("www-authenticate")!.includes(elsewhere), false);
      const line = lineOf(signet, await response.text());
      assert.deepEqual([line.found, line.wanted], [found, wanted]);
    }
    assert.equal(JSON.stringify(signet.logs).includes("alice"), false);
  },
);

Deno.test(
  "V1: a client that speaks TLS to the plain port, and a server that speaks none, are named with the cure",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ upstream: upstream.url });
    await assert.rejects(fetch(signet.url.replace("http:", "https:")));
    await until(() => signet.logs.some(({ code }) => code === "malformed_http"), "the refusal");
    assert.match(
      String(signet.logs.find(({ code }) => code === "malformed_http")!.remedy),
      /write http:\/\/ in the client/,
    );
    await using wrong = await TestSignet.start({ upstream: upstream.url.replace("http:", "https:") });
    assert.equal(await status(wrong.post(INITIALIZE)), 502);
    assert.match(String(wrong.logs.find(({ status }) => status === 502)!.remedy), /speaks no TLS/);
  },
);

Deno.test(
  "V1: a server's certificate that is not trusted is named with the cure",
  STRICT,
  async () => {
    await using certificate = await makeCertificate("localhost");
    if (!certificate.available) return;
    const { cert, key } = certificate;
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, cert, key, onListen: () => {} }, () => new Response());
    try {
      const said = async (url: string, ...flags: string[]) => {
        await using signet = await TestSignet.start({ upstream: url, flags });
        assert.equal(await status(signet.post(INITIALIZE)), 502);
        return String(signet.logs.find(({ status }) => status === 502)?.remedy);
      };
      const { port } = server.addr;
      assert.match(await said(`https://127.0.0.1:${port}/mcp`), /--upstream-ca/);
    } finally {
      await server.shutdown();
    }
  },
);

Deno.test(
  "V1: a client that speaks http to the TLS port, and one that refuses its certificate, leave a line with the cure",
  STRICT,
  async () => {
    await using certificate = await makeCertificate("localhost");
    if (!certificate.available) return;
    await using upstream = new FakeMcp();
    const { certFile, keyFile } = certificate;
    const flags = ["--tls-cert", certFile, "--tls-key", keyFile];
    await using signet = await TestSignet.start({ upstream: upstream.url, flags });
    const url = new URL(signet.url.replace("http:", "https:"));
    const told = () => signet.logs.filter(({ event }) => event === "a client's TLS handshake failed");
    using plain = await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
    await plain.write(new TextEncoder().encode("GET /mcp HTTP/1.1\r\nhost: a\r\n\r\n"));
    await until(() => told().length === 1, "the line about http");
    assert.deepEqual([told()[0]!.found, told()[0]!.from], ["no TLS", "127.0.0.1"]);
    assert.match(String(told()[0]!.remedy), /write https:\/\/ in the client/);
    await assert.rejects(fetch(url));
    await until(() => told().length === 2, "the line about the certificate");
    assert.equal(told()[1]!.found, "a client that refused the certificate");
    // A probe of the port says nothing, and is none of anybody's business.
    (await Deno.connect({ hostname: url.hostname, port: Number(url.port) })).close();
    const opened = await fetchTrusting(url, certificate.cert);
    assert.equal(opened, 400);
    assert.equal(told().length, 2);
  },
);

/** The status of a GET over TLS. */
async function fetchTrusting(url: URL, authority: string): Promise<number> {
  using client = Deno.createHttpClient({ caCerts: [authority] });
  url.hostname = "localhost";
  return await status(fetch(url, { client }));
}

Deno.test("V1: connections turned away at the limit are told by their number", STRICT, async () => {
  await using upstream = new FakeMcp();
  await using signet = await TestSignet.start({ upstream: upstream.url, flags: ["--max-connections", "1"] });
  const [begun, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  upstream.tool("slow", async () => {
    begun.resolve();
    await finish.promise;
    return {};
  });
  // Its connection has proven a caller and is at work: it does not give way.
  const answer = signet.post(call(1, "slow"), { id: await signet.open() });
  await begun.promise;
  await until(async () => {
    using _late = await RawClient.connect(signet.url);
    return signet.logs.some(({ code }) => code === "connection_limit");
  }, "the line");
  finish.resolve();
  assert.equal(await status(answer), 200);
  const line = signet.logs.find(({ code }) => code === "connection_limit")!;
  assert.equal(line.limit, 1);
  assert.equal(line.level, "warn");
});

Deno.test("V1: what the bridge refuses, which stands for a server, leaves a line as well", STRICT, async () => {
  await using member = new FakeMember();
  await using other = new FakeMember();
  const held = Promise.withResolvers<Response>();
  member.before = ({ method }) => method === "tools/call" ? held.promise : undefined;
  await using signet = await startSeveral({ files: member, github: other });
  const { id } = await SeveralSession.open(signet);
  const refusal = async (answer: Promise<Response>, status: number, facts: Line) => {
    const response = await answer;
    const body = await response.text();
    assert.equal(response.status, status, body);
    const { code } = facts;
    const lines = signet.logs.filter((line) => line.code === code && line.found === facts.found);
    assert.equal(lines.length, 1, `one line of ${JSON.stringify(facts)} in ${JSON.stringify(signet.logs)}`);
    assert.deepEqual([lines[0]!.level, lines[0]!.from, lines[0]!.status], ["info", "127.0.0.1", status]);
  };
  const accept = (accept: string) => ({ headers: { accept } });
  await refusal(signet.post(call(1, "files_echo"), { id, ...accept("text/html") }), 406, {
    code: "not_acceptable",
    found: "Not acceptable: the client must accept application/json and text/event-stream",
  });
  await refusal(signet.get({ id, headers: { "last-event-id": "made up" } }), 400, {
    code: "invalid_request",
    found: "Bad request: unknown Last-Event-ID",
  });
  const running = signet.post(call(2, "files_echo"), { id });
  await until(() => member.asked("tools/call").length === 1, "the call to be under way");
  await refusal(signet.post(call(2, "files_echo"), { id }), 400, {
    code: "invalid_request",
    found: "Invalid request: a request with this id is in flight already",
  });
  held.resolve(Response.json({ jsonrpc: "2.0", id: 1, result: {} }));
  await (await running).body?.cancel();
  assert.equal(await signet.metric('signet_refusals_total{status="406",code="not_acceptable"}'), 1);
});
