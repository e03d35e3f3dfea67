// Credentials by OAuth grants and by a command: what is asked, what is taken from the answer, what is final (B4).
import assert from "node:assert/strict";
import { commandCredential, runCommand } from "../../../lib/upstream/credentials/command.ts";
import { CredentialRejectedError } from "../../../lib/upstream/credentials/credential.ts";
import { CredentialedUpstream } from "../../../lib/upstream/credentials/header.ts";
import { oauthCredential, type OAuthGrant, type RefreshTokenKeeper } from "../../../lib/upstream/credentials/oauth.ts";
import { refreshTokenFile } from "../../../lib/upstream/credentials/refresh_token_file.ts";
import type { Upstream, UpstreamRequest } from "../../../lib/upstream/upstream.ts";
import { bareAnswer } from "../../../lib/bridge/http_answer.ts";
import { callerKeys } from "../../support/callers.ts";
import { STRICT } from "../../support/strict.ts";
import { TempFolder } from "../../support/temp_folder.ts";
import { FakeTimers } from "../../support/fake_timers.ts";

interface Asked {
  readonly url: string;
  readonly authorization: string | null;
  readonly body: URLSearchParams;
}

/** A token endpoint that answers with `answers` in turn. */
function tokenEndpoint(...answers: { status?: number; body: Record<string, unknown> | string }[]) {
  const asked: Asked[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input as string, init);
    const authorization = request.headers.get("authorization");
    asked.push({ url: request.url, authorization, body: new URLSearchParams(await request.text()) });
    const { status = 200, body } = answers[Math.min(asked.length, answers.length) - 1]!;
    return typeof body === "string" ? new Response(body, { status }) : Response.json(body, { status });
  };
  return { asked, fetch: fetch as typeof globalThis.fetch };
}

const TOKEN = { body: { access_token: "at-1", token_type: "Bearer", expires_in: 600 } };
const client = { tokenEndpoint: "https://as.example/token", clientId: "signet", clientSecret: "s3cret!" };

function credential(grant: OAuthGrant, endpoint: ReturnType<typeof tokenEndpoint>, timers = new FakeTimers()) {
  const values = (token: string) => ({ API_TOKEN: token });
  return oauthCredential({ client, grant, values, timers, fetch: endpoint.fetch });
}

/** A refresh token that is given, and forgotten with the test. */
function refreshTokenInMemory(token: string): RefreshTokenKeeper {
  let current = token;
  return {
    load: () => Promise.resolve(current),
    save(token) {
      current = token;
      return Promise.resolve();
    },
  };
}

Deno.test(
  "B4: client credentials are asked for with the client's secret, and last as long as the server says",
  STRICT,
  async () => {
    const endpoint = tokenEndpoint(TOKEN);
    const timers = new FakeTimers(5000);
    const source = credential({ type: "client_credentials", parameters: { scope: "a b" } }, endpoint, timers);
    assert.deepEqual(await source.current(), {
      values: { API_TOKEN: "at-1" },
      obtainedAtMs: 5000,
      expiresAtMs: 605_000,
    });
    const [asked] = endpoint.asked;
    assert.equal(asked!.url, client.tokenEndpoint);
    assert.equal(asked!.authorization, `Basic ${btoa("signet:s3cret%21")}`);
    assert.deepEqual(Object.fromEntries(asked!.body), { grant_type: "client_credentials", scope: "a b" });
  },
);

Deno.test("B4: a refresh token that the server replaces is kept for the next time", STRICT, async () => {
  const endpoint = tokenEndpoint({ body: { ...TOKEN.body, refresh_token: "rt-2" } }, TOKEN);
  const token = refreshTokenInMemory("rt-1");
  const source = credential({ type: "refresh_token", token }, endpoint);
  await source.refresh();
  await source.refresh();
  assert.deepEqual(endpoint.asked.map(({ body }) => body.get("refresh_token")), ["rt-1", "rt-2"]);
  assert.equal(await token.load(), "rt-2", "an answer without a new one leaves the old");
});

Deno.test("B4: a refresh token's file is replaced as a whole and readable by its owner only", STRICT, async () => {
  await using folder = await TempFolder.create();
  const path = `${folder.path}/token`;
  await Deno.writeTextFile(path, "first\n");
  const keeper = refreshTokenFile(path);
  assert.equal(await keeper.load(), "first");
  await keeper.save("second");
  assert.equal(await keeper.load(), "second");
  if (Deno.build.os !== "windows") assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["token"]);
});

Deno.test("B4: a token is exchanged for the caller's newest one", STRICT, async () => {
  const endpoint = tokenEndpoint(TOKEN);
  let subject = "caller-1";
  const grant = { type: "token_exchange", subjectToken: () => subject, parameters: { audience: "api" } } as const;
  const source = credential(grant, endpoint);
  await source.current();
  subject = "caller-2";
  await source.refresh();
  assert.deepEqual(endpoint.asked.map(({ body }) => body.get("subject_token")), ["caller-1", "caller-2"]);
  assert.equal(endpoint.asked[0]!.body.get("grant_type"), "urn:ietf:params:oauth:grant-type:token-exchange");
  assert.equal(endpoint.asked[0]!.body.get("audience"), "api");
});

Deno.test(
  "B4: invalid_grant is final, everything else may pass, and no message quotes a secret",
  STRICT,
  async () => {
    const faults = [
      {
        answer: { status: 400, body: { error: "invalid_grant", error_description: "rt-1 s3cret! at-1" } },
        final: true,
      },
      { answer: { status: 401, body: { error: "invalid_client" } }, final: false },
      { answer: { status: 503, body: "at-1 s3cret!" }, final: false },
      { answer: { status: 200, body: { access_token: 7, token_type: "Bearer" } }, final: false },
    ];
    for (const { answer, final } of faults) {
      const source = credential({ type: "refresh_token", token: refreshTokenInMemory("rt-1") }, tokenEndpoint(answer));
      const error = await source.current().then(() => undefined, (error) => error);
      assert.equal(error instanceof CredentialRejectedError, final, JSON.stringify(answer));
      assert.doesNotMatch(error.message, /rt-1|s3cret|at-1/);
    }
  },
);

Deno.test("B4: a token endpoint in the clear is asked on loopback only", STRICT, async () => {
  const grant = { type: "client_credentials" } as const;
  for (const [url, asked] of [["http://127.0.0.1:9/token", 1], ["http://as.example/token", 0]] as const) {
    const endpoint = tokenEndpoint(TOKEN);
    const values = (token: string) => ({ token });
    const timers = new FakeTimers();
    const source = oauthCredential({
      client: { ...client, tokenEndpoint: url },
      grant,
      values,
      timers,
      fetch: endpoint.fetch,
    });
    await source.current().catch(() => {});
    assert.equal(endpoint.asked.length, asked, url);
  }
});

const hasShell = Deno.build.os !== "windows";

Deno.test("B4: a command's answer is taken for as long as it says", { ...STRICT, ignore: !hasShell }, async () => {
  const timers = new FakeTimers(0);
  const by = (script: string) =>
    commandCredential({ command: "/bin/sh", args: ["-c", script], run: runCommand, timers }).current();
  const good = await by(`echo '{"values":{"API_TOKEN":"x"},"expires_in":60}'`);
  assert.deepEqual(good, { values: { API_TOKEN: "x" }, obtainedAtMs: 0, expiresAtMs: 60_000 });
  assert.equal((await by(`echo '{"values":{}}'`)).expiresAtMs, Infinity);
  await assert.rejects(by(`echo '{"error":"invalid_grant"}'`), CredentialRejectedError);
  for (
    const script of ["exit 3", "echo secret-text", `echo '{"values":{"A":1}}'`, `echo '{"values":{},"expires_in":0}'`]
  ) {
    const error = await by(script).then(() => undefined, (error) => error);
    assert.ok(error instanceof Error && !(error instanceof CredentialRejectedError), script);
    assert.doesNotMatch(error.message, /secret-text/);
  }
});

Deno.test("B4: a command that does not end is stopped, and may succeed the next time", {
  ...STRICT,
  ignore: !hasShell,
}, async () => {
  const timers = new FakeTimers();
  const source = commandCredential({ command: "/bin/sh", args: ["-c", "exec sleep 600"], run: runCommand, timers });
  const waiting = source.current();
  await timers.advance(30_000);
  await assert.rejects(waiting, /exit code 143/);
});

const REQUEST: UpstreamRequest = {
  method: "GET",
  query: "",
  fields: [],
  upstreamSessionId: undefined,
  body: undefined,
  caller: callerKeys("alice"),
  session: undefined,
};

/** Records what it is sent. */
class RecordingUpstream implements Upstream {
  readonly name = "recording";
  readonly url = "http://recording/mcp";
  readonly initializeTimeoutMs = 1;
  readonly sent: UpstreamRequest[] = [];
  readonly released: string[] = [];
  onEnded: Upstream["onEnded"];

  release(upstreamSessionId: string): void {
    this.released.push(upstreamSessionId);
  }

  send(request: UpstreamRequest) {
    this.sent.push(request);
    return { response: Promise.resolve(bareAnswer(202)), abort() {} };
  }

  probe(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}
}

Deno.test(
  "B4: an HTTP upstream gets the credential in place of the client's own, from the first request on",
  STRICT,
  async () => {
    const inner = new RecordingUpstream();
    const endpoint = tokenEndpoint(TOKEN);
    const source = oauthCredential({
      client,
      grant: { type: "client_credentials" },
      values: (token) => ({ Authorization: `Bearer ${token}` }),
      timers: new FakeTimers(),
      fetch: endpoint.fetch,
    });
    const upstream = new CredentialedUpstream(inner, source);
    for (let i = 0; i < 2; i++) {
      const fields = ["accept", "*/*", "authorization", "Bearer the-clients", "x-tenant", "1"];
      await upstream.send({ ...REQUEST, method: "POST", fields }).response;
    }
    for (const { fields } of inner.sent) {
      assert.deepEqual(fields, ["accept", "*/*", "x-tenant", "1", "authorization", "Bearer at-1"]);
    }
    assert.equal(endpoint.asked.length, 1);
  },
);

Deno.test("B4: without a credential an HTTP upstream is not asked, and the client told", STRICT, async () => {
  const inner = new RecordingUpstream();
  const source = credential({ type: "client_credentials" }, tokenEndpoint({ status: 503, body: "away" }));
  const upstream = new CredentialedUpstream(inner, source);
  const request: UpstreamRequest = { ...REQUEST, fields: ["authorization", "x"] };
  await assert.rejects(upstream.send(request).response, { code: "upstream_unreachable" });
  assert.equal(inner.sent.length, 0);
});

Deno.test("B4: what wraps an upstream passes every member on; one that is optional could be forgotten", STRICT, () => {
  const whole: Required<Upstream> = {} as Upstream; // does not compile if a member of `Upstream` is optional
  assert.ok(whole);
  const inner = new RecordingUpstream();
  const source = { peek: () => undefined, current: () => Promise.reject(new Error("none")) } as never;
  const upstream: Upstream = new CredentialedUpstream(inner, source);
  upstream.release("upstream-1" as never);
  assert.deepEqual(inner.released, ["upstream-1"]);
  let heard: string | undefined;
  upstream.onEnded = (id) => heard = id;
  inner.onEnded?.("upstream-2" as never);
  assert.equal(heard, "upstream-2");
});
