// The MCP server dies and comes back in mid-session: it has lost every session, and the same client object goes on.
// Nothing ran twice, neither what was running nor what was waiting.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { Journal } from "../support/mcp_journal.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { SIGNET_WAYS, startSignetFor } from "../support/mcp_ways.ts";

for (const way of SIGNET_WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    for (const server of ["sdk1", "sdk2"] as const) {
      Deno.test(`L4: client ${kind} goes on when ${server} was restarted ${way}`, CLIENT_SANITIZERS, async () => {
        await using journal = await Journal.create();
        await using fixture = await startFixture(server, { journal: journal.path });
        await using signet = await startSignetFor(way, fixture);
        await using connected = await connectClient(kind, signet.url);
        const { client } = connected;
        const id = client.sessionId;
        const before = JSON.parse(await client.call("process"));
        await client.call("count", { key: "before" });

        await fixture.restart();

        // Ten at once meet the lost session together; each is replayed once.
        const keys = Array.from({ length: 10 }, (_, n) => `after ${n}`);
        await Promise.all(keys.map((key) => client.call("count", { key })));
        const after = JSON.parse(await client.call("process"));
        assert.notEqual(after.pid, before.pid);
        assert.equal(client.sessionId, id);
        assert.deepEqual((await journal.executions()).sort(), ["before", ...keys].sort());
        const lostIds = connected.wire.requests.filter(({ answeredSessionId: seen }) =>
          seen !== undefined && seen !== id
        );
        assert.deepEqual(lostIds, [], "no other id may ever reach the client");
      });
    }

    Deno.test(
      `PROTOCOL 6: client ${kind} goes on when server-everything (400) was restarted ${way}`,
      CLIENT_SANITIZERS,
      async () => {
        await using fixture = await startFixture("everything");
        await using signet = await startSignetFor(way, fixture);
        await using connected = await connectClient(kind, signet.url);
        await fixture.restart();
        assert.match(await connected.client.call("echo", { message: "again" }), /again/);
      },
    );

    Deno.test(
      `L4: a call under way is not run again when the server dies under it, client ${kind} ${way}`,
      CLIENT_SANITIZERS,
      async () => {
        await using journal = await Journal.create();
        await using fixture = await startFixture("sdk1", { journal: journal.path });
        await using signet = await startSignetFor(way, fixture);
        await using connected = await connectClient(kind, signet.url);
        const abort = new AbortController();
        const underWay = Promise.withResolvers<void>();
        const doomed = connected.client.call("slow", { steps: 1, gate: "never", key: "doomed" }, {
          signal: abort.signal,
          onProgress: () => underWay.resolve(),
        });
        await underWay.promise;

        await fixture.restart();

        await connected.client.call("count", { key: "after" });
        abort.abort("the test has seen enough");
        await assert.rejects(doomed);
        assert.deepEqual(await journal.executions(), ["doomed", "after"]);
      },
    );
  }
}
