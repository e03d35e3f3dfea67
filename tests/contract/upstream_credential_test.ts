// Signet's own credential for the MCP server, as it is configured (docs/behaviour.md B4): where it comes from, where it
// goes, whose it is, and what happens when there is none any more.
import assert from "node:assert/strict";
import { FakeMcp } from "../support/fake_mcp.ts";
import { HAS_CENSUS } from "../support/process_census.ts";
import { call, INITIALIZE, LANES, status, TestSignet } from "../support/signet.ts";
import { fixture } from "../support/stdio.ts";
import { STRICT } from "../support/strict.ts";
import { until } from "../support/until.ts";

const OPTIONS = { ...STRICT, ignore: !HAS_CENSUS };
const { command, args } = fixture();
const COMMAND = [command, ...args];

/** A token endpoint that answers with a token for whoever asks, or an error. */
class TokenServer implements AsyncDisposable {
  /** Bodies of the requests, newest last. */
  readonly asked: URLSearchParams[] = [];
  readonly authorizations: (string | null)[] = [];
  error: string | undefined;
  expiresIn = 3600;
  refreshToken: string | undefined;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, async (request) => {
      const asked = new URLSearchParams(await request.text());
      this.asked.push(asked);
      this.authorizations.push(request.headers.get("authorization"));
      if (this.error !== undefined) return Response.json({ error: this.error }, { status: 400 });
      return Response.json({
        access_token: `token-${this.asked.length}-${asked.get("subject_token") ?? "own"}`,
        token_type: "Bearer",
        expires_in: this.expiresIn,
        ...(asked.has("subject_token") ? { issued_token_type: "urn:ietf:params:oauth:token-type:access_token" } : {}),
        ...(this.refreshToken === undefined ? {} : { refresh_token: this.refreshToken }),
      });
    });
  }

  get flags(): string[] {
    const url = `http://127.0.0.1:${this.#server.addr.port}/token`;
    return ["--credential-token-url", url, "--credential-client-id", "signet"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A folder with files, gone afterwards. */
async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writePrivate(path: string, text: string): Promise<string> {
  await Deno.writeTextFile(path, text, { mode: 0o700 });
  return path;
}

async function environment(signet: TestSignet, id: string, name: string, token?: string): Promise<string | null> {
  const response = await signet.post(call(1, "env", { name }), { id, token });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return JSON.parse(body.result.content[0].text).value;
}

for (const lane of LANES) {
  Deno.test(
    `B4: an HTTP server gets Signet's token in place of the client's (${lane} lane)`,
    STRICT,
    () =>
      withFolder(async (folder) => {
        await using tokens = new TokenServer();
        await using upstream = new FakeMcp();
        const secret = await writePrivate(`${folder}/secret`, "s3cret\n");
        const flags = [
          ...["--credential", "client-credentials", ...tokens.flags, "--credential-client-secret-file", secret],
          ...[
            "--credential-scope",
            "a,b",
            "--credential-audience",
            "mcp",
            "--credential-resource",
            "https://mcp.example/",
          ],
        ];
        await using signet = await TestSignet.start({ upstream: upstream.url, lane, flags });
        const id = await signet.open({ token: "of-the-client" });
        assert.equal(await status(signet.post(call(1, "echo"), { id, token: "of-the-client" })), 200);
        const seen = upstream.requests.map(({ headers }) => headers.get("authorization"));
        assert.ok(seen.length >= 2);
        assert.deepEqual(new Set(seen), new Set(["Bearer token-1-own"]));
        assert.equal(tokens.asked.length, 1, "one token for all requests");
        assert.equal(tokens.authorizations[0], `Basic ${btoa("signet:s3cret")}`);
        assert.deepEqual(Object.fromEntries(tokens.asked[0]!), {
          grant_type: "client_credentials",
          scope: "a b",
          audience: "mcp",
          resource: "https://mcp.example/",
        });
      }),
  );
}

for (const lane of LANES) {
  Deno.test(
    `B4: an HTTP server gets the header a command of the operator's prints (${lane} lane)`,
    OPTIONS,
    () =>
      withFolder(async (folder) => {
        await using upstream = new FakeMcp();
        const program = await writePrivate(
          `${folder}/credential`,
          `#!/bin/sh\necho '{"values": {"X-Api-Key": "k3y"}}'\n`,
        );
        const flags = ["--credential", "command", "--credential-command", program];
        await using signet = await TestSignet.start({ lane, upstream: upstream.url, flags });
        await signet.open({ headers: { "x-api-key": "of-the-client" } });
        assert.deepEqual(upstream.requests.map(({ headers }) => headers.get("x-api-key")), ["k3y"]);
      }),
  );
}

for (const lane of LANES) {
  Deno.test(
    `B4: a credential that no header can carry is none, is asked for again, and is not told (${lane} lane)`,
    OPTIONS,
    () =>
      withFolder(async (folder) => {
        await using upstream = new FakeMcp();
        const path = `${folder}/credential`;
        const print = (name: string, value: string) =>
          writePrivate(path, `#!/bin/sh\ncat <<'END'\n${JSON.stringify({ values: { [name]: value } })}\nEND\n`);
        await print("X-Api-Key", "k3y");
        const flags = ["--credential", "command", "--credential-command", path];
        await using signet = await TestSignet.start({ lane, upstream: upstream.url, flags });
        for (
          const [name, value] of [["X-Api-Key", "k3y\n"], ["X-Api-Key", "k3y€"], ["X Api Key", "k3y"], [
            "Mcp-Session-Id",
            "k3y",
          ], ["Content-Length", "3"]] as const
        ) {
          await print(name, value);
          assert.equal(await status(signet.post(INITIALIZE)), 502, `${name}: ${JSON.stringify(value)}`);
        }
        assert.equal(upstream.requests.length, 0);
        assert.doesNotMatch(JSON.stringify(signet.logs), /k3y/);
        await print("X-Api-Key", "k3y");
        await until(async () => await status(signet.post(INITIALIZE)) === 200, "the command to be asked again");
      }),
  );
}

for (const lane of LANES) {
  Deno.test(
    `B4: without a credential an HTTP server is not asked, and the client's own does not take its place (${lane} lane)`,
    STRICT,
    () =>
      withFolder(async (folder) => {
        await using tokens = new TokenServer();
        await using upstream = new FakeMcp();
        const secret = await writePrivate(`${folder}/secret`, "s3cret");
        const flags = [
          "--credential",
          "client-credentials",
          ...tokens.flags,
          "--credential-client-secret-file",
          secret,
        ];
        await using signet = await TestSignet.start({ lane, upstream: upstream.url, flags });
        tokens.error = "invalid_client";
        assert.equal(await status(signet.post(INITIALIZE, { token: "of-the-client" })), 502);
        assert.equal(upstream.requests.length, 0);
        assert.doesNotMatch(JSON.stringify(signet.logs), /s3cret|of-the-client/);
        tokens.error = undefined;
        await signet.open();
      }),
  );
}

Deno.test("B4: a refresh token's file is replaced by the server's new one", STRICT, () =>
  withFolder(async (folder) => {
    await using tokens = new TokenServer();
    await using upstream = new FakeMcp();
    const file = await writePrivate(`${folder}/refresh`, "first\n");
    tokens.refreshToken = "second";
    const flags = ["--credential", "refresh-token", ...tokens.flags, "--credential-refresh-token-file", file];
    await using signet = await TestSignet.start({ upstream: upstream.url, flags });
    await signet.open();
    assert.equal(tokens.asked[0]!.get("refresh_token"), "first");
    assert.equal((await Deno.readTextFile(file)).trim(), "second");
  }));

Deno.test(
  "B4: a stdio server gets Signet's token in a variable, one token for all",
  OPTIONS,
  () =>
    withFolder(async (folder) => {
      await using tokens = new TokenServer();
      const secret = await writePrivate(`${folder}/secret`, "s3cret");
      const flags = [
        ...["--credential", "client-credentials", ...tokens.flags, "--credential-client-secret-file", secret],
        ...["--credential-name", "API_TOKEN", "--credential-client-auth", "post"],
      ];
      await using signet = await TestSignet.start({ upstream: COMMAND, flags });
      for (const id of [await signet.open(), await signet.open()]) {
        assert.equal(await environment(signet, id, "API_TOKEN"), "token-1-own");
      }
      assert.equal(tokens.asked[0]!.get("client_secret"), "s3cret");
    }),
);

Deno.test("B4: with token exchange each session's server acts for its own caller", OPTIONS, async () => {
  await using tokens = new TokenServer();
  const flags = [
    ...["--principal", "bearer", "--credential", "token-exchange", ...tokens.flags, "--credential-name", "API_TOKEN"],
  ];
  await using signet = await TestSignet.start({ upstream: COMMAND, flags });
  const [alice, bob] = [await signet.open({ token: "alice" }), await signet.open({ token: "bob" })];
  assert.equal(await environment(signet, alice, "API_TOKEN", "alice"), "token-1-alice");
  assert.equal(await environment(signet, bob, "API_TOKEN", "bob"), "token-2-bob");
  assert.equal(tokens.asked[0]!.get("grant_type"), "urn:ietf:params:oauth:grant-type:token-exchange");
});

Deno.test(
  "B4 O2: with token exchange the token presented last is exchanged, once that of the opening has ended",
  OPTIONS,
  async () => {
    await using tokens = new TokenServer();
    tokens.expiresIn = 1;
    const flags = ["--credential", "token-exchange", ...tokens.flags, "--credential-name", "API_TOKEN"];
    await using signet = await TestSignet.start({ upstream: COMMAND, flags });
    const id = await signet.open({ token: "first" });
    assert.equal(await environment(signet, id, "API_TOKEN", "first"), "token-1-first");
    await until(async () => {
      await status(signet.post(call(1, "crash"), { id, token: "second" }));
      return tokens.asked.length > 1;
    }, "another credential is asked for");
    assert.equal(tokens.asked[1]!.get("subject_token"), "second");
  },
);

Deno.test("B4: a credential refused for good is 403 on stdio, and a later session may be lucky", OPTIONS, async () => {
  await using tokens = new TokenServer();
  const flags = ["--credential", "token-exchange", ...tokens.flags, "--credential-name", "API_TOKEN"];
  await using signet = await TestSignet.start({ upstream: COMMAND, flags });
  tokens.error = "invalid_grant";
  assert.equal(await status(signet.post(INITIALIZE, { token: "alice" })), 403);
  tokens.error = undefined;
  await signet.open({ token: "alice" });
});

Deno.test("B4: a session whose credential is refused for good leaves Signet's memory too", OPTIONS, async () => {
  await using tokens = new TokenServer();
  tokens.expiresIn = 1;
  const flags = ["--credential", "token-exchange", ...tokens.flags, "--credential-name", "API_TOKEN"];
  await using signet = await TestSignet.start({ upstream: COMMAND, flags });
  const id = await signet.open({ token: "alice" });
  tokens.error = "invalid_grant";
  const gone = async () => (await signet.metrics()).includes('signet_sessions_ended_total{reason="upstream_gone"} 1');
  // As long as the token is valid, a new process gets it; the first that starts after its end is refused a new one.
  await until(async () => {
    await status(signet.post(call(1, "crash"), { id, token: "alice" }));
    return await gone();
  }, "the session has ended");
  tokens.error = undefined;
  assert.match(await environment(signet, id, "API_TOKEN", "bob") ?? "", /^token-\d+-bob$/, "the id is still good");
});
