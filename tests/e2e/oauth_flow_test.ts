// The official clients' whole OAuth flow through Signet, against a real authorization server: refused, sent to the
// metadata, registered, authorized with PKCE, served; the token expires in mid-session, is refreshed, and the same
// session goes on (docs/protocol.md 9, 22; RFC 9728, RFC 8414, RFC 7591, RFC 8707).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { CLIENT_SANITIZERS, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { OAuthClient } from "../support/oauth_client.ts";
import { AuthorizationServer, TOKEN_FORMATS } from "../support/oauth_server.ts";
import { startResource, streamOpened, tellWhere } from "../support/oauth_signet.ts";
import { Trail } from "../support/oauth_trail.ts";
import { call, LANES, status } from "../support/signet.ts";

const FIVE_MINUTES_MS = 300_000;
const cases = LANES.flatMap((lane) =>
  TOKEN_FORMATS.flatMap((format) => LEGACY_CLIENTS.map((kind) => ({ lane, format, kind })))
);

for (const { lane, format, kind } of cases) {
  Deno.test(
    `PROTOCOL 22, 9: client ${kind} finds its way from 401 to a session, which outlives its token (${format} tokens, ${lane} lane)`,
    CLIENT_SANITIZERS,
    async () => {
      await using upstream = tellWhere(new FakeMcp());
      await using server = await AuthorizationServer.start(format);
      let aheadMs = 0;
      const now = () => Date.now() + aheadMs;
      const flags = ["--scope", "mcp:use"];
      await using signet = await startResource({ server, upstream: upstream.url, lane, now, flags });
      const trail = new Trail({ signet: signet.url, issuer: server.issuer });
      server.accessTokenTtlS = 60;

      await using client = await OAuthClient.connect(kind, signet.url, { trail });

      const { store } = client;
      assert.deepEqual(trail.takeLines(), [
        "POST signet /mcp initialize 401",
        "GET signet /.well-known/oauth-protected-resource/mcp 200",
        "GET issuer /.well-known/oauth-authorization-server 200",
        "POST issuer /reg 201",
        "POST issuer /token authorization_code 200",
        "POST signet /mcp initialize 200",
        "POST signet /mcp notifications/initialized 202",
      ]);
      const asked = store.authorizations[0]!.searchParams;
      assert.equal(asked.get("resource"), signet.url);
      assert.equal(asked.get("code_challenge_method"), "S256");
      assert.equal(asked.get("scope")?.split(" ")[0], "mcp:use");

      const [id, first, where] = [client.sessionId, store.current, await client.call("where")];
      assert.deepEqual(trail.takeLines(), ["POST signet /mcp tools/call 200"]);
      await streamOpened(upstream);
      aheadMs = FIVE_MINUTES_MS;
      server.accessTokenTtlS = 3600;

      assert.equal(await client.call("where"), where);

      assert.deepEqual(trail.takeLines(), [
        "POST signet /mcp tools/call 401",
        "POST issuer /token refresh_token 200",
        "POST signet /mcp tools/call 200",
      ]);
      assert.equal(client.sessionId, id);
      assert.notEqual(store.current!.access_token, first!.access_token);
      assert.equal(store.authorizations.length, 1);
      assert.equal(upstream.received("POST", "initialize").length, 1);
      assert.equal(await status(signet.post(call(9, "where"), { id, token: first!.access_token })), 401);
      assert.equal(await status(signet.post(call(9, "where"), { id, token: store.current!.access_token })), 200);
    },
  );
}

for (const format of TOKEN_FORMATS) {
  Deno.test(`PROTOCOL 22: a challenge says what was wrong with a real token that expired (${format} tokens)`, async () => {
    await using upstream = new FakeMcp();
    await using server = await AuthorizationServer.start(format);
    let aheadMs = 0;
    const now = () => Date.now() + aheadMs;
    await using signet = await startResource({ server, upstream: upstream.url, now, flags: ["--scope", "mcp:use"] });
    const trail = new Trail({ signet: signet.url, issuer: server.issuer });
    server.accessTokenTtlS = 60;
    await using client = await OAuthClient.connect("v1", signet.url, { trail });
    aheadMs = FIVE_MINUTES_MS;
    const { sessionId: id, store } = client;
    const response = await signet.post(call(1, "echo"), { id, token: store.current!.access_token });
    await response.body?.cancel();
    const origin = new URL(signet.url).origin;
    assert.equal(response.status, 401);
    assert.equal(
      response.headers.get("www-authenticate"),
      'Bearer error="invalid_token", error_description="the token has expired", scope="mcp:use", ' +
        `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`,
    );
    assert.equal(upstream.received("POST", "tools/call").length, 0);
  });
}
