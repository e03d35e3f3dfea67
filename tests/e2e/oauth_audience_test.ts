// A token is for one resource, and a client is told about one authorization server: tokens for somebody else are
// refused, and what the upstream says of its own authorization reaches nobody (docs/protocol.md 21, 22; RFC 8707, RFC
// 9728 §7.4).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { CLIENT_SANITIZERS, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { OAuthClient } from "../support/oauth_client.ts";
import { AuthorizationServer, TOKEN_FORMATS } from "../support/oauth_server.ts";
import { startResource, streamOpened, tellWhere } from "../support/oauth_signet.ts";
import { Trail } from "../support/oauth_trail.ts";
import { RawClient } from "../support/raw_client.ts";
import { call, INITIALIZE, LANES, status } from "../support/signet.ts";

const FLAGS = ["--scope", "mcp:use"];
const cases = LANES.flatMap((lane) => TOKEN_FORMATS.map((format) => ({ lane, format })));

for (const { lane, format } of cases) {
  Deno.test(
    `PROTOCOL 21: a real token for another resource of the same server is refused (${format} tokens, ${lane} lane)`,
    CLIENT_SANITIZERS,
    async () => {
      await using upstream = tellWhere(new FakeMcp());
      await using server = await AuthorizationServer.start(format);
      await using one = await startResource({ server, upstream: upstream.url, lane, flags: FLAGS });
      await using other = await startResource({ server, upstream: upstream.url, lane, ring: one.ring, flags: FLAGS });
      const trail = new Trail({ signet: one.url, other: other.url, issuer: server.issuer });
      await using client = await OAuthClient.connect("v1", one.url, { trail });
      await using neighbour = await OAuthClient.connect("v2", other.url, { trail });
      const token = client.store.current!.access_token;
      const before = upstream.requests.length;

      const refused = await other.post(INITIALIZE, { token });
      assert.equal(refused.status, 401);
      assert.match(refused.headers.get("www-authenticate")!, /error="invalid_token".*for another audience/);
      await refused.body?.cancel();
      // Nor does it help to name a session that the same user has there.
      const id = neighbour.sessionId;
      assert.equal(await status(other.post(call(1, "where"), { id, token })), 401);
      assert.equal(await status(other.get({ id, token })), 401);
      assert.equal(await status(other.delete({ id, token })), 401);
      assert.deepEqual(upstream.requests.slice(before).filter(({ method }) => method !== "GET"), []);
      assert.match(await neighbour.call("where"), /^upstream-session-2-/);
    },
  );
}

for (const lane of LANES) {
  for (const kind of LEGACY_CLIENTS) {
    Deno.test(
      `PROTOCOL 22: client ${kind} never hears of the upstream's own authorization (${lane} lane)`,
      CLIENT_SANITIZERS,
      async () => {
        await using upstream = tellWhere(new FakeMcp());
        await using server = await AuthorizationServer.start("jwt");
        await using signet = await startResource({ server, upstream: upstream.url, lane, flags: FLAGS });
        const trail = new Trail({ signet: signet.url, issuer: server.issuer });
        await using client = await OAuthClient.connect(kind, signet.url, { trail });
        const [id, where] = [client.sessionId, await client.call("where")];
        await streamOpened(upstream);
        const metadata = "https://evil.example/.well-known/oauth-protected-resource";
        const headers = { "www-authenticate": `Bearer realm="evil", resource_metadata="${metadata}"` };
        upstream.onRequest = ({ body }) =>
          body.includes("where") ? new Response("no", { status: 401, headers }) : undefined;
        trail.takeLines();

        await assert.rejects(client.call("where"), /401/);

        assert.deepEqual([...new Set(trail.steps.map(({ to }) => to))].sort(), ["issuer", "signet"]);
        const challenges = trail.steps.flatMap(({ challenge }) => challenge ?? []);
        assert.ok(challenges.length > 0);
        for (const challenge of challenges) {
          assert.doesNotMatch(challenge, /evil/);
          assert.match(
            challenge,
            /resource_metadata="http:\/\/127\.0\.0\.1:\d+\/\.well-known\/oauth-protected-resource\/mcp"/,
          );
        }
        upstream.onRequest = undefined;
        assert.equal(await client.call("where"), where);
        assert.equal(client.sessionId, id);
      },
    );
  }

  Deno.test(`PROTOCOL 22: no well-known path reaches the upstream (${lane} lane)`, CLIENT_SANITIZERS, async () => {
    await using upstream = new FakeMcp();
    upstream.onRequest = () => Response.json({ authorization_servers: ["https://evil.example"] });
    await using server = await AuthorizationServer.start("jwt");
    await using signet = await startResource({ server, upstream: upstream.url, lane, flags: FLAGS });
    const { origin, port } = new URL(signet.url);
    const well = (name: string) => fetch(`${origin}/.well-known/${name}`);
    for (const name of ["oauth-protected-resource", "oauth-protected-resource/mcp"]) {
      using client = await RawClient.connect(signet.url);
      await client.send(`GET /.well-known/${name} HTTP/1.1\r\nhost: localhost:${port}\r\n\r\n`);
      const { resource, authorization_servers } = JSON.parse((await client.answer()).body);
      assert.deepEqual([resource, authorization_servers], [signet.url, [server.issuer]]);
    }
    for (const name of ["oauth-authorization-server", "openid-configuration", "oauth-protected-resource/other"]) {
      assert.equal(await status(well(name)), 404, name);
    }
    assert.deepEqual(upstream.requests, []);
  });
}
