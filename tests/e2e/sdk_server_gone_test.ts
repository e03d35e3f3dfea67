// The MCP server is gone: 502, with a cure in the log. When it returns, the same client object goes on.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { Journal } from "../support/mcp_journal.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { SIGNET_WAYS, startSignetFor } from "../support/mcp_ways.ts";

for (const way of SIGNET_WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(
      `client ${kind} gets 502 while the server is gone, and goes on when it returns ${way}`,
      CLIENT_SANITIZERS,
      async () => {
        await using journal = await Journal.create();
        await using fixture = await startFixture("sdk1", { journal: journal.path });
        await using signet = await startSignetFor(way, fixture);
        await using connected = await connectClient(kind, signet.url);
        const { client, wire } = connected;
        await client.call("count", { key: "before" });

        await fixture.kill();
        await assert.rejects(client.call("count", { key: "lost" }));
        assert.equal(wire.requests.findLast((request) => request.rpcMethod === "tools/call")?.status, 502);
        const failed = await signet.waitForEvent("request failed");
        assert.ok(String(failed.remedy).length > 10, `want a remedy in the log: ${JSON.stringify(failed)}`);
        assert.ok(!signet.logs.join("\n").includes(client.sessionId!), "no id in the log");

        await fixture.restart();
        await client.call("count", { key: "after" });
        assert.deepEqual(await journal.executions(), ["before", "after"]);
      },
    );
  }
}
