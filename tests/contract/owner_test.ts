// Who may use a session: every caller, every method, both lanes, one table (docs/behaviour.md O1–O3, I3;
// docs/protocol.md 8, 9).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import type { Claims } from "../support/issuer.ts";
import { Scene } from "../support/oauth_scene.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

const CALLERS = [
  "owner",
  "owner, token refreshed",
  "other",
  "no token",
  "expired token",
  "revoked session",
  "after restart",
] as const;
const METHODS = ["POST", "GET", "cancel", "DELETE"] as const;
type Caller = typeof CALLERS[number];
type Method = typeof METHODS[number];

/** The status wanted. A cancellation by somebody else is answered 202 and has no effect (O3). */
function wanted(caller: Caller, method: Method): number {
  switch (caller) {
    case "no token":
    case "expired token":
      return 401;
    case "revoked session":
      return 404;
    case "other":
      return method === "cancel" ? 202 : 403;
    default:
      return { POST: 200, GET: 200, cancel: 202, DELETE: 204 }[method];
  }
}

const CANCEL = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } };

const STATELESS_COUNT = call(1, "count");
Object.assign(STATELESS_COUNT.params, {
  _meta: {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  },
});

async function ask(
  signet: TestSignet,
  method: Method,
  who: { id: string; token: string | undefined },
): Promise<number> {
  switch (method) {
    case "POST":
      return await status(signet.post(call(1, "echo"), who));
    case "GET": {
      const abort = new AbortController();
      const response = await signet.get({ ...who, signal: abort.signal });
      await response.body?.cancel();
      abort.abort();
      return response.status;
    }
    case "cancel":
      return await status(signet.post(CANCEL, who));
    case "DELETE":
      return await status(signet.delete(who));
  }
}

async function tokenOf(caller: Caller, issuer: TestIssuer, first: string): Promise<string | undefined> {
  switch (caller) {
    case "other":
      return await issuer.token("bob");
    case "no token":
      return undefined;
    case "expired token":
      return await issuer.token("alice", { expiresInS: -60 });
    case "owner, token refreshed":
      return await issuer.token("alice");
    default:
      return first;
  }
}

for (const lane of LANES) {
  for (const caller of CALLERS) {
    for (const method of METHODS) {
      Deno.test(`O1: ${method} by ${caller} is ${wanted(caller, method)} (${lane} lane)`, STRICT, async () => {
        await using upstream = new FakeMcp();
        await using issuer = await TestIssuer.create();
        await using first = await TestSignet.start({ upstream: upstream.url, lane, flags: issuer.flags });
        const alice = await issuer.token("alice");
        const id = await first.open({ token: alice });
        if (caller === "revoked session") assert.equal(await status(first.delete({ id, token: alice })), 204);
        await using restarted = await TestSignet.start({
          upstream: upstream.url,
          lane,
          flags: issuer.flags,
          ring: first.ring,
        });
        const signet = caller === "after restart" ? restarted : first;
        const before = upstream.requests.length;
        const found = await ask(signet, method, { id, token: await tokenOf(caller, issuer, alice) });
        assert.equal(found, wanted(caller, method));
        const refused = found >= 400 || caller === "other";
        if (refused) assert.equal(upstream.requests.length, before, "a refused request reached the upstream");
        if (!refused || caller === "revoked session") return;
        // The owner's session is unharmed.
        assert.equal(await status(signet.post(call(2, "echo"), { id, token: alice })), 200);
        assert.equal(upstream.sessions.size, 1);
      });
    }
  }
}

for (const lane of LANES) {
  Deno.test(
    `O2: with --bind-client-id the same person through another client is another owner (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      await using signet = await TestSignet.start({
        lane,
        upstream: upstream.url,
        flags: [...issuer.flags, "--bind-client-id"],
      });
      const id = await signet.open({ token: await issuer.token("alice", { clientId: "ide" }) });
      const sameClient = await issuer.token("alice", { clientId: "ide" });
      const otherClient = await issuer.token("alice", { clientId: "cli" });
      assert.equal(await status(signet.post(call(1, "echo"), { id, token: sameClient })), 200);
      assert.equal(await status(signet.post(call(1, "echo"), { id, token: otherClient })), 403);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `O2 B1: with --bind-client-id owners share no stdio process, in either era (${lane} lane)`,
    STRICT,
    async () => {
      await using issuer = await TestIssuer.create();
      const { command, args } = fixture();
      const flags = [...issuer.flags, "--bind-client-id"];
      await using signet = await TestSignet.start({ upstream: [command, ...args], lane, flags });
      const count = async (clientId: string) => {
        const token = await issuer.token("alice", { clientId });
        const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "count" };
        const { result } = await (await signet.post(STATELESS_COUNT, { token, headers })).json();
        return JSON.parse(result.content[0].text).count;
      };
      assert.deepEqual([await count("ide"), await count("cli"), await count("ide")], [1, 1, 2]);
    },
  );
}

for (const lane of LANES) {
  Deno.test(
    `I7: where a client is bound, a token that names none is refused and none is shared (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [...issuer.flags, "--bind-client-id"];
      await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
      const ide = (claims: Claims) => issuer.token("alice", { claims });
      for (const claim of ["client_id", "azp", "cid", "appid"]) {
        const id = await signet.open({ token: await ide({ [claim]: "ide" }) });
        const statusWith = async (claims: Claims) =>
          await status(signet.post(call(1, "echo"), { id, token: await ide(claims) }));
        assert.equal(await statusWith({ [claim]: "ide" }), 200);
        assert.equal(await statusWith({ client_id: "ide" }), 200, "the same client by another name");
        assert.equal(await statusWith({ [claim]: "cli" }), 403);
        for (
          const claims of [{}, { [claim]: "" }, { [claim]: null }, { [claim]: ["ide"] }, {
            client_id: "ide",
            azp: "cli",
          }]
        ) {
          assert.equal(await statusWith(claims), 401, JSON.stringify(claims));
        }
      }
      for (const claims of [{}, { client: "ide" }]) {
        assert.equal(await status(signet.post(INITIALIZE, { token: await ide(claims) })), 401);
      }
    },
  );
}

for (const source of ["introspection", "resolver"] as const) {
  Deno.test(`I7: an answer that names no client is refused where one is bound (${source})`, STRICT, async () => {
    await using scene = await Scene.open(source, { flags: ["--bind-client-id"] });
    assert.equal(await scene.knock(await scene.token("alice")), 401);
  });
}

for (
  const [source, flags, headers] of [
    ["header", ["--principal-header", "X-User", "--trusted-proxy", "127.0.0.0/8"], { "x-user": "alice" }],
    ["bearer", [], { authorization: "Bearer opaque" }],
    ["anonymous", [], {}],
  ] as const
) {
  Deno.test(`I7: a caller by ${source} has no client, and is refused where one is bound`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using issuer = await TestIssuer.create();
    const principals = [...issuer.flags, "--principal", source, ...flags, "--bind-client-id"];
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: principals });
    assert.equal(await status(signet.post(INITIALIZE, { headers })), 401);
  });
}

for (const lane of LANES) {
  Deno.test(`O2: an opaque bearer is its own owner; other bytes are another (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({ lane, upstream: upstream.url, flags: ["--principal", "bearer"] });
    const id = await signet.open({ token: "opaque-1" });
    assert.equal(await status(signet.post(call(1, "echo"), { id, token: "opaque-1" })), 200);
    assert.equal(await status(signet.post(call(1, "echo"), { id, token: "opaque-2" })), 403);
    assert.equal(await status(signet.post(call(1, "echo"), { id })), 401);
  });
}

for (const lane of LANES) {
  Deno.test(
    `I1: a trusted proxy's header is the principal, and is never passed on (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using signet = await TestSignet.start({
        lane,
        upstream: upstream.url,
        flags: ["--principal", "header", "--principal-header", "X-User", "--trusted-proxy", "127.0.0.0/8"],
      });
      const id = await signet.open({ headers: { "x-user": "alice" } });
      assert.equal(await status(signet.post(call(1, "echo"), { id, headers: { "x-user": "alice" } })), 200);
      assert.equal(await status(signet.post(call(1, "echo"), { id, headers: { "x-user": "bob" } })), 403);
      assert.equal(await status(signet.post(call(1, "echo"), { id })), 401);
      for (const request of upstream.requests) assert.equal(request.headers.get("x-user"), null);
    },
  );
}

for (const lane of LANES) {
  Deno.test(`I1: the header from an address that is not trusted is no credential (${lane} lane)`, STRICT, async () => {
    await using upstream = new FakeMcp();
    await using signet = await TestSignet.start({
      lane,
      upstream: upstream.url,
      flags: ["--principal", "header", "--principal-header", "X-User", "--trusted-proxy", "10.0.0.0/8"],
    });
    assert.equal(await status(signet.post(call(1, "echo"), { headers: { "x-user": "alice" } })), 401);
  });
}

for (const lane of LANES) {
  Deno.test(
    `I3: a bad token is 401 with a challenge, and one for another audience is bad (${lane} lane)`,
    STRICT,
    async () => {
      await using upstream = new FakeMcp();
      await using issuer = await TestIssuer.create();
      const flags = [
        ...issuer.flags,
        "--resource-metadata-url",
        "https://signet.example/.well-known/oauth-protected-resource",
      ];
      await using signet = await TestSignet.start({ lane, upstream: upstream.url, flags });
      const bare = await signet.post(call(1, "echo"));
      assert.equal(bare.status, 401);
      assert.equal(
        bare.headers.get("www-authenticate"),
        'Bearer resource_metadata="https://signet.example/.well-known/oauth-protected-resource"',
      );
      await bare.body?.cancel();
      for (
        const token of [
          "nonsense",
          await issuer.token("a", { audience: "https://other.example" }),
          await issuer.token("a", { issuer: "https://evil.example" }),
        ]
      ) {
        const response = await signet.post(call(1, "echo"), { token });
        assert.equal(response.status, 401);
        assert.match(response.headers.get("www-authenticate") ?? "", /error="invalid_token"/);
        assert.equal((await response.text()).includes(token), false);
      }
    },
  );
}
