// The standalone stream (GET) outlives both sides: when Signet or the MCP server was killed and came back, the server
// can still ask and notify the same client object.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, type Connected, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { ANSWERS } from "../support/mcp_client_contract.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey } from "../support/mcp_signet.ts";
import { SIGNET_WAYS, startSignetFor } from "../support/mcp_ways.ts";

/** The server asks and notifies on the standalone stream, and the client hears both. */
async function proveStandaloneStream(connected: Connected, tool: string): Promise<void> {
  await connected.wire.opened("GET");
  assert.match(await connected.client.call("roots"), new RegExp(ANSWERS.root));
  connected.notifications.length = 0;
  await connected.client.call("add-tool", { name: tool });
  await connected.heard("notifications/tools/list_changed");
}

for (const way of SIGNET_WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(
      `PROTOCOL 17: client ${kind} has its standalone stream again when Signet was killed ${way}`,
      CLIENT_SANITIZERS,
      async () => {
        await using fixture = await startFixture("sdk1");
        await using signet = await startSignetFor(way, fixture, { env: { MCP_ENCRYPTION_KEY: newKey() } });
        await using connected = await connectClient(kind, signet.url);
        await proveStandaloneStream(connected, "before");
        await signet.restart();
        await proveStandaloneStream(connected, "after");
      },
    );

    Deno.test(
      `L4: client ${kind} has its standalone stream again when the server was restarted ${way}`,
      CLIENT_SANITIZERS,
      async () => {
        await using fixture = await startFixture("sdk1");
        await using signet = await startSignetFor(way, fixture);
        await using connected = await connectClient(kind, signet.url);
        await proveStandaloneStream(connected, "before");
        await fixture.restart();
        await proveStandaloneStream(connected, "after");
      },
    );
  }
}
