// The unmodified clients of SDK 1.x and 2.x, as they come with sessions, against an unmodified server of SDK 2.x that has
// none (`legacy: "reject"`): everything MCP offers, through Signet in both lanes. Directly they cannot even connect.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient } from "../support/mcp_client.ts";
import { runFeatures } from "../support/mcp_scenarios.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { SIGNET_WAYS } from "../support/mcp_ways.ts";

const options = { stateless: true };

for (const client of ["v1", "v2"] as const) {
  Deno.test(`SDK client ${client} cannot connect to a stateless server directly`, CLIENT_SANITIZERS, async () => {
    await using fixture = await startFixture("sdk2", options);
    await assert.rejects(connectClient(client, fixture.url));
  });

  for (const way of SIGNET_WAYS) {
    Deno.test(`SDK client ${client} does everything with a stateless server ${way}`, CLIENT_SANITIZERS, async (t) => {
      await runFeatures(t, { client, server: "sdk2", way, era: "legacy", options });
    });
  }
}

for (const way of SIGNET_WAYS) {
  Deno.test(`SDK client v2-auto does everything with a stateless server ${way}`, CLIENT_SANITIZERS, async (t) => {
    await runFeatures(t, { client: "v2-auto", server: "sdk2", way, era: "modern", options });
  });
}
