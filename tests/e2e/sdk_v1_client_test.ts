// The unmodified client of SDK 1.x against unmodified servers of SDK 1.x and 2.x: everything MCP offers, directly and
// through Signet in both lanes.
import { CLIENT_SANITIZERS } from "../support/mcp_client.ts";
import { runFeatures } from "../support/mcp_scenarios.ts";
import { WAYS } from "../support/mcp_ways.ts";

for (const way of WAYS) {
  Deno.test(`SDK 1.x client does everything with an SDK 1.x server ${way}`, CLIENT_SANITIZERS, async (t) => {
    await runFeatures(t, { client: "v1", server: "sdk1", way, era: "legacy" });
  });

  Deno.test(
    `SDK 1.x client does everything with an SDK 1.x server that answers in JSON ${way}`,
    CLIENT_SANITIZERS,
    async (t) => {
      await runFeatures(t, { client: "v1", server: "sdk1", way, era: "legacy", options: { json: true } });
    },
  );

  Deno.test(`SDK 1.x client does everything with an SDK 2.x server ${way}`, CLIENT_SANITIZERS, async (t) => {
    await runFeatures(t, { client: "v1", server: "sdk2", way, era: "legacy" });
  });
}
