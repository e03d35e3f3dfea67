// A session belongs to issuer and subject, shown with real tokens: it outlives refreshes, revocation and a restart, is
// the same user's by another client, and nobody else's (docs/protocol.md 9, O2, O3).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { CLIENT_SANITIZERS, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { OAuthClient } from "../support/oauth_client.ts";
import { AuthorizationServer, TOKEN_FORMATS } from "../support/oauth_server.ts";
import { startResource, streamOpened, tellWhere } from "../support/oauth_signet.ts";
import { Trail } from "../support/oauth_trail.ts";
import { call, LANES, status, TestSignet } from "../support/signet.ts";

const FLAGS = ["--scope", "mcp:use"];
const cases = LANES.flatMap((lane) => TOKEN_FORMATS.map((format) => ({ lane, format })));

for (const { lane, format } of cases) {
  Deno.test(
    `PROTOCOL 9: a session outlives three refreshes and a restart of Signet (${format} tokens, ${lane} lane)`,
    CLIENT_SANITIZERS,
    async () => {
      await using upstream = tellWhere(new FakeMcp());
      await using server = await AuthorizationServer.start(format);
      let aheadMs = 0;
      const now = () => Date.now() + aheadMs;
      await using signet = await startResource({ server, upstream: upstream.url, lane, now, flags: FLAGS });
      const trail = new Trail({ signet: signet.url, issuer: server.issuer });
      server.accessTokenTtlS = 60;
      await using client = await OAuthClient.connect("v2", signet.url, { trail });
      const [id, where] = [client.sessionId, await client.call("where")];
      await streamOpened(upstream);
      const tokens = new Set([client.store.current!.access_token]);
      for (let refresh = 1; refresh <= 3; refresh++) {
        aheadMs += 300_000;
        server.accessTokenTtlS = refresh * 300 + 60;
        assert.equal(await client.call("where"), where);
        tokens.add(client.store.current!.access_token);
      }
      assert.equal(tokens.size, 4);
      assert.equal(client.sessionId, id);
      assert.equal(client.store.authorizations.length, 1);

      const flags = [...await server.flags(signet.url), ...FLAGS];
      await using restarted = await TestSignet.start({ upstream: upstream.url, lane, now, flags, ring: signet.ring });
      const answer = await restarted.post(call(1, "where"), { id, token: client.store.current!.access_token });
      assert.equal((await answer.json()).result.content[0].text, where);
      const [first] = tokens;
      assert.equal(await status(restarted.post(call(2, "where"), { id, token: first })), 401);
    },
  );

  Deno.test(
    `O2 O3 PROTOCOL 9: a session is its user's by any client, and no other user's (${format} tokens, ${lane} lane)`,
    CLIENT_SANITIZERS,
    async () => {
      await using upstream = tellWhere(new FakeMcp());
      await using server = await AuthorizationServer.start(format);
      await using signet = await startResource({ server, upstream: upstream.url, lane, flags: FLAGS });
      const trail = new Trail({ signet: signet.url, issuer: server.issuer });
      await using alice = await OAuthClient.connect("v1", signet.url, { trail });
      await using elsewhere = await OAuthClient.connect("v2", signet.url, { trail });
      server.user = "bob";
      await using bob = await OAuthClient.connect("v1", signet.url, { trail });
      const id = alice.sessionId;
      const tokenOf = (client: OAuthClient) => client.store.current!.access_token;
      assert.notEqual(alice.store.client!.client_id, elsewhere.store.client!.client_id);

      assert.equal(await status(signet.post(call(1, "where"), { id, token: tokenOf(elsewhere) })), 200);
      assert.equal(await status(signet.post(call(2, "where"), { id, token: tokenOf(bob) })), 403);
      assert.equal(await status(signet.get({ id, token: tokenOf(bob) })), 403);
      assert.equal(await status(signet.delete({ id, token: tokenOf(bob) })), 403);
      assert.match(await alice.call("where"), /^upstream-session-1-/);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `O2: with --bind-client-id a session is its own client's only (${lane} lane)`,
    CLIENT_SANITIZERS,
    async () => {
      await using upstream = tellWhere(new FakeMcp());
      await using server = await AuthorizationServer.start("jwt");
      // Bound when the process starts, so not by the reload that names the resource.
      await using first = await startResource({ server, upstream: upstream.url, lane, flags: FLAGS });
      const trail = new Trail({ signet: first.url, issuer: server.issuer });
      await using alice = await OAuthClient.connect("v1", first.url, { trail });
      await using elsewhere = await OAuthClient.connect("v1", first.url, { trail });
      const flags = [...await server.flags(first.url), ...FLAGS, "--bind-client-id"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const token = alice.store.current!.access_token;
      const id = await signet.open({ token });
      assert.equal(await status(signet.post(call(1, "where"), { id, token })), 200);
      const others = elsewhere.store.current!.access_token;
      assert.equal(await status(signet.post(call(2, "where"), { id, token: others })), 403);
    },
  );

  for (const kind of LEGACY_CLIENTS) {
    Deno.test(
      `PROTOCOL 9: client ${kind} authorizes anew when its token was revoked, and goes on in the same session (${lane} lane)`,
      CLIENT_SANITIZERS,
      async () => {
        await using upstream = tellWhere(new FakeMcp());
        await using server = await AuthorizationServer.start("opaque");
        let aheadMs = 0;
        const now = () => Date.now() + aheadMs;
        const flags = [...FLAGS, "--proof-max-age", "60s"];
        await using signet = await startResource({ server, upstream: upstream.url, lane, now, flags });
        const trail = new Trail({ signet: signet.url, issuer: server.issuer });
        await using client = await OAuthClient.connect(kind, signet.url, { trail });
        const [id, where] = [client.sessionId, await client.call("where")];
        await streamOpened(upstream);
        await server.revoke(client.store.current!.access_token);
        await server.revoke(client.store.current!.refresh_token!);
        assert.equal(await client.call("where"), where);
        assert.equal(client.store.authorizations.length, 1);
        aheadMs = 60_000;
        trail.takeLines();

        assert.equal(await client.call("where"), where);

        assert.deepEqual(trail.takeLines(), [
          "POST signet /mcp tools/call 401",
          "POST issuer /token refresh_token 400",
          "POST issuer /token authorization_code 200",
          "POST signet /mcp tools/call 200",
        ]);
        assert.equal(client.sessionId, id);
        assert.equal(client.store.authorizations.length, 2);
      },
    );
  }
}
