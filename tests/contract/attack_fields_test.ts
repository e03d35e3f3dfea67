// Attacks through header fields: a name that is another one to some servers, a caller who is another one to us (I1, I4, E3).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { handshake, json, RawUpstream, write } from "../support/raw_upstream.ts";
import { call, INITIALIZE, LANES, TestSignet } from "../support/signet.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

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
    `I1 O2: two names in the trusted header that differ in one byte are two callers (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const flags = ["--principal", "header", "--principal-header", "X-User", "--trusted-proxy", "127.0.0.0/8"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const id = await signet.open({ headers: { "x-user": "alice" } });
      using client = await RawClient.connect(signet.url);
      for (
        const [user, wanted] of [["alice", 200], ["alice\xa0", 403], ["\xa0alice", 403], ["Alice", 403], ["\xa0", 401]]
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
