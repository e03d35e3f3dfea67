// The same flow with everything real: the program as a process, the SDKs' own servers behind it, a token that expires by
// the clock. What a session holds at the server is there after the refresh; a stateless client refreshes as well.
import assert from "node:assert/strict";
import { CLIENT_SANITIZERS, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { startFixture } from "../support/mcp_servers.ts";
import { newKey } from "../support/mcp_signet.ts";
import { SIGNET_WAYS, startSignetFor } from "../support/mcp_ways.ts";
import { OAuthClient } from "../support/oauth_client.ts";
import { AuthorizationServer } from "../support/oauth_server.ts";
import { Trail } from "../support/oauth_trail.ts";
import { until } from "../support/until.ts";

/** Calls until the client has got itself a new token. */
async function refreshed(client: OAuthClient): Promise<void> {
  const before = client.store.current!.access_token;
  await until(async () => {
    await client.call("echo", { text: "still here" });
    return client.store.current!.access_token !== before;
  }, "the token is refreshed");
}

for (const way of SIGNET_WAYS) {
  for (const kind of [...LEGACY_CLIENTS, "v2-auto"] as const) {
    const server = kind === "v2-auto" ? "sdk2" : "sdk1";
    Deno.test(
      `PROTOCOL 9: client ${kind} goes on with a real ${server} server over a refresh ${way}`,
      CLIENT_SANITIZERS,
      async () => {
        await using fixture = await startFixture(server);
        await using issuer = await AuthorizationServer.start("jwt");
        await using signet = await startSignetFor(way, fixture, { env: { MCP_ENCRYPTION_KEY: newKey() } });
        // It knows its own address, which is the resource, only now.
        await signet.restart({
          args: [...await issuer.flags(signet.url), "--scope", "mcp:use", "--jwt-clock-skew", "0"],
        });
        const trail = new Trail({ signet: signet.url, issuer: issuer.issuer });
        issuer.accessTokenTtlS = 3;
        await using client = await OAuthClient.connect(kind, signet.url, { trail });
        issuer.accessTokenTtlS = 600;
        const id = client.sessionId;
        assert.equal(id === undefined, kind === "v2-auto");
        if (id !== undefined) await client.call("note", { id: "mine", text: "kept" });

        await refreshed(client);

        assert.equal(client.sessionId, id);
        assert.equal(client.store.authorizations.length, 1);
        if (id !== undefined) assert.equal(await client.readNote("mine"), "kept");
        const statuses = trail.steps.filter(({ to }) => to === "signet").map(({ status }) => status);
        assert.deepEqual(
          [...new Set(statuses)].sort(),
          [200, 202, 401].filter((code) => code !== 202 || id !== undefined),
        );
      },
    );
  }
}
