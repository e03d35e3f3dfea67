// The standalone stream (GET) over several members outlives Signet: the same client object comes back with its
// Last-Event-ID, to the sessions that the members have kept, and hears each of them.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey, startSignet } from "../support/mcp_signet.ts";
import { until } from "../support/until.ts";

for (const kind of LEGACY_CLIENTS) {
  Deno.test(
    `A5 N3: client ${kind} listens on by its Last-Event-ID when Signet was killed, and hears every member`,
    CLIENT_SANITIZERS,
    async () => {
      await using one = await startFixture("sdk1");
      await using two = await startFixture("sdk2");
      await using signet = await startSignet({
        upstream: `one=${one.url}`,
        args: ["--upstream", `two=${two.url}`],
        env: { MCP_ENCRYPTION_KEY: newKey() },
      });
      await using connected = await connectClient(kind, signet.url);
      const { client, wire } = connected;
      await wire.opened("GET");
      const uris = ["one+fixture://notes/1", "two+fixture://notes/1"];
      for (const uri of uris) await client.subscribe(uri);
      const hearAll = async (text: string) => {
        connected.notifications.length = 0;
        for (const name of ["one_note", "two_note"]) await client.call(name, { id: "1", text });
        for (const uri of uris) {
          await connected.heard("notifications/resources/updated", (params) => params.uri === uri);
        }
        const updates = connected.notifications.filter(({ method }) => method === "notifications/resources/updated");
        assert.deepEqual(updates.map(({ params }) => params?.uri).sort(), uris, "each once");
      };
      await hearAll("before");
      const requested = wire.requests.length;

      await signet.restart();

      const resumed = () =>
        wire.requests.slice(requested).some(({ method, lastEventId, status }) =>
          method === "GET" && lastEventId !== undefined && status === 200
        );
      await until(resumed, () => `a GET with Last-Event-ID; seen ${JSON.stringify(wire.requests.slice(requested))}`);
      await hearAll("after");
    },
  );
}
