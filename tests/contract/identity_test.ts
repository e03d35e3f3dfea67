// Whom a request is made for: cached identities, enrichment, scopes, metadata and challenges (docs/behaviour.md I2–I5).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { RawClient, rawPost } from "../support/raw_client.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { answered, ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { RESOURCE_FLAGS, TestIssuer } from "../support/tokens.ts";

const SESSION_ONLY = ["--session-only", "--forward-identity", "--forward-credential"];

for (const lane of LANES) {
  Deno.test(
    `I2 I4: a live id without a credential acts for its owner, and the upstream is told whom (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, ...SESSION_ONLY];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const token = await issuer.token("alice", { scope: "tools:read tools:call" });
      const id = await signet.open({ token });
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      const seen = upstream.received("POST", "tools/call")[0]!.headers;
      assert.equal(seen.get("x-signet-user"), "alice");
      assert.equal(seen.get("x-signet-scopes"), "tools:read tools:call");
      assert.equal(seen.get("authorization"), `Bearer ${token}`);
    },
  );

  Deno.test(
    `I2: the same connection never lends one session's identity to another (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, ...SESSION_ONLY];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const alices = await signet.open({ token: await issuer.token("alice") });
      const bobs = await signet.open({ token: await issuer.token("bob") });
      using client = await RawClient.connect(signet.url);
      for (const [id, user] of [[alices, "alice"], [bobs, "bob"], [alices, "alice"]] as const) {
        await client.send(rawPost(JSON.stringify(call(1, "echo")), [`mcp-session-id: ${id}`]));
        assert.equal((await client.answer()).status, 200);
        assert.equal(upstream.requests.at(-1)!.headers.get("x-signet-user"), user);
      }
      await client.send(rawPost(JSON.stringify(call(1, "echo")), [`mcp-session-id: invented`]));
      assert.equal((await client.answer()).status, 404);
      await client.send(rawPost(JSON.stringify(INITIALIZE)));
      assert.equal((await client.answer()).status, 401);
    },
  );

  Deno.test(
    `I2 I3: without --session-only, or with a bad credential, a live id alone is 401 (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      await using off = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
      const token = await issuer.token("alice");
      const id = await off.open({ token });
      assert.equal(await status(off.post(call(1, "echo"), { id })), 401);
      const flags = [...issuer.flags, ...SESSION_ONLY];
      await using on = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const live = await on.open({ token });
      assert.equal(await status(on.post(call(1, "echo"), { id: live, token: "bad" })), 401);
      for (const authorization of ["", "Basic eDp5", "Bearer", "Bearer "]) {
        assert.equal(
          await status(on.post(call(1, "echo"), { id: live, headers: { authorization } })),
          401,
          authorization,
        );
      }
      assert.equal(upstream.received("POST", "tools/call").length, 0);
    },
  );

  Deno.test(
    `I2: an invented id is 404; after a restart, eviction or revocation a live one is 401 (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, ...SESSION_ONLY];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const token = await issuer.token("alice");
      const id = await signet.open({ token });
      assert.equal(await status(signet.post(call(1, "echo"), { id: "invented" })), 404);
      await using restarted = await TestSignet.start({ upstream: upstream.url, lane, flags, ring: signet.ring });
      assert.equal(await status(restarted.post(call(1, "echo"), { id })), 401);
      assert.equal(await status(restarted.post(call(1, "echo"), { id, token })), 200);
      assert.equal(await status(restarted.post(call(1, "echo"), { id })), 401);
      assert.equal(await status(signet.delete({ id, token })), 204);
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 401);
    },
  );

  Deno.test(`I2: an upstream 404 to any method evicts the identity (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    const flags = [...issuer.flags, ...SESSION_ONLY];
    await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
    const token = await issuer.token("alice");
    const id = await signet.open({ token });
    upstream.forgetSessions();
    assert.equal(await status(signet.post(call(1, "echo"), { id })), 200); // resurrected for its owner, once
    assert.equal(await status(signet.post(call(2, "echo"), { id })), 401);
    assert.equal(await status(signet.post(call(3, "echo"), { id, token })), 200);
  });

  Deno.test(
    `I2: another caller, or an error of the upstream, never writes an identity (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, ...SESSION_ONLY];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const id = await signet.open({ token: await issuer.token("alice") });
      const bob = await issuer.token("bob");
      assert.equal(await status(signet.post(call(1, "echo"), { id, token: bob })), 403);
      assert.equal(await status(signet.post(INITIALIZE, { id, token: bob })), 403);
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 200);
      assert.equal(upstream.requests.at(-1)!.headers.get("x-signet-user"), "alice");
      upstream.onRequest = () => Response.json({ jsonrpc: "2.0", id: 0, error: { code: -32000, message: "no" } });
      await status(signet.post(INITIALIZE, { token: bob }));
      assert.equal(await signet.metric('signet_session_only_total{event="written"}'), 1);
    },
  );

  Deno.test(
    `I4: the identity headers are stripped from outside even when nothing is configured (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({ upstream: upstream.url, lane });
      const spoofed = { "x-signet-user": "root", "x-signet-scopes": "all" };
      const id = await signet.open({ headers: spoofed });
      await status(signet.post(call(1, "echo"), { id, headers: spoofed }));
      for (
        const fields of [["X-Signet-User: root", "x-signet-user: admin"], [
          "x-signet-user: root",
          "connection: x-signet-user",
        ]]
      ) {
        using client = await RawClient.connect(signet.url);
        await client.send(rawPost(JSON.stringify(call(1, "echo")), [`mcp-session-id: ${id}`, ...fields]));
        assert.equal((await client.answer()).status, 200);
      }
      for (const { headers } of upstream.requests) {
        assert.deepEqual([headers.get("x-signet-user"), headers.get("x-signet-scopes")], [null, null]);
      }
    },
  );

  Deno.test(
    `I5: --require-scope answers 403 with a step-up challenge to whoever lacks it (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, ...RESOURCE_FLAGS, "--require-scope", "mcp:use"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const refused = await signet.post(INITIALIZE, { token: await issuer.token("alice", { scope: "other" }) });
      assert.equal(refused.status, 403);
      assert.equal(
        refused.headers.get("www-authenticate"),
        'Bearer error="insufficient_scope", error_description="the token\'s scope does not reach", scope="mcp:use", ' +
          'resource_metadata="https://signet.example/.well-known/oauth-protected-resource/mcp"',
      );
      await refused.body?.cancel();
      const token = await issuer.token("alice", { scope: "mcp:use other" });
      const id = await signet.open({ token });
      assert.equal(await status(signet.post(call(1, "echo"), { id, token })), 200);
      const narrow = await issuer.token("alice", { scope: "other" });
      assert.equal(await status(signet.post(call(1, "echo"), { id, token: narrow })), 403);
    },
  );

  Deno.test(
    `I5 O3: bearer before a server that does OAuth itself leads clients on, or the log says how to (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      const address = new URL(upstream.url).host;
      const named = `Bearer error="invalid_token", resource_metadata="${new URL("/.well-known/x", upstream.url).href}"`;
      for (const resource of [[], RESOURCE_FLAGS]) {
        upstream.onRequest = undefined;
        const flags = ["--principal", "bearer", ...resource];
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
        const id = await signet.open({ token: "opaque" });
        assert.equal(await status(signet.post(call(1, "echo"), { id, token: "refreshed" })), 403);
        const refusal = signet.logs.find(({ code }) => code === "owner_mismatch");
        assert.match(String(refusal?.remedy), /source that knows the person/);
        upstream.onRequest = () => new Response("no", { status: 401, headers: { "www-authenticate": named } });
        const response = await signet.post(call(1, "echo"), { id, token: "opaque" });
        assert.equal(response.status, 401);
        const seen = JSON.stringify([...response.headers]) + await response.text();
        assert.equal(seen.includes(address), false, seen);
        const leadsOn = resource.length > 0;
        assert.equal(seen.includes("https://signet.example/.well-known/oauth-protected-resource/mcp"), leadsOn);
        const told = signet.logs.filter((line) => JSON.stringify(line).includes("says where to log in"));
        assert.equal(told.length, leadsOn ? 0 : 1);
      }
    },
  );

  Deno.test(
    `I6: callers of several issuers stand beside each other, each under its issuer's rules (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using one = await TestIssuer.create();
      await using two = await TestIssuer.create();
      const other = "https://other.example/";
      const provider = `issuer=${other} jwks=${two.jwksFile} allow-no-audience=true client=job subject-claim=uid ` +
        "scope-claim=realm.roles";
      const flags = [...one.flags, "--jwt-provider", provider, "--require-scope", "use", "--forward-identity"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const ofTwo = (claims: Record<string, unknown> = {}) =>
        two.token("", {
          issuer: other,
          claims: { aud: undefined, sub: undefined, uid: "alice", cid: "job", realm: { roles: ["use"] }, ...claims },
        });
      const id = await signet.open({ token: await one.token("alice", { scope: "use" }) });
      const theirs = await signet.open({ token: await ofTwo() });
      const statusOf = async (session: string, token: string) =>
        await status(signet.post(call(1, "echo"), { id: session, token }));
      assert.equal(await statusOf(theirs, await ofTwo()), 200);
      assert.equal(upstream.requests.at(-1)!.headers.get("x-signet-user"), "alice");
      assert.equal(await statusOf(id, await ofTwo()), 403, "the same name by another issuer is somebody else");
      assert.equal(await statusOf(theirs, await ofTwo({ realm: { roles: [] } })), 403, "without the role");
      const forged = [
        await one.token("", { issuer: other, claims: { aud: undefined, sub: undefined, uid: "alice", cid: "job" } }),
        await two.token("alice", { scope: "use" }),
        await ofTwo({ cid: "other" }),
        await ofTwo({ aud: "https://elsewhere.example" }),
        await ofTwo({ uid: undefined, sub: "alice" }),
        await one.token("alice", { issuer: "https://third.example", scope: "use" }),
      ];
      for (const [index, token] of forged.entries()) assert.equal(await statusOf(theirs, token), 401, String(index));
    },
  );

  Deno.test(
    `PROTOCOL 22: an upstream's own challenge is replaced where Signet tells callers apart (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      await using signet = await TestSignet.start({
        upstream: upstream.url,
        lane,
        flags: [...issuer.flags, ...RESOURCE_FLAGS],
      });
      const token = await issuer.token("alice");
      const id = await signet.open({ token });
      const challenge =
        'Bearer error="insufficient_scope", scope="files:write", resource_metadata="https://evil.example/x"';
      for (const refusal of [401, 403]) {
        upstream.onRequest = () => new Response("no", { status: refusal, headers: { "www-authenticate": challenge } });
        const response = await signet.post(call(1, "echo"), { id, token });
        assert.equal(response.status, refusal);
        const seen = response.headers.get("www-authenticate") ?? "";
        assert.equal(seen.includes("evil"), false);
        assert.match(
          seen,
          /resource_metadata="https:\/\/signet\.example\/\.well-known\/oauth-protected-resource\/mcp"/,
        );
        if (refusal === 403) assert.match(seen, /error="insufficient_scope".*scope="files:write"/);
        await response.body?.cancel();
      }
    },
  );
}

Deno.test(
  "I4: a subject that is no plain text reaches the upstream percent-encoded, as one value",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    await using signet = await TestSignet.start({
      upstream: upstream.url,
      flags: [...issuer.flags, "--forward-identity"],
    });
    await signet.open({ token: await issuer.token("zoë 100%") });
    assert.equal(upstream.requests[0]!.headers.get("x-signet-user"), "zo%C3%AB%20100%25");
  },
);

Deno.test(
  "PROTOCOL 22: the metadata are served at both well-known paths, to anybody, from the configuration alone",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    const flags = [
      ...issuer.flags,
      ...RESOURCE_FLAGS,
      ...["--scope", "mcp:use"],
    ];
    await using signet = await TestSignet.start({ upstream: upstream.url, flags });
    for (const end of ["", "/", "/mcp", "/mcp/"]) {
      const path = `/.well-known/oauth-protected-resource${end}`;
      const response = await fetch(new URL(path, signet.url));
      assert.equal(response.headers.get("access-control-allow-origin"), "*");
      assert.deepEqual(await response.json(), {
        resource: "https://signet.example/mcp",
        authorization_servers: ["https://issuer.example"],
        scopes_supported: ["mcp:use"],
        bearer_methods_supported: ["header"],
      });
    }
    const bare = await signet.post(INITIALIZE);
    assert.equal(
      bare.headers.get("www-authenticate"),
      'Bearer scope="mcp:use", resource_metadata="https://signet.example/.well-known/oauth-protected-resource/mcp"',
    );
    await bare.body?.cancel();
    await using plain = await TestSignet.start({ upstream: upstream.url });
    assert.equal(await status(fetch(new URL("/.well-known/oauth-protected-resource", plain.url))), 404);
  },
);

Deno.test(
  "I2 PROTOCOL 26, 35: an invented id is no lost session to a stateless client, but no credential",
  STRICT,
  async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    const flags = [...issuer.flags, ...SESSION_ONLY];
    await using signet = await TestSignet.start({ upstream: upstream.url, flags });
    const { status, error } = await answered(ask(signet, "tools/call", { name: "echo" }, { id: "invented" }));
    assert.deepEqual([status, error.code], [401, 401]);
    assert.equal(upstream.requests.length, 0);
  },
);
