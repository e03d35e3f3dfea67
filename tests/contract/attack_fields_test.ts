// Attacks through header fields: a name that is another one to some servers, a caller who is another one to us (I1, I4, E3).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { handshake, json, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TempFolder } from "../support/temp_folder.ts";
import { TestIssuer } from "../support/tokens.ts";

const CALL_TEXT = JSON.stringify(call(1, "echo"));

for (const lane of LANES) {
  Deno.test(
    `I4 E3: a name with underscores passes for no field that is Signet's to set (${lane} lane)`,
    STRICT,
    async () => {
      // CGI, WSGI and Rack make one name of X-Signet-User and X_Signet_User.
      const heads: string[] = [];
      await using upstream = new RawUpstream(async (request) => {
        heads.push(request.head.toLowerCase());
        await write(request.conn, handshake(request) ?? json({ jsonrpc: "2.0", id: 1, result: {} }));
      });
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--forward-identity", "--seal-header", "X-Tenant", "--strip-header", "X-Role"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const token = await issuer.token("alice");
      const fields = [
        `authorization: Bearer ${token}`,
        "X_Signet_User: root",
        "x-signet_user: root",
        "X_SIGNET_SCOPES: all",
        "Mcp_Session_Id: somebody-elses",
        "MCP_METHOD: tools/list",
        "X_Role: admin",
        "X_Tenant: other",
        "Transfer_Encoding: chunked",
        "my_own_field: kept",
      ];
      using client = await RawClient.connect(signet.url);
      await client.send(rawPost(JSON.stringify(INITIALIZE), [...fields, "X-Tenant: acme"]));
      const id = /mcp-session-id: (\S+)/i.exec((await client.answer()).head)![1]!;
      await client.send(rawPost(JSON.stringify(call(1, "x")), [...fields, `mcp-session-id: ${id}`]));
      assert.equal((await client.answer()).status, 200);
      assert.equal(heads.length, 2);
      for (const head of heads) {
        assert.equal(/root|somebody-elses|tools\/list|admin|other|transfer_encoding/.test(head), false, head);
        assert.match(head, /x-signet-user: alice\r\n/);
        assert.match(head, /x-tenant: acme\r\n/);
        assert.match(head, /my_own_field: kept\r\n/);
      }
    },
  );

  Deno.test(
    `I4: no spelling of a field that Signet sets or decides by passes, in any way to write it (${lane} lane)`,
    STRICT,
    async () => {
      const heads: string[] = [];
      await using upstream = new RawUpstream(async (request) => {
        heads.push(request.head.toLowerCase());
        await write(request.conn, handshake(request) ?? json({ jsonrpc: "2.0", id: 1, result: {} }));
      });
      await using folder = await TempFolder.create();
      const command = `${folder.path}/credential`;
      await Deno.writeTextFile(command, '#!/bin/sh\necho \'{"values": {"X-Api-Key": "ours"}, "expires_in": 3600}\'\n', {
        mode: 0o700,
      });
      const flags = [
        ...["--credential", "command", "--credential-command", command, "--forward-identity"],
        ...["--seal-header", "x_tenant", "--strip-header", "X-Role", "--transient-header", "X-Trace-Id"],
      ];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const spoofs = [
        ...["x_api_key: spoof", "X.Api.Key: spoof", "X-Api-Key: spoof", "x~api~key: spoof", "X_Api-Key: spoof"],
        ...["x.signet.user: spoof", "X!Signet!Scopes: spoof", "x.role: spoof", "x-tenant: spoof", "X.Tenant: spoof"],
        ...["mcp.session.id: spoof", "Mcp_Param_X: spoof", "last_event_id: spoof", "X_Trace_Id: spoof"],
        ...["content_type: spoof", "X_Forwarded_For: spoof", "x.real.ip: spoof"],
      ];
      using client = await RawClient.connect(signet.url);
      await client.send(rawPost(JSON.stringify(INITIALIZE), [...spoofs, "X_Tenant: acme"]));
      const id = /mcp-session-id: (\S+)/i.exec((await client.answer()).head)![1]!;
      await client.send(rawPost(JSON.stringify(call(1, "x")), [...spoofs, `mcp-session-id: ${id}`, "a.b_c: kept"]));
      assert.equal((await client.answer()).status, 200);
      await client.send(
        `DELETE /mcp HTTP/1.1\r\nHost: localhost\r\nmcp-session-id: ${id}\r\n${spoofs.join("\r\n")}\r\n\r\n`,
      );
      await client.answer();
      assert.equal(heads.length, 3);
      for (const head of heads) {
        assert.equal(head.includes("spoof"), false, head);
        assert.equal(head.match(/x-api-key: ours\r\n/g)?.length, 1);
        assert.match(head, /x_tenant: acme\r\n/);
      }
      assert.match(heads[1]!, /a\.b_c: kept\r\n/);
    },
  );

  Deno.test(
    `I4: what proxies say of whom they forward for is believed of trusted ones only (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const said = {
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-proto": "https",
        "x-forwarded-anything": "x",
        "forwarded": "for=203.0.113.7",
        "x-real-ip": "203.0.113.7",
        "true-client-ip": "203.0.113.7",
        "x-vercel-forwarded-for": "203.0.113.7",
        "client-cert": ":MIIB:",
        "client-cert-chain": ":MIIB:",
        "x-ssl-client-verify": "SUCCESS",
        "ssl-client-subject-dn": "CN=alice",
        "x-arr-clientcert": "MIIB",
        "x-amzn-mtls-clientcert-subject": "CN=alice",
        "x-client-cert": "MIIB",
        "remote-user": "alice",
        "x-auth-request-email": "alice@example.com",
        "x-goog-authenticated-user-email": "accounts.google.com:alice@example.com",
        "x-amzn-oidc-identity": "alice",
        "x-ms-client-principal-name": "alice",
        "cf-access-authenticated-user-email": "alice@example.com",
      };
      const sealing = ["--seal-header", "X-Real-IP", "--transient-header", "X-Forwarded-Proto"];
      for (const trusted of [false, true]) {
        const list = ["--trusted-proxy", trusted ? "127.0.0.0/8" : "10.0.0.0/8"];
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags: [...sealing, ...list] });
        const id = await signet.open({ headers: said });
        for (const name of ["x-user-agent", "x-client-info", "x-remote", "client-certificate"]) {
          const headers = { [name]: "Bearer x" };
          await status(signet.post(call(1, "echo"), { id, headers }));
          assert.equal(upstream.requests.at(-1)!.headers.get(name), "Bearer x", name);
        }
        const disguised = { SSL_CLIENT_VERIFY: "SUCCESS", "X_Auth_Request_User": "alice", "client.cert": "x" };
        await status(signet.post(call(1, "echo"), { id, headers: disguised }));
        for (const name of Object.keys(disguised)) {
          assert.equal(upstream.requests.at(-1)!.headers.get(name), null, name);
        }
        await status(signet.post(call(1, "echo"), { id, headers: said }));
        await status(signet.post(call(2, "echo"), { id }));
        await status(signet.delete({ id, headers: said }));
        const [told, silent] = upstream.received("POST", "tools/call").slice(-2).map(({ headers }) => headers);
        for (const [name, value] of Object.entries(said)) {
          assert.equal(told!.get(name), trusted ? value : null, name);
        }
        for (const name of ["x-real-ip", "x-forwarded-proto"]) {
          assert.equal(silent!.has(name), trusted, name);
        }
        assert.equal(upstream.requests.at(-1)!.headers.get("x-forwarded-for"), trusted ? "203.0.113.7" : null);
      }
    },
  );

  Deno.test(
    `I4 PROTOCOL 8: Connection hides nothing from the server that Signet decides by (${lane} lane)`,
    STRICT,
    async () => {
      // Whoever is of no tenant is nobody here, and may be everybody there.
      const asked: Record<string, string>[] = [];
      await using resolver = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
        const { headers } = await request.json();
        asked.push(headers);
        return headers["x-tenant"] === "public"
          ? Response.json({ subject: "mallory" })
          : Response.json({}, { status: 403 });
      });
      await using upstream = new FakeMcp();
      const flags = [
        ...["--principal", "resolver", "--resolver-url", `http://127.0.0.1:${resolver.addr.port}/`],
        ...["--resolver-header", "X-Tenant", "--strip-header", "X-Role", "--resolver-header", "X-Role"],
        ...["--seal-header", "X-Zone", "--transient-header", "X-Trace-Id", "--trusted-proxy", "127.0.0.0/8"],
      ];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const headers = { "x-tenant": "public" };
      const id = await signet.open({ headers });
      const [heard, told] = [upstream.requests.length, asked.length];
      const hidden = [
        ...["x-tenant", "X-Tenant", "close , x-tenant", "keep-alive,,X-TENANT", "x-role", "x-zone", "X-Trace-Id"],
        ...["accept", "Cookie", "x-forwarded-for", "X-Forwarded-Anything", "forwarded", "x-real-ip"],
      ];
      for (const body of [CALL_TEXT, JSON.stringify(INITIALIZE)]) {
        for (const connection of hidden) {
          using client = await RawClient.connect(signet.url);
          const session = body === CALL_TEXT ? [`mcp-session-id: ${id}`] : [];
          await client.send(rawPost(body, [...session, "x-tenant: public", `connection: ${connection}`]));
          const { status, head } = await client.answer();
          assert.equal(status, 400, `${connection}: ${head}`);
        }
      }
      // In lines of their own, and behind heads that are known by heart.
      using client = await RawClient.connect(signet.url);
      for (
        const [lines, wanted] of [[[], 200], [["connection: keep-alive"], 200], [["connection: x-hop"], 200]] as const
      ) {
        await client.send(rawPost(CALL_TEXT, [`mcp-session-id: ${id}`, "x-tenant: public", ...lines]));
        assert.equal((await client.answer()).status, wanted);
      }
      await client.send(
        rawPost(CALL_TEXT, [
          ...[`mcp-session-id: ${id}`, "connection: keep-alive", "x-tenant: public", "connection: x-tenant"],
        ]),
      );
      assert.equal((await client.answer()).status, 400);
      const reached = upstream.requests.slice(heard);
      assert.deepEqual(reached.map((request) => request.headers.get("x-tenant")), ["public", "public", "public"]);
      assert.ok(asked.slice(told).every((question) => question["x-tenant"] === "public"));
      assert.ok(signet.logs.some(({ code }) => code === "malformed_http"));
    },
  );

  Deno.test(
    `I1 O2: two names in the trusted header that differ in one byte are two callers (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const flags = ["--principal", "header", "--principal-header", "X-User", "--trusted-proxy", "127.0.0.0/8"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const id = await signet.open({ headers: { "x-user": "alice" } });
      using client = await RawClient.connect(signet.url);
      for (
        const [user, wanted] of [
          ...[["alice", 200], ["alice\xc2\xa0", 403], ["\xc2\xa0alice", 403], ["Alice", 403], ["\xc2\xa0", 401]],
          // No UTF-8: nobody's name.
          ...[["alice\xa0", 401], ["alice\xff", 401]],
        ] as const
      ) {
        const head = rawPost(JSON.stringify(call(1, "echo")), [`mcp-session-id: ${id}`, `x-user: ${user}`]);
        await client.conn.write(Uint8Array.from(head, (c) => c.charCodeAt(0)));
        assert.equal((await client.answer()).status, wanted, JSON.stringify(user));
      }
    },
  );
}

Deno.test(
  "a field of one hop only is dropped in both directions, whether Connection names it or not",
  STRICT,
  async () => {
    const hop = "http2-settings: AAMAAABkAAQAAP__\r\nproxy-authentication-info: x\r\nkeep-alive: timeout=5\r\n";
    const heads: string[] = [];
    await using upstream = new RawUpstream(async (request) => {
      heads.push(request.head);
      await write(request.conn, handshake(request) ?? json({ jsonrpc: "2.0", id: 1, result: {} }, hop));
    });
    await using signet = await TestSignet.start({ upstream: upstream.url });
    const id = await signet.open();
    using client = await RawClient.connect(signet.url);
    const fields = [`mcp-session-id: ${id}`, "HTTP2-Settings: AAMAAABkAAQAAP__", "Proxy-Authentication-Info: x"];
    await client.send(rawPost(JSON.stringify(call(1, "x")), fields));
    const answer = await client.answer();
    assert.equal(answer.status, 200);
    for (const head of [answer.head, heads[1]!]) {
      assert.equal(
        /http2-settings|proxy-auth|keep-alive/i.test(head),
        false,
      );
    }
    assert.equal(signet.logs.some((line) => line.level === "error"), false);
  },
);
