// Signet dies (SIGKILL) in mid-session and comes back with the same key: the same client object goes on, in the same
// session of the MCP server, and what was running ran once.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { Journal } from "../support/mcp_journal.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey } from "../support/mcp_signet.ts";
import { SIGNET_WAYS, startSignetFor } from "../support/mcp_ways.ts";

for (const way of SIGNET_WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(`L3: client ${kind} goes on when Signet was killed and restarted ${way}`, CLIENT_SANITIZERS, async () => {
      await using journal = await Journal.create();
      await using fixture = await startFixture("sdk1", { journal: journal.path });
      await using signet = await startSignetFor(way, fixture, { env: { MCP_ENCRYPTION_KEY: newKey() } });
      await using connected = await connectClient(kind, signet.url);
      const { client } = connected;
      const id = client.sessionId;
      await client.call("note", { id: "mine", text: "kept" });
      await client.call("count", { key: "before" });

      await signet.restart();

      await client.call("count", { key: "after" });
      assert.equal(await client.readResource("fixture://notes/mine"), "kept");
      assert.equal(client.sessionId, id);
      assert.deepEqual(await journal.executions(), ["before", "after"]);
    });

    Deno.test(
      `PROTOCOL 16: client ${kind} resumes a call when Signet was killed under it ${way}`,
      CLIENT_SANITIZERS,
      async () => {
        await using journal = await Journal.create();
        await using fixture = await startFixture("sdk1", { journal: journal.path });
        await using signet = await startSignetFor(way, fixture, { env: { MCP_ENCRYPTION_KEY: newKey() } });
        await using connected = await connectClient(kind, signet.url);
        const underWay = Promise.withResolvers<void>();
        const answer = connected.client.call("slow", { steps: 1, gate: "killed", key: "slow" }, {
          onProgress: () => underWay.resolve(),
        });
        await underWay.promise;

        await signet.restart();

        await connected.client.call("open", { gate: "killed" });
        assert.equal(await answer, "done");
        assert.deepEqual(await journal.executions(), ["slow"]);
      },
    );
  }
}
