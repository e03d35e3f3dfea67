// Step-up: a caller whose token does not reach is told which scopes are wanted, the official clients ask the user for
// them, and the same session goes on (I5; MCP 2025-11-25, "Scope Challenge Handling"). Both ways a 403 comes about:
// Signet's own
// --require-scope, and the upstream's refusal, whose challenge is replaced (docs/protocol.md 22).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { CLIENT_SANITIZERS, LEGACY_CLIENTS } from "../support/mcp_client.ts";
import { CredentialStore, OAuthClient } from "../support/oauth_client.ts";
import { AuthorizationServer, SCOPES, TOKEN_FORMATS } from "../support/oauth_server.ts";
import { addFlags, startResource, streamOpened, tellWhere } from "../support/oauth_signet.ts";
import { Trail } from "../support/oauth_trail.ts";
import { call, LANES, status } from "../support/signet.ts";

const ALL_SCOPES = SCOPES.flatMap((scope) => ["--scope", scope]);
const EVIL = "https://evil.example/.well-known/oauth-protected-resource";

const cases = LANES.flatMap((lane) =>
  TOKEN_FORMATS.flatMap((format) => LEGACY_CLIENTS.map((kind) => ({ lane, format, kind })))
);

/** SDK 1.x steps up only without a refresh token: with one it refreshes, and gets the same scopes again. */
function storeFor(kind: string): CredentialStore {
  return new CredentialStore({ refreshTokens: kind !== "v1" });
}

/** The upstream as a resource server of its own, which reads from Signet's header what the caller may do. */
function addWrite(upstream: FakeMcp): FakeMcp {
  return upstream.tool("write", ({ request }) => {
    if (request.headers.get("x-signet-scopes")?.split(" ").includes("files:write")) {
      return { content: [{ type: "text", text: "written" }] };
    }
    const challenge = `Bearer error="insufficient_scope", scope="files:write", resource_metadata="${EVIL}"`;
    return new Response("no", { status: 403, headers: { "www-authenticate": challenge } });
  });
}

for (const { lane, format, kind } of cases) {
  Deno.test(
    `I5: client ${kind} steps up when --require-scope asks for more, in the same session (${format} tokens, ${lane} lane)`,
    CLIENT_SANITIZERS,
    async () => {
      await using upstream = tellWhere(new FakeMcp());
      await using server = await AuthorizationServer.start(format);
      await using signet = await startResource({ server, upstream: upstream.url, lane, flags: ALL_SCOPES });
      const trail = new Trail({ signet: signet.url, issuer: server.issuer });
      server.agreed = ["mcp:use"];
      await using client = await OAuthClient.connect(kind, signet.url, { trail, store: storeFor(kind) });
      const [id, where] = [client.sessionId, await client.call("where")];
      await streamOpened(upstream);
      await addFlags(signet, ["--require-scope", "files:read"]);
      server.agreed = SCOPES;
      trail.takeLines();

      assert.equal(await client.call("where"), where);

      assert.deepEqual(trail.takeLines(), [
        "POST signet /mcp tools/call 403",
        "POST issuer /token authorization_code 200",
        "POST signet /mcp tools/call 200",
      ]);
      assert.equal(client.sessionId, id);
      assert.equal(client.store.authorizations.length, 2);
      assert.ok(client.store.askedScopes[1]!.split(" ").includes("files:read"));
      assert.equal(upstream.received("POST", "initialize").length, 1);
    },
  );

  Deno.test(
    `PROTOCOL 22: client ${kind} steps up when the upstream asks for more, and is led nowhere else (${format} tokens, ${lane} lane)`,
    CLIENT_SANITIZERS,
    async () => {
      await using upstream = addWrite(tellWhere(new FakeMcp()));
      await using server = await AuthorizationServer.start(format);
      const flags = [...ALL_SCOPES, "--require-scope", "mcp:use", "--forward-identity"];
      await using signet = await startResource({ server, upstream: upstream.url, lane, flags });
      const trail = new Trail({ signet: signet.url, issuer: server.issuer });
      server.agreed = ["mcp:use"];
      await using client = await OAuthClient.connect(kind, signet.url, { trail, store: storeFor(kind) });
      const [id, where] = [client.sessionId, await client.call("where")];
      await streamOpened(upstream);
      server.agreed = SCOPES;
      trail.takeLines();

      assert.equal(await client.call("write"), "written");

      const [refused] = trail.steps;
      assert.match(refused!.challenge!, /error="insufficient_scope".*scope="mcp:use files:write", resource_metadata=/);
      assert.deepEqual(trail.takeLines(), [
        "POST signet /mcp tools/call 403",
        "POST issuer /token authorization_code 200",
        "POST signet /mcp tools/call 200",
      ]);
      assert.equal(client.sessionId, id);
      assert.equal(await client.call("where"), where);
      assert.equal(upstream.ran.get("write"), 2);
    },
  );
}

Deno.test(
  "I5: client v2 steps up before its session is open when the user agreed to too little at first",
  CLIENT_SANITIZERS,
  async () => {
    await using upstream = tellWhere(new FakeMcp());
    await using server = await AuthorizationServer.start("jwt");
    const flags = [...ALL_SCOPES, "--require-scope", "mcp:use"];
    await using signet = await startResource({ server, upstream: upstream.url, flags });
    const trail = new Trail({ signet: signet.url, issuer: server.issuer });
    server.agreed = ["files:read"];
    const store = new CredentialStore();
    const second = () => void (store.authorizations.length === 2 && (server.agreed = SCOPES));
    const redirect = store.redirectToAuthorization;
    store.redirectToAuthorization = (url) => (redirect(url), second());
    await using client = await OAuthClient.connect("v2", signet.url, { trail, store });
    assert.match(await client.call("where"), /^upstream-session-1-/);
    assert.equal(store.authorizations.length, 2);
    assert.equal(upstream.received("POST", "initialize").length, 1);
  },
);

Deno.test(
  "I5: client v1 that holds a refresh token fails with a clear error, and its session is unharmed",
  CLIENT_SANITIZERS,
  async () => {
    await using upstream = addWrite(tellWhere(new FakeMcp()));
    await using server = await AuthorizationServer.start("jwt");
    const flags = [...ALL_SCOPES, "--forward-identity"];
    await using signet = await startResource({ server, upstream: upstream.url, flags });
    const trail = new Trail({ signet: signet.url, issuer: server.issuer });
    server.agreed = ["mcp:use"];
    await using client = await OAuthClient.connect("v1", signet.url, { trail });
    const where = await client.call("where");
    await streamOpened(upstream);
    trail.takeLines();
    await assert.rejects(client.call("write"), /403 after trying upscoping/);
    assert.deepEqual(trail.takeLines(), [
      "POST signet /mcp tools/call 403",
      "POST issuer /token refresh_token 200",
      "POST signet /mcp tools/call 403",
    ]);
    assert.equal(await client.call("where"), where);
  },
);

Deno.test("I5: a real token of too little scope opens no session", CLIENT_SANITIZERS, async () => {
  await using upstream = new FakeMcp();
  await using server = await AuthorizationServer.start("opaque");
  await using signet = await startResource({ server, upstream: upstream.url, flags: ALL_SCOPES });
  const trail = new Trail({ signet: signet.url, issuer: server.issuer });
  server.agreed = ["mcp:use"];
  await using client = await OAuthClient.connect("v1", signet.url, { trail });
  const token = client.store.current!.access_token;
  assert.equal(await status(signet.post(call(1, "echo"), { id: client.sessionId, token })), 200);
  await addFlags(signet, ["--require-scope", "files:write"]);
  assert.equal(await status(signet.post(call(2, "echo"), { id: client.sessionId, token })), 403);
  await assert.rejects(signet.open({ token }), /status 403/);
  assert.equal(upstream.received("POST", "initialize").length, 1);
});
