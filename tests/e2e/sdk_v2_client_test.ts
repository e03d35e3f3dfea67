// The unmodified client of SDK 2.x, in its default mode and probing for the modern era, against unmodified servers of
// SDK 1.x and 2.x: directly and through Signet in both lanes.
import { CLIENT_SANITIZERS } from "../support/mcp_client.ts";
import { runFeatures } from "../support/mcp_scenarios.ts";
import { WAYS } from "../support/mcp_ways.ts";

for (const way of WAYS) {
  Deno.test(`SDK 2.x client does everything with an SDK 1.x server ${way}`, CLIENT_SANITIZERS, async (t) => {
    await runFeatures(t, { client: "v2", server: "sdk1", way, era: "legacy" });
  });

  Deno.test(`SDK 2.x client does everything with an SDK 2.x server ${way}`, CLIENT_SANITIZERS, async (t) => {
    await runFeatures(t, { client: "v2", server: "sdk2", way, era: "legacy" });
  });

  // Directly it falls back to a session; through Signet the server is one of its own era.
  const era = way === "directly" ? "legacy" : "modern";
  Deno.test(
    `PROTOCOL 38: SDK 2.x client does everything when it probes an SDK 1.x server ${way}`,
    CLIENT_SANITIZERS,
    async (t) => {
      await runFeatures(t, { client: "v2-auto", server: "sdk1", way, era });
    },
  );

  Deno.test(
    `PROTOCOL 27: SDK 2.x client works without a session when it probes an SDK 2.x server ${way}`,
    CLIENT_SANITIZERS,
    async (t) => {
      await runFeatures(t, { client: "v2-auto", server: "sdk2", way, era: "modern" });
    },
  );
}
