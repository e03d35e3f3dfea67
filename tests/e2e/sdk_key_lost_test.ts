// Signet comes back with another key: the session is gone for good, and says so as the specification asks (404).
// A new session works.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { sendRaw } from "../support/mcp_raw.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey } from "../support/mcp_signet.ts";
import { SIGNET_WAYS, startSignetFor } from "../support/mcp_ways.ts";

for (const way of SIGNET_WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(`E5: client ${kind} gets 404 when the key is another ${way}`, CLIENT_SANITIZERS, async () => {
      await using fixture = await startFixture("sdk1");
      await using signet = await startSignetFor(way, fixture, { env: { MCP_ENCRYPTION_KEY: newKey() } });
      await using old = await connectClient(kind, signet.url);
      const id = old.client.sessionId!;

      await signet.restart({ env: { MCP_ENCRYPTION_KEY: newKey() } });

      await assert.rejects(old.client.call("echo", { text: "?" }));
      assert.equal(old.wire.requests.findLast((request) => request.rpcMethod === "tools/call")?.status, 404);
      for (const method of ["POST", "GET", "DELETE"]) {
        const { status, rpcCode, body } = await sendRaw(signet.url, { method, headers: { "mcp-session-id": id } });
        assert.deepEqual({ method, status, rpcCode }, { method, status: 404, rpcCode: -32001 });
        assert.ok(!body.includes(id));
      }
      await using fresh = await connectClient(kind, signet.url);
      assert.equal(await fresh.client.call("echo", { text: "!" }), "!");
    });
  }
}
