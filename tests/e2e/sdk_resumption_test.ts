// A connection breaks in the middle of a call: the client resumes the stream with Last-Event-ID and gets the answer
// that was sent meanwhile. The call ran once.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { Journal } from "../support/mcp_journal.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { openEndpoint, WAYS } from "../support/mcp_ways.ts";

for (const way of WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    for (const server of ["sdk1", "sdk2"] as const) {
      Deno.test(
        `PROTOCOL 15, 16: client ${kind} resumes a broken call to ${server} ${way}`,
        CLIENT_SANITIZERS,
        async () => {
          await using journal = await Journal.create();
          await using fixture = await startFixture(server, { journal: journal.path });
          await using endpoint = await openEndpoint(way, fixture);
          await using connected = await connectClient(kind, endpoint.url);
          await using other = await connectClient(kind, endpoint.url);

          const underWay = Promise.withResolvers<void>();
          const answer = connected.client.call("slow", { steps: 1, gate: "resume", key: "slow" }, {
            onProgress: () => underWay.resolve(),
          });
          await underWay.promise;
          connected.wire.cut();
          await other.client.call("open", { gate: "resume" });

          assert.equal(await answer, "done");
          const resumed = connected.wire.requests.filter((request) => request.lastEventId !== undefined);
          assert.ok(resumed.some((request) => request.status === 200), "want a GET with Last-Event-ID");
          assert.deepEqual(await journal.executions(), ["slow"]);
        },
      );
    }
  }
}
