import assert from "node:assert/strict";
import { inspect } from "node:util";
import { SignetError } from "../../../../lib/errors.ts";
import {
  type ClientCredentials,
  clientSecretBasic,
  clientSecretPost,
  type IntrospectionOptions,
  IntrospectionSource,
} from "../../../../lib/identity/asked/introspection.ts";
import type { IntrospectedPrincipal } from "../../../../lib/identity/asked/introspection_answer.ts";
import { Authenticator } from "../../../../lib/identity/authenticator.ts";
import type { Identification } from "../../../../lib/identity/principal.ts";
import { ISSUER } from "../../../support/issuer.ts";
import { STRICT } from "../../../support/strict.ts";
import { request, withToken } from "../fakes.ts";

const NOW_MS = 1_700_000_000_000;
const NOW_S = NOW_MS / 1000;

const ENDPOINT = `${ISSUER}/introspect`;

interface Asked {
  readonly url: string;
  readonly headers: Headers;
  readonly body: URLSearchParams;
}

type Answer = (asked: Asked, signal: AbortSignal) => Response | Promise<Response>;

const json = (value: unknown, init: ResponseInit = {}) =>
  new Response(JSON.stringify(value), { headers: { "content-type": "application/json" }, ...init });

/** A source before an authorization server that answers as told, and everything it was asked. */
function given(answer: Answer | Record<string, unknown>, overrides: Partial<IntrospectionOptions> = {}) {
  const asked: Asked[] = [];
  const source = new IntrospectionSource({
    endpoint: ENDPOINT,
    client: clientSecretBasic("signet", "s3cr3t"),
    fetch: async (url, init) => {
      const question = { url, headers: new Headers(init.headers), body: new URLSearchParams(String(init.body)) };
      asked.push(question);
      init.signal?.throwIfAborted();
      return typeof answer === "function" ? await answer(question, init.signal!) : json(answer);
    },
    ...overrides,
  });
  return { source, asked };
}

async function principalOf(answer: Identification | Promise<Identification>): Promise<IntrospectedPrincipal> {
  const settled = await answer;
  assert.ok(settled.kind === "principal", inspect(settled));
  return settled.principal as IntrospectedPrincipal;
}

const unavailable = (problem: RegExp) => (fault: unknown) => {
  assert.ok(fault instanceof SignetError, String(fault));
  assert.equal(fault.code, "identity_unavailable");
  assert.match(String(fault.detail.facts?.problem), problem);
  assert.ok(!inspect(fault, { depth: 10 }).includes("the-token"), "quotes no token");
  assert.ok(!inspect(fault, { depth: 10 }).includes("s3cr3t"), "quotes no secret");
  return true;
};

Deno.test("I1: introspection takes an active token's subject, client, scopes and expiry", STRICT, async () => {
  const { source, asked } = given({
    active: true,
    sub: "alice",
    iss: ISSUER,
    client_id: "app",
    scope: "mcp:read  mcp:write",
    token_type: "Bearer",
    exp: NOW_S + 30,
  });
  assert.deepEqual(await principalOf(source.identify(withToken("the-token"), NOW_MS)), {
    source: "introspection",
    provenAtMs: NOW_MS,
    issuer: ISSUER,
    subject: "alice",
    clientId: "app",
    scopes: ["mcp:read", "mcp:write"],
    expiresAtMs: NOW_MS + 30_000,
    credentialExpiresAtMs: NOW_MS + 30_000,
  });
  assert.deepEqual(asked.map(({ url }) => url), [ENDPOINT]);
  assert.deepEqual(Object.fromEntries(asked[0]!.body), { token: "the-token", token_type_hint: "access_token" });
  assert.equal(asked[0]!.headers.get("accept"), "application/json");
});

Deno.test(
  "I1: introspection leaves requests without a bearer token alone and refuses unreadable ones unasked",
  STRICT,
  async () => {
    const { source, asked } = given({ active: true, sub: "alice" });
    const none = request([]);
    assert.equal((await source.identify(none, NOW_MS)).kind, "none");
    assert.equal((await source.identify(withToken("not a token!"), NOW_MS)).kind, "invalid");
    assert.equal((await source.identify(withToken("x".repeat(8_193)), NOW_MS)).kind, "invalid");
    assert.equal(asked.length, 0);
  },
);

const good = { active: true, sub: "alice" };
const strict = { issuer: ISSUER, audience: ["https://mcp.example/mcp"] };
const REFUSALS: [string, Record<string, unknown>, Partial<IntrospectionOptions>][] = [
  ["an inactive token", { active: false, sub: "alice" }, {}],
  ["no subject", { active: true }, {}],
  ["a blank subject", { active: true, sub: " " }, {}],
  ["a subject that is no text", { active: true, sub: 7 }, {}],
  ["a subject only under a name that is not configured", { active: true, username: "alice", client_id: "app" }, {}],
  ["an expired token; exp == now", { ...good, exp: NOW_S }, {}],
  ["an expiry that is no number", { ...good, exp: "tomorrow" }, {}],
  ["another issuer", { ...good, iss: "https://evil.example", aud: strict.audience[0] }, strict],
  ["an issuer that is no text", { ...good, iss: [ISSUER] }, {}],
  ["an issuer that poses as one of Signet's", { ...good, iss: "signet:token" }, {}],
  ["no audience where one is wanted", { ...good, iss: ISSUER }, strict],
  ["another audience", { ...good, aud: ["https://other.example"] }, strict],
  ["an audience that merely begins alike", { ...good, aud: "https://mcp.example/mcpx" }, strict],
  ["two clients", { ...good, client_id: "a", azp: "b" }, {}],
  ["a refresh token", { ...good, token_type: "refresh_token" }, {}],
  ["a token bound to a key", { ...good, token_type: "DPoP", cnf: { jkt: "x" } }, {}],
  ["a token bound to a certificate", { ...good, token_type: "Bearer", cnf: { "x5t#S256": "x" } }, {}],
];

for (const [title, answer, overrides] of REFUSALS) {
  Deno.test(`I3: introspection refuses ${title}`, STRICT, async () => {
    const { source } = given(answer, overrides);
    const identification = await source.identify(withToken("the-token"), NOW_MS);
    assert.ok(identification.kind === "invalid", inspect(identification));
    assert.equal(identification.error, "invalid_token");
  });
}

for (
  const [title, members, wanted] of [
    ["members that are null", { exp: null, iss: null, client_id: null, scope: null, token_type: null, cnf: null }, {}],
    ["a list of scopes", { scope: ["read", "write"] }, { scopes: ["read", "write"] }],
    ["scp behind an empty scope", { scope: "", scp: "read" }, { scopes: ["read"] }],
    ["a client by another name", { cid: "app" }, { clientId: "app" }],
  ] as const
) {
  Deno.test(`I6: introspection takes ${title}`, STRICT, async () => {
    const { source } = given({ ...good, ...members }, { issuer: ISSUER });
    const { clientId, scopes } = await principalOf(source.identify(withToken("the-token"), NOW_MS));
    assert.deepEqual({ clientId, scopes }, { clientId: undefined, scopes: [], ...wanted });
  });
}

Deno.test("I6: introspection takes an audience with and without the slash that ends it", STRICT, async () => {
  const { source } = given({ ...good, aud: "https://mcp.example/mcp/" }, strict);
  assert.equal((await principalOf(source.identify(withToken("the-token"), NOW_MS))).subject, "alice");
});

Deno.test("I1: introspection checks issuer and audience when configured", STRICT, async () => {
  for (const aud of [strict.audience[0], ["https://other.example", strict.audience[0]]]) {
    const { source } = given({ ...good, iss: ISSUER, aud }, strict);
    assert.equal((await principalOf(source.identify(withToken("the-token"), NOW_MS))).subject, "alice");
  }
  // RFC 7662 leaves `iss` optional: the configured one stands, so that the owner is the same with or without it.
  const { source } = given({ ...good, aud: strict.audience[0] }, strict);
  assert.equal((await principalOf(source.identify(withToken("the-token"), NOW_MS))).issuer, ISSUER);
});

Deno.test("I1: introspection names its issuer and subject as configured", STRICT, async () => {
  const answer = { active: true, username: "alice", client_id: "app" };
  for (const [subjectClaim, subject] of [["username", "alice"], ["client_id", "app"]] as const) {
    const principal = await principalOf(given(answer, { subjectClaim }).source.identify(withToken("t"), NOW_MS));
    assert.deepEqual([principal.issuer, principal.subject], ["signet:introspection", subject]);
  }
});

Deno.test(
  "I1: introspection believes an answer for the configured time, and keeps the token's own expiry apart",
  STRICT,
  async () => {
    const { source } = given({ ...good, exp: NOW_S + 3_600 }, { maxAgeMs: 5_000 });
    const principal = await principalOf(source.identify(withToken("t"), NOW_MS));
    assert.deepEqual([principal.expiresAtMs, principal.credentialExpiresAtMs], [NOW_MS + 5_000, NOW_MS + 3_600_000]);
    const endless = await principalOf(given(good).source.identify(withToken("t"), NOW_MS));
    assert.deepEqual([endless.expiresAtMs, endless.credentialExpiresAtMs], [NOW_MS + 60_000, Infinity]);
  },
);

Deno.test("I1: introspection authenticates as a client by basic and post", STRICT, async () => {
  const client = "sig:net";
  const ask = async (credentials: ClientCredentials) => {
    const { source, asked } = given(good, { client: credentials, issuer: ISSUER });
    await principalOf(source.identify(withToken("t"), NOW_MS));
    return asked[0]!;
  };
  const basic = await ask(clientSecretBasic(client, "s3cr3t/ü"));
  // RFC 6749 §2.3.1: both parts form-encoded first.
  assert.equal(atob(basic.headers.get("authorization")!.replace("Basic ", "")), "sig%3Anet:s3cr3t%2F%C3%BC");
  const post = await ask(clientSecretPost(client, "s3cr3t"));
  assert.deepEqual([post.body.get("client_id"), post.body.get("client_secret")], [client, "s3cr3t"]);
  assert.equal(post.headers.get("authorization"), null);
});

Deno.test("P1: client credentials print no secret, and blank ones are refused", STRICT, () => {
  for (const credentials of [clientSecretBasic("signet", "s3cr3t"), clientSecretPost("signet", "s3cr3t")]) {
    assert.ok(
      !inspect(credentials, { depth: 9 }).includes("s3cr3t") && !JSON.stringify(credentials).includes("s3cr3t"),
    );
  }
  for (const make of [clientSecretBasic, clientSecretPost]) {
    assert.throws(() => make(" ", "s3cr3t"), RangeError);
    assert.throws(() => make("signet", ""), RangeError);
  }
});

Deno.test("I1: introspection refuses an endpoint identities must not depend on", STRICT, async () => {
  const make = (endpoint: string, rest: Partial<IntrospectionOptions> = {}) => given(good, { endpoint, ...rest });
  assert.throws(() => make("issuer.example/introspect"), /no URL of https/);
  assert.throws(() => make("http://issuer.example/introspect"), /plain http/);
  assert.throws(() => make("http://127.0.0.1/introspect"), /plain http/);
  assert.throws(() => make("https://user:s3cr3t@issuer.example/introspect"), /user info/);
  const { source } = make("http://127.0.0.1/introspect", { unsafeHttp: true });
  assert.equal((await principalOf(source.identify(withToken("t"), NOW_MS))).subject, "alice");
});

const FAULTS: [string, Answer, RegExp, Partial<IntrospectionOptions>?][] = [
  ["cannot be reached", () => Promise.reject(new TypeError("connection refused")), /cannot be reached/],
  ["refuses Signet's own credentials", () => json({ error: "invalid_client" }, { status: 401 }), /status 401/],
  ["is down", () => new Response("<h1>down</h1>", { status: 503 }), /status 503/],
  ["redirects", () => new Response(null, { status: 302, headers: { location: "https://evil.example" } }), /status 302/],
  ["answers 204", () => new Response(null, { status: 204 }), /status 204/],
  ["answers no JSON", () => json("x", { headers: { "content-type": "text/html" } }), /not application\/json/],
  [
    "answers a signed JWT nobody asked for",
    () => new Response("e30.e30.", { headers: { "content-type": "application/token-introspection+jwt" } }),
    /not application\/json/,
  ],
  [
    "answers broken JSON",
    () => new Response("{", { headers: { "content-type": "application/json" } }),
    /not valid/,
  ],
  ["leaves out active", () => json({ sub: "alice" }), /not valid/],
  ["says active as text", () => json({ active: "true", sub: "alice" }), /not valid/],
  ["answers too much", () => json({ ...good, pad: "x".repeat(100_000) }), /longer than 65536 bytes/],
  [
    "does not answer in time",
    (_asked, signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    /no answer within 1 ms/,
    { timeoutMs: 1 },
  ],
  [
    "stops in mid-answer",
    (_asked, signal) => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('{"active":tr'));
          signal.addEventListener("abort", () => controller.error(signal.reason));
        },
      });
      return new Response(body, { headers: { "content-type": "application/json" } });
    },
    /no answer within 1 ms/,
    { timeoutMs: 1 },
  ],
];

for (const [title, answer, problem, overrides] of FAULTS) {
  Deno.test(`I1: introspection fails closed with 503 when the endpoint ${title}`, STRICT, async () => {
    const { source } = given(answer, overrides);
    await assert.rejects(async () => await source.identify(withToken("the-token"), NOW_MS), unavailable(problem));
  });
}

Deno.test("M3: an endless answer is given up at the size bound, and its stream cancelled", STRICT, async () => {
  let cancelled = false;
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(16_384)),
    cancel: () => void (cancelled = true),
  });
  const { source } = given(() => new Response(body, { headers: { "content-type": "application/json" } }));
  await assert.rejects(async () => await source.identify(withToken("t"), NOW_MS), unavailable(/longer than/));
  assert.equal(cancelled, true);
});

// What follows proves the source together with the authenticator that remembers for it.

Deno.test("I1: a token is asked about once, until its expiry or the configured age; then again", STRICT, async () => {
  const { source, asked } = given({ ...good, exp: NOW_S + 10 }, { maxAgeMs: 8_000 });
  const authenticator = new Authenticator([source]);
  const ask = (nowMs: number) => principalOf(authenticator.identify(withToken("t"), nowMs));
  const first = await ask(NOW_MS);
  assert.equal(await ask(NOW_MS + 7_999), first, "the same object");
  assert.equal(
    authenticator.identify(withToken("t"), NOW_MS) instanceof Promise,
    false,
    "known tokens are answered at once",
  );
  assert.equal(asked.length, 1);
  const second = await ask(NOW_MS + 8_000);
  assert.deepEqual([asked.length, second.expiresAtMs], [2, NOW_MS + 10_000]);
  assert.equal((await authenticator.identify(withToken("t"), NOW_MS + 10_000)).kind, "invalid");
});

Deno.test("I1: an inactive token is remembered shortly and apart from good ones", STRICT, async () => {
  const { source, asked } = given(({ body }) => json(body.get("token") === "good" ? good : { active: false }));
  const authenticator = new Authenticator([source], { maxVerified: 10, maxRefused: 10, refusedMs: 1_000 });
  const kind = async (token: string, nowMs = NOW_MS) => (await authenticator.identify(withToken(token), nowMs)).kind;
  assert.deepEqual([await kind("good"), await kind("bad"), await kind("bad")], ["principal", "invalid", "invalid"]);
  assert.equal(asked.length, 2);
  assert.equal(await kind("bad", NOW_MS + 1_000), "invalid");
  assert.equal(asked.length, 3);
  for (let i = 0; i < 300; i++) await kind(`bad-${i}`);
  const { verified, refused, pending } = authenticator.sizes();
  assert.deepEqual([verified, refused, pending], [1, 10, 0]);
  assert.equal(await kind("good"), "principal");
  assert.equal(asked.length, 303, "the flood pushed no good token out");
});

Deno.test(
  "I1: many requests with one new token are one question, and so is their failure, which nobody remembers",
  STRICT,
  async () => {
    let up = false;
    const { source, asked } = given(() => up ? json(good) : Promise.reject(new TypeError("down")));
    const authenticator = new Authenticator([source]);
    const ask = async () => await authenticator.identify(withToken("t"), NOW_MS);
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, ask));
    assert.ok(outcomes.every((outcome) => outcome.status === "rejected"));
    assert.equal(asked.length, 1);
    up = true;
    const answers = await Promise.all(Array.from({ length: 50 }, ask));
    assert.ok(answers.every((answer) => answer.kind === "principal"));
    assert.equal(asked.length, 2);
  },
);

Deno.test(
  "M3: a flood of new tokens before a hanging endpoint is bounded and refused with 503; known ones go on",
  STRICT,
  async () => {
    const hanging: ((response: Response) => void)[] = [];
    const { source, asked } = given(({ body }) =>
      body.get("token") === "good" ? json(good) : new Promise<Response>((resolve) => void hanging.push(resolve))
    );
    const authenticator = new Authenticator([source], { maxPending: 20 });
    await authenticator.identify(withToken("good"), NOW_MS);
    const flood = Array.from(
      { length: 200 },
      async (_, i) => await authenticator.identify(withToken(`bad-${i}`), NOW_MS),
    );
    const settled = Promise.allSettled(flood);
    assert.equal((await authenticator.identify(withToken("good"), NOW_MS)).kind, "principal");
    assert.equal(authenticator.sizes().pending, 20);
    while (hanging.length < 20) await Promise.resolve();
    for (const resolve of hanging) resolve(json({ active: false }));
    const outcomes = await settled;
    assert.equal(outcomes.filter((outcome) => outcome.status === "rejected").length, 180);
    assert.equal(asked.length, 21);
    assert.equal(authenticator.sizes().pending, 0);
  },
);

Deno.test("I1: introspection believes no answer that says two things of one", STRICT, async () => {
  for (
    const text of ['{"active":false,"active":true,"sub":"a"}', '{"active":true,"sub":"a","x":[{"y":1,"\\u0079":2}]}']
  ) {
    const { source } = given(() => new Response(text, { headers: { "content-type": "application/json" } }));
    await assert.rejects(
      async () => await source.identify(withToken("tok"), NOW_MS),
      unavailable(/names a member twice/),
    );
  }
});

Deno.test("I6: a member of an answer whose name has escapes is read by it", STRICT, async () => {
  const text = `{"sub":"alice","active":true,"https:\\/\\/a.example\\/roles":["ops"]}`;
  const { source } = given(() => new Response(text, { headers: { "content-type": "application/json" } }), {
    keepClaims: "all",
  });
  // After this V8 takes the name for another (`platform/json.ts`).
  JSON.parse(JSON.stringify({ sub: 1, active: true, "https:\\/\\/a.example\\/ro": 1 }));
  const { claims } = await principalOf(source.identify(withToken("opaque"), NOW_MS));
  assert.deepEqual(claims?.["https://a.example/roles"], ["ops"]);
});

Deno.test("O2: an answer that is no UTF-8 names nobody", STRICT, async () => {
  const bytes = new TextEncoder().encode(`{"active":true,"sub":"alice?"}`);
  bytes[bytes.indexOf(0x3f)] = 0xff;
  const { source } = given(() => new Response(bytes, { headers: { "content-type": "application/json" } }));
  await assert.rejects(async () => await source.identify(withToken("opaque"), NOW_MS), unavailable(/not in UTF-8/));
});
