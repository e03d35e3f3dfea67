// A server that speaks the transport before Streamable HTTP (HTTP+SSE of 2024-11-05), the unmodified npm server-everything,
// behind Signet: to the unmodified clients it is a Streamable HTTP server, whose sessions outlive it.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, connectClient, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { exerciseEverything } from "../support/mcp_everything.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { startSignet } from "../support/mcp_signet.ts";

for (const kind of LEGACY_CLIENTS) {
  Deno.test(`B10: client ${kind} works with server-everything over HTTP+SSE`, CLIENT_SANITIZERS, async (t) => {
    await using fixture = await startFixture("everythingSse");
    await using signet = await startSignet({ upstream: `sse+${fixture.url}` });
    await using connected = await connectClient(kind, signet.url);
    await exerciseEverything(t, connected);
    await t.step("goes on when the server is restarted, and when Signet is", async () => {
      await fixture.restart();
      assert.match(await connected.client.call("get-sum", { a: 1, b: 2 }), /3/);
    });
    await t.step("ends its session, and with it the stream", async () => {
      await connected.client.terminate();
      const last = connected.wire.requests.findLast((request) => request.method === "DELETE");
      assert.ok(last?.status !== undefined && last.status < 300, String(last?.status));
    });
  });
}

Deno.test("B10 A1: a server of HTTP+SSE is one of several", CLIENT_SANITIZERS, async () => {
  await using old = await startFixture("everythingSse");
  await using other = await startFixture("sdk1");
  await using signet = await startSignet({ upstream: `old=sse+${old.url}`, args: ["--upstream", `new=${other.url}`] });
  await using connected = await connectClient("v1", signet.url);
  assert.match(await connected.client.call("old_get-sum", { a: 2, b: 40 }), /42/);
  assert.equal(await connected.client.call("new_echo", { text: "hello" }), "hello");
});
