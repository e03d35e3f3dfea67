// A server that refuses a credential with a challenge (401, or 403 for want of scopes), where a bridge stands before it:
// the client gets the challenge, as it would without a bridge, and can come back with another credential
// (docs/protocol.md 22; docs/behaviour.md S5).
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { FakeSseMcp } from "../support/fake_sse_mcp.ts";
import { FakeStateless } from "../support/fake_stateless.ts";
import { handshake, RawUpstream, write } from "../support/raw_upstream.ts";
import { FakeMember } from "../support/several.ts";
import { call, INITIALIZE, TestSignet } from "../support/signet.ts";
import { ask } from "../support/stateless.ts";
import { STRICT } from "../support/strict.ts";
import { TestIssuer } from "../support/tokens.ts";

const METADATA = "https://elsewhere.example/.well-known/oauth-protected-resource";
const EXPIRED = `Bearer error="invalid_token", resource_metadata="${METADATA}"`;
const SCOPE = `Bearer error="insufficient_scope", scope="files:write", resource_metadata="${METADATA}"`;

function refusal(status: number, challenge: string | undefined): Response {
  const headers = challenge === undefined ? {} : { "www-authenticate": challenge };
  return new Response("no", { status, headers });
}

async function seen(response: Promise<Response>) {
  const { status, headers } = await response;
  await (await response).body?.cancel();
  return [status, headers.get("www-authenticate")];
}

/** Two servers, the first of which refuses calls. */
function twoMembers(refuse: () => Response) {
  const first = new FakeMember(), second = new FakeMember();
  first.before = ({ method }) => method === "tools/call" ? refuse() : undefined;
  return {
    upstream: `first=${first.url}`,
    flags: ["--upstream", `second=${second.url}`],
    async [Symbol.asyncDispose]() {
      await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
    },
  };
}

function callIn(signet: TestSignet, tool: string): Asks {
  return async (of) => {
    const id = await signet.open(of);
    return await signet.post(call(1, tool), { ...of, id });
  };
}

/** Asks for a tool; with a credential, where one is given. */
type Asks = (of: { token?: string }) => Promise<Response>;
/** @param refuse what the server answers a call with, or whatever the bridge is about */
type Bridge = (refuse: () => Response, run: (asks: Asks) => Promise<void>, flags: string[]) => Promise<void>;

const BRIDGES: Readonly<Record<string, Bridge>> = {
  async "a stateless server, a client with a session"(refuse, run, flags) {
    await using server = new FakeStateless();
    server.on("tools/call", refuse);
    await using signet = await TestSignet.start({ upstream: server.url, flags });
    await run(callIn(signet, "echo"));
  },
  async "a server with sessions, a stateless client"(refuse, run, flags) {
    await using server = new FakeMcp({ sessionsOnly: true });
    server.tool("echo", refuse);
    await using signet = await TestSignet.start({ upstream: server.url, flags });
    await run((of) => ask(signet, "tools/call", { name: "echo" }, of));
  },
  async "a server with sessions that refuses its handshake, a stateless client"(refuse, run, flags) {
    await using server = new FakeMcp({ sessionsOnly: true });
    server.onRequest = ({ body }) => body.includes('"initialize"') ? refuse() : undefined;
    await using signet = await TestSignet.start({ upstream: server.url, flags });
    await run((of) => ask(signet, "tools/call", { name: "echo" }, of));
  },
  async "one of several servers that gets the client's credential"(refuse, run, flags) {
    await using members = twoMembers(refuse);
    const given = ["--member-credential", "first=client"];
    await using signet = await TestSignet.start({
      upstream: members.upstream,
      flags: [...members.flags, ...given, ...flags],
    });
    await run(callIn(signet, "first__echo"));
  },
  async "a server of HTTP+SSE that refuses a message"(refuse, run, flags) {
    await using server = new FakeSseMcp();
    server.onPost = ({ message }) => message.method === "tools/call" ? refuse() : undefined;
    await using signet = await TestSignet.start({ upstream: `sse+${server.url}`, flags });
    await run(callIn(signet, "echo"));
  },
  async "a server of HTTP+SSE that refuses a stream"(refuse, run, flags) {
    await using server = new FakeSseMcp();
    server.refusal = refuse;
    await using signet = await TestSignet.start({ upstream: `sse+${server.url}`, flags });
    await run((of) => signet.post(INITIALIZE, of));
  },
};

for (const [name, bridge] of Object.entries(BRIDGES)) {
  Deno.test(`PROTOCOL 22: the challenge of ${name}`, STRICT, async (t) => {
    for (const [status, challenge] of [[401, EXPIRED], [403, SCOPE]] as const) {
      await t.step(`is the server's own where Signet knows nobody (${status})`, async () => {
        await bridge(() => refusal(status, challenge), async (asks) => {
          assert.deepEqual(await seen(asks({})), [status, challenge]);
        }, []);
      });
    }
    await t.step("is Signet's own where it knows its callers", async () => {
      await using issuer = await TestIssuer.create();
      const token = await issuer.token("alice");
      for (
        const [status, challenge, error] of [[401, EXPIRED, "invalid_token"], [
          403,
          SCOPE,
          "insufficient_scope",
        ]] as const
      ) {
        await bridge(() => refusal(status, challenge), async (asks) => {
          const [found, given] = await seen(asks({ token }));
          assert.equal(found, status);
          assert.ok(String(given).includes(error) && !String(given).includes(METADATA), String(given));
        }, issuer.flags);
      }
    });
    await t.step("a refusal without one says it in words alone", async () => {
      await bridge(() => refusal(403, undefined), async (asks) => {
        const response = await asks({});
        assert.ok([200, 403].includes(response.status), String(response.status));
        assert.match(await response.text(), /does not accept the credential \(status 403\)/);
      }, []);
    });
  });
}

Deno.test(
  "PROTOCOL 22: of several servers, one that gets none of the client's credential challenges nobody",
  STRICT,
  async () => {
    await using members = twoMembers(() => refusal(401, EXPIRED));
    await using signet = await TestSignet.start({ upstream: members.upstream, flags: members.flags });
    const response = await callIn(signet, "first__echo")({});
    assert.deepEqual([response.status, response.headers.get("www-authenticate")], [200, null]);
    assert.match(await response.text(), /first: Forbidden: the MCP server does not accept the credential/);
  },
);

Deno.test(
  "PROTOCOL 22: that scopes are wanted is heard in whichever line of the challenges it stands",
  STRICT,
  async () => {
    await using issuer = await TestIssuer.create();
    const token = await issuer.token("alice");
    const lines = ['Basic realm="a"', SCOPE].map((challenge) => `www-authenticate: ${challenge}\r\n`).join("");
    const refused = `HTTP/1.1 403 Forbidden\r\n${lines}content-length: 0\r\n\r\n`;
    await using upstream = new RawUpstream(async (request) => {
      await write(request.conn, handshake(request) ?? refused);
    });
    await using signet = await TestSignet.start({ upstream: upstream.url, flags: issuer.flags });
    const [status, challenge] = await seen(callIn(signet, "echo")({ token }));
    assert.equal(status, 403);
    assert.match(String(challenge), /^Bearer .*error="insufficient_scope".*scope="files:write"/);
  },
);

Deno.test("S5: a client that is challenged in mid-session goes on in it with another credential", STRICT, async () => {
  await using server = new FakeStateless();
  server.on(
    "tools/call",
    ({ headers }) =>
      headers.get("authorization") === "Bearer new" ? { resultType: "complete", content: [] } : refusal(401, EXPIRED),
  );
  await using signet = await TestSignet.start({ upstream: server.url });
  const id = await signet.open({ token: "old" });
  assert.deepEqual(await seen(signet.post(call(1, "echo"), { id, token: "old" })), [401, EXPIRED]);
  const answer = await signet.post(call(2, "echo"), { id, token: "new" });
  assert.deepEqual([answer.status, (await answer.json()).result.content], [200, []]);
});
