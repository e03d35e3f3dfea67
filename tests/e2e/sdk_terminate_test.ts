// A client ends its session: the MCP server's own session ends too, and the id stays dead.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { sendRaw } from "../support/mcp_raw.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { openEndpoint, WAYS } from "../support/mcp_ways.ts";

for (const way of WAYS) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(
      `PROTOCOL 7: client ${kind} ends its session and its id stays dead ${way}`,
      CLIENT_SANITIZERS,
      async () => {
        await using fixture = await startFixture("sdk1");
        await using endpoint = await openEndpoint(way, fixture);
        await using connected = await connectClient(kind, endpoint.url);
        await using other = await connectClient(kind, endpoint.url);
        const id = connected.client.sessionId!;

        await connected.client.terminate();

        for (const method of ["POST", "GET", "DELETE"]) {
          const { status, rpcCode } = await sendRaw(endpoint.url, { method, headers: { "mcp-session-id": id } });
          assert.deepEqual({ method, status, rpcCode }, { method, status: 404, rpcCode: -32001 });
        }
        assert.equal(await other.client.call("echo", { text: "unharmed" }), "unharmed");
        assert.equal(await other.client.call("sessions"), "1", "the server keeps the other session only");
      },
    );
  }
}
