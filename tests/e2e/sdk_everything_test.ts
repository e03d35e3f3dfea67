// The unmodified npm server-everything, with the unmodified clients: directly and through Signet in both lanes.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { exerciseEverything } from "../support/mcp_everything.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { openEndpoint, WAYS } from "../support/mcp_ways.ts";

for (const way of WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(`client ${kind} works with server-everything ${way}`, CLIENT_SANITIZERS, async (t) => {
      await using fixture = await startFixture("everything");
      await using endpoint = await openEndpoint(way, fixture);
      await using connected = await connectClient(kind, endpoint.url);
      await exerciseEverything(t, connected);
      await t.step("ends its session", async () => {
        await connected.client.terminate();
        const last = connected.wire.requests.findLast((request) => request.method === "DELETE");
        assert.ok(last?.status !== undefined && last.status < 300, String(last?.status));
      });
    });
  }
}
