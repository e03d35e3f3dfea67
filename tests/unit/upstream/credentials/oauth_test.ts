// Credentials by OAuth grants: what is asked, what is taken from the answer, what is final (B4).
import assert from "node:assert/strict";
import { CredentialRejectedError } from "../../../../lib/upstream/credentials/credential.ts";
import {
  oauthCredential,
  type OAuthGrant,
  type RefreshTokenKeeper,
} from "../../../../lib/upstream/credentials/oauth.ts";
import { FakeTimers } from "../../../support/fake_timers.ts";
import { STRICT } from "../../../support/strict.ts";

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

Deno.test(
  "B4: a token of another type than Bearer is refused, with the type and without the token",
  STRICT,
  async () => {
    const exchange = { type: "token_exchange", subjectToken: () => "caller-1" } as const;
    for (const token_type of ["DPoP", "mac", "N_A", "at-1 at-1"]) {
      const endpoint = tokenEndpoint({ body: { ...TOKEN.body, token_type, refresh_token: "rt-2" } });
      const token = refreshTokenInMemory("rt-1");
      for (const grant of [{ type: "client_credentials" }, { type: "refresh_token", token }, exchange] as const) {
        const error = await credential(grant, endpoint).current().then(() => undefined, (error) => error);
        assert.ok(error !== undefined && !(error instanceof CredentialRejectedError), `${grant.type}: ${token_type}`);
        const found = token_type.includes(" ") ? "whose name is none" : token_type.toLowerCase();
        assert.match(
          error.message,
          new RegExp(`^asking as.example for a token: found one of the type ${found}, want Bearer`),
        );
        assert.doesNotMatch(error.message, /at-1/);
      }
      assert.equal(await token.load(), "rt-2", "the one before it is used up");
    }
    for (const token_type of ["Bearer", "bearer", "BEARER"]) {
      const endpoint = tokenEndpoint({ body: { ...TOKEN.body, token_type } });
      await credential({ type: "client_credentials" }, endpoint).current();
    }
  },
);

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

/** What a source says of an endpoint that answers so. */
async function failureOf(answer: () => Response): Promise<Error> {
  const values = (token: string) => ({ API_TOKEN: token });
  const fetch = (() => Promise.resolve(answer())) as typeof globalThis.fetch;
  const grant = { type: "client_credentials" } as const;
  const source = oauthCredential({ client, grant, values, timers: new FakeTimers(), fetch, timeoutMs: 1_000 });
  return await source.current().then(() => assert.fail("want a failure"), (error) => error);
}

Deno.test("M3 B4: an endless answer of a token endpoint is given up at the size bound", STRICT, async () => {
  let pieces = 0;
  let cancelled = false;
  const body = new ReadableStream({
    pull: (controller) => void (pieces++, controller.enqueue(new Uint8Array(16_384).fill(32))),
    cancel: () => void (cancelled = true),
  });
  const error = await failureOf(() => new Response(body, { headers: { "content-type": "application/json" } }));
  assert.match(error.message, /^asking as\.example for a token: found more than 65536 bytes/);
  assert.ok(pieces < 10, `${pieces} pieces were read`);
  assert.ok(cancelled);
});

Deno.test("M3 B4: an answer of a token endpoint is taken without a content coding only", STRICT, async () => {
  const coded = () => Response.json(TOKEN.body, { headers: { "content-encoding": "gzip" } });
  assert.match((await failureOf(coded)).message, /found a compressed answer/);
});

Deno.test(
  "B4: an access token that no field can carry is none, and neither it nor odd words are told",
  STRICT,
  async () => {
    for (const access_token of ["tok\r\nx-evil: 1", "tok\0", "t\u00f6k", "tok\u{1f600}", "\ttok"]) {
      const error = await failureOf(() => Response.json({ ...TOKEN.body, access_token }));
      assert.match(error.message, /characters that none has/);
      assert.ok(!error.message.includes(access_token) && !error.message.includes("evil"));
      assert.equal(error.cause, undefined);
    }
    for (const code of ["invalid\n\u001b[31mclient", "x".repeat(10_000), ""]) {
      const error = await failureOf(() => Response.json({ error: code }, { status: 400 }));
      assert.ok(error.message.length < 200, `${error.message.length} characters`);
      assert.ok(!error.message.includes("\u001b"));
    }
  },
);

Deno.test(
  "M3 B4: a token endpoint that has failed twice is left alone for a second, whoever asks",
  STRICT,
  async () => {
    const timers = new FakeTimers(1_000_000);
    const refused = { status: 401, body: { error: "invalid_client" } };
    const endpoint = tokenEndpoint(refused, refused, refused, TOKEN);
    const source = credential({ type: "client_credentials" }, endpoint, timers);
    for (let i = 0; i < 50; i++) await assert.rejects(source.current(), /invalid_client/);
    assert.equal(endpoint.asked.length, 2);
    await timers.advance(999);
    await assert.rejects(source.current(), /invalid_client/);
    assert.equal(endpoint.asked.length, 2);
    await timers.advance(1);
    await assert.rejects(source.current(), /invalid_client/);
    assert.equal(endpoint.asked.length, 3);
    await timers.advance(1_000);
    assert.deepEqual((await source.current()).values, { API_TOKEN: "at-1" });
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
