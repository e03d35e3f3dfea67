// The unmodified npm server-everything, with the unmodified clients: directly and through Signet in both lanes.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { ANSWERS } from "../support/mcp_client_contract.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { openEndpoint, WAYS } from "../support/mcp_ways.ts";

for (const way of WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(`client ${kind} works with server-everything ${way}`, CLIENT_SANITIZERS, async (t) => {
      await using fixture = await startFixture("everything");
      await using endpoint = await openEndpoint(way, fixture);
      await using connected = await connectClient(kind, endpoint.url);
      const { client } = connected;

      await t.step("lists and calls", async () => {
        assert.ok((await client.listTools()).includes("get-sum"));
        assert.match(await client.call("get-sum", { a: 2, b: 40 }), /42/);
        assert.ok((await client.listResources()).length > 0);
        assert.ok((await client.prompt("simple-prompt", {})).length > 0);
      });
      await t.step("reports progress", async () => {
        const seen: number[] = [];
        const run = { duration: 0.2, steps: 4 };
        await client.call("trigger-long-running-operation", run, { onProgress: (progress) => seen.push(progress) });
        assert.deepEqual(seen, [1, 2, 3, 4]);
      });
      await t.step("asks the client", async () => {
        assert.match(await client.call("trigger-sampling-request", { prompt: "?" }), new RegExp(ANSWERS.sample));
        assert.match(await client.call("trigger-elicitation-request"), /provided the requested information/);
        assert.match(await client.call("get-roots-list"), new RegExp(ANSWERS.root));
      });
      await t.step("logs on the standalone stream", async () => {
        await client.setLogLevel("debug");
        await connected.heard("notifications/message");
      });
      await t.step("ends its session", async () => {
        await client.terminate();
        const last = connected.wire.requests.findLast((request) => request.method === "DELETE");
        assert.ok(last?.status !== undefined && last.status < 300, String(last?.status));
      });
    });
  }
}
