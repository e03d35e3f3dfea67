import assert from "node:assert/strict";
import { inspect } from "node:util";
import { SignetError } from "../../../../lib/errors.ts";
import { type ResolverOptions, ResolverSource, type ResolverView } from "../../../../lib/identity/asked/resolver.ts";
import { Authenticator } from "../../../../lib/identity/authenticator.ts";
import type { Identification } from "../../../../lib/identity/principal.ts";
import { STRICT } from "../../../support/strict.ts";
import { request } from "../fakes.ts";

const NOW_MS = 1_700_000_000_000;
const NOW_S = NOW_MS / 1000;
const ENDPOINT = "http://127.0.0.1:9/resolve";

type Answer = (question: Record<string, unknown>, signal: AbortSignal) => Response | Promise<Response>;

function given(answer: Answer | unknown, overrides: Partial<ResolverOptions> = {}) {
  const asked: { url: string; init: RequestInit; question: Record<string, unknown> }[] = [];
  const source = new ResolverSource({
    endpoint: ENDPOINT,
    headers: ["X-Api-Key", "Cookie"],
    fetch: async (url, init) => {
      const question = JSON.parse(String(init.body));
      asked.push({ url, init, question });
      return typeof answer === "function" ? await (answer as Answer)(question, init.signal!) : Response.json(answer);
    },
    ...overrides,
  });
  return { source, asked };
}

function view(fields: Record<string, string | string[]>, at: { method?: string; path?: string } = {}): ResolverView {
  const pairs = Object.entries(fields).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value] as const)
  );
  return { ...request(pairs), method: at.method ?? "POST", path: at.path ?? "/mcp" };
}

async function principalOf(answer: Identification | Promise<Identification>) {
  const settled = await answer;
  assert.ok(settled.kind === "principal", inspect(settled));
  return settled.principal;
}

const KEY = view({ "x-api-key": "the-key", authorization: "Bearer not chosen", "x-tenant": "not chosen" });

Deno.test(
  "I1: the resolver gets method, path and chosen fields, and nothing that was not chosen",
  STRICT,
  async () => {
    const { source, asked } = given({ subject: "alice" });
    await source.identify(KEY, NOW_MS);
    const [{ url, init, question } = assert.fail("not asked")] = asked;
    assert.deepEqual([url, init.method], [ENDPOINT, "POST"]);
    assert.deepEqual(question, { method: "POST", path: "/mcp", headers: { "x-api-key": "the-key" } });
    assert.deepEqual([...new Headers(init.headers).keys()].sort(), ["accept", "accept-encoding", "content-type"]);
    assert.equal(init.redirect, "manual");
  },
);

Deno.test("I1: the resolver is not told what is not believed of the peer", STRICT, async () => {
  const { source, asked } = given({ subject: "alice" }, {
    headers: ["x-key", "x-real-ip"],
    believes: (name, address) => name !== "x-real-ip" || address === "10.0.0.1",
  });
  const fields = view({ "x-key": "k", "x-real-ip": "203.0.113.7" });
  const told = async (address: string) => {
    await source.identify({ ...fields, remoteAddress: address }, NOW_MS);
    return Object.keys(asked.at(-1)!.question.headers as object);
  };
  assert.deepEqual(await told("192.0.2.1"), ["x-key"]);
  assert.deepEqual(await told("10.0.0.1"), ["x-key", "x-real-ip"]);
});

Deno.test("I1: the resolver's answer becomes the principal", STRICT, async () => {
  const { source } = given({
    subject: "alice",
    issuer: "https://issuer.example",
    client_id: "app",
    scopes: ["mcp:read"],
    expires_at: NOW_S + 10,
  });
  assert.deepEqual(await principalOf(source.identify(KEY, NOW_MS)), {
    source: "resolver",
    provenAtMs: NOW_MS,
    issuer: "https://issuer.example",
    subject: "alice",
    clientId: "app",
    scopes: ["mcp:read"],
    expiresAtMs: NOW_MS + 10_000,
    credentialExpiresAtMs: NOW_MS + 10_000,
  });
  const least = await principalOf(given({ subject: "alice" }, { maxAgeMs: 5_000 }).source.identify(KEY, NOW_MS));
  assert.deepEqual([least.issuer, least.scopes, least.expiresAtMs], ["signet:resolver", [], NOW_MS + 5_000]);
});

Deno.test("I1: a request with none of the chosen fields is none of the resolver's business", STRICT, async () => {
  const { source, asked } = given({ subject: "alice" });
  assert.equal((await source.identify(view({ authorization: "Bearer x" }), NOW_MS)).kind, "none");
  assert.equal(asked.length, 0);
});

Deno.test("I3: a repeated or oversized chosen field is refused unasked", STRICT, async () => {
  const { source, asked } = given({ subject: "alice" });
  for (const fields of [{ cookie: ["a", "b"] }, { cookie: "x".repeat(16_385) }, { cookie: '"'.repeat(9_000) }]) {
    const answer = await source.identify(view({ "x-api-key": "the-key", ...fields }), NOW_MS);
    assert.equal(answer.kind, "invalid");
  }
  assert.equal(asked.length, 0);
});

Deno.test("I3: what the resolver refuses is refused: 401, 403, and a principal that has expired", STRICT, async () => {
  const answers: Answer[] = [
    () => new Response(null, { status: 401 }),
    () => new Response("no", { status: 403 }),
    () => Response.json({ subject: "alice", expires_at: NOW_S }),
  ];
  for (const answer of answers) {
    const identification = await given(answer).source.identify(KEY, NOW_MS);
    assert.ok(identification.kind === "invalid");
    assert.equal(identification.error, "invalid_token");
  }
});

const FAULTS: [string, Answer, RegExp][] = [
  ["cannot be reached", () => Promise.reject(new TypeError("refused")), /cannot be reached/],
  ["fails", () => new Response("oops", { status: 500 }), /status 500/],
  ["redirects", () => new Response(null, { status: 307, headers: { location: "http://evil.example" } }), /status 307/],
  ["answers nothing", () => new Response(null, { status: 200 }), /not valid/],
  ["answers no JSON", () => new Response("alice"), /not valid/],
  ["answers too much", () => Response.json({ subject: "alice", scopes: ["x".repeat(70_000)] }), /longer than/],
  ["answers null", () => Response.json(null), /form of a principal/],
  ["names nobody", () => Response.json({ scopes: [] }), /form of a principal/],
  ["names a blank subject", () => Response.json({ subject: " " }), /form of a principal/],
  ["names a subject that is no text", () => Response.json({ subject: { id: 1 } }), /form of a principal/],
  ["poses as another source", () => Response.json({ subject: "alice", issuer: "signet:token" }), /form of a principal/],
  ["says what is not understood", () => Response.json({ subject: "alice", deny: true }), /form of a principal/],
  ["says two things of one", () => new Response('{"subject":"bob","subject":"alice"}'), /names a member twice/],
  [
    "spells a name in two ways",
    () => new Response('{"subject":"bob","scopes":[],"sc\\u006fpes":["a"]}'),
    /names a member twice/,
  ],
  ["gives scopes as one text", () => Response.json({ subject: "alice", scopes: "a b" }), /form of a principal/],
  ["gives a scope with a blank", () => Response.json({ subject: "alice", scopes: ["a b"] }), /form of a principal/],
  ["gives an expiry as text", () => Response.json({ subject: "alice", expires_at: "never" }), /form of a principal/],
];

for (const [title, answer, problem] of FAULTS) {
  Deno.test(`I1: the resolver's source fails closed with 503 when it ${title}`, STRICT, async () => {
    await assert.rejects(async () => await given(answer).source.identify(KEY, NOW_MS), (fault: unknown) => {
      assert.ok(fault instanceof SignetError && fault.code === "identity_unavailable", String(fault));
      assert.match(String(fault.detail.facts?.problem), problem);
      assert.ok(!inspect(fault, { depth: 10 }).includes("the-key"));
      return true;
    });
  });
}

Deno.test("I1: the resolver's source gives up after the time-out", STRICT, async () => {
  const hang: Answer = (_question, signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const { source } = given(hang, { timeoutMs: 1 });
  await assert.rejects(
    async () => await source.identify(KEY, NOW_MS),
    (fault: unknown) => fault instanceof SignetError && /within 1 ms/.test(String(fault.detail.facts?.problem)),
  );
});

Deno.test("I1: the resolver's source refuses endpoints and fields that cannot be used", STRICT, () => {
  assert.throws(() => given({}, { endpoint: "http://resolver.example/" }), /plain http/);
  assert.throws(() => given({}, { endpoint: "/resolve" }), /no URL of https/);
  assert.throws(() => given({}, { headers: [] }), /at least one/);
  assert.throws(() => given({}, { headers: ["x api"] }), /want the name of a header field/);
  given({}, { endpoint: "http://resolver.example/", unsafeHttp: true });
  given({}, { endpoint: "https://resolver.example/" });
});

Deno.test("I1: the resolver's source fails rather than ask without method and path", STRICT, () => {
  const { method: _method, ...blind } = KEY;
  assert.throws(() => given({}).source.credential(blind as ResolverView), SignetError);
});

Deno.test(
  "I1: equal questions are asked once; another method, path or field value is another question",
  STRICT,
  async () => {
    const { source, asked } = given((question: Record<string, unknown>) =>
      Response.json({ subject: JSON.stringify(question) })
    );
    const authenticator = new Authenticator([source], { maxVerified: 10 });
    const ask = (at: ResolverView, nowMs = NOW_MS) => principalOf(authenticator.identify(at, nowMs));
    const first = await ask(view({ "x-api-key": "k" }));
    // A field that was not chosen makes no difference.
    assert.equal(await ask(view({ "x-api-key": "k", "x-tenant": "t" })), first);
    assert.equal(asked.length, 1);
    await ask(view({ "x-api-key": "k" }, { method: "GET" }));
    await ask(view({ "x-api-key": "k" }, { path: "/other" }));
    await ask(view({ "x-api-key": "l" }));
    await ask(view({ cookie: "k" }));
    assert.equal(asked.length, 5);
    assert.equal(authenticator.fields, undefined, "nobody may remember answers by fields alone");
    await ask(view({ "x-api-key": "k" }), NOW_MS + 30_000);
    assert.equal(asked.length, 6);
  },
);

Deno.test(
  "M3: a flood of bad credentials is bounded, remembered shortly, and pushes no good one out",
  STRICT,
  async () => {
    const { source, asked } = given((question: { headers: Record<string, string> }) =>
      question.headers["x-api-key"] === "good"
        ? Response.json({ subject: "alice" })
        : new Response(null, { status: 401 })
    );
    const authenticator = new Authenticator([source], { maxVerified: 10, maxRefused: 10 });
    const ask = async (key: string) => await authenticator.identify(view({ "x-api-key": key }), NOW_MS);
    await ask("good");
    for (let i = 0; i < 300; i++) assert.equal((await ask(`bad-${i}`)).kind, "invalid");
    assert.equal((await ask("good")).kind, "principal");
    assert.equal(asked.length, 301);
    assert.deepEqual(authenticator.sizes(), { verified: 1, refused: 10, pending: 0, principals: 0 });
  },
);
