import assert from "node:assert/strict";
import type { AccessOptions } from "../../../lib/admin/access.ts";
import { serveAdmin } from "../../../lib/admin/admin.ts";
import { AdminToken } from "../../../lib/admin/admin_token.ts";
import type { Control } from "../../../lib/admin/control.ts";
import { controlRoutes } from "../../../lib/admin/control_api.ts";
import { SignetError } from "../../../lib/errors.ts";
import type { LogFacts } from "../../../lib/observe/log.ts";
import { StoreError } from "../../../lib/store/store.ts";
import { STRICT } from "../../support/strict.ts";

const SECRET = "hunter2hunter2hunter2hunter2hunter2";
const TOKEN = { sid: "s1", agent: "a", expiresAtS: 1 };
const SESSION = {
  hash: "0123456789ab",
  owner: "o",
  protocolVersion: "2025-11-25",
  issuedAtMs: 1,
  expiresAtMs: 2,
  lastActiveMs: 1,
  inFlight: 0,
  streams: 0,
};

/** Remembers what it was asked; answers with what is always the same, or fails. */
class FakeControl {
  readonly asked: unknown[][] = [];
  fault: unknown;

  readonly control = new Proxy({}, {
    get: (_, method: keyof Control) => (...args: unknown[]) => {
      this.asked.push([method, ...args]);
      return this.fault === undefined ? Promise.resolve(ANSWERS[method]) : Promise.reject(this.fault);
    },
  }) as Control;
}

const ANSWERS: Readonly<Record<keyof Control, unknown>> = {
  issueToken: { ...TOKEN, token: "t" },
  verifyToken: { ok: true, token: TOKEN },
  revokeToken: true,
  revokeAgent: 3,
  listTokens: [TOKEN, TOKEN],
  listSessions: { sessions: [SESSION], total: 1 },
  revoke: { ended: 2 },
};

interface Ask {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const LOCAL: AccessOptions = { token: undefined, loopback: true };

/** One request; the answer's JSON. */
async function ask(fake: FakeControl, target: string, options: Ask = {}, api = LOCAL) {
  const { method = options.body === undefined ? "GET" : "POST", body, headers = {} } = options;
  const url = new URL(target, "http://127.0.0.1:9090");
  const handler = controlRoutes(fake.control, api).get(url.pathname);
  assert.ok(handler, `no route ${url.pathname}`);
  const request = new Request(url, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const response = await handler(request, "127.0.0.1");
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(response.headers.get("cache-control"), "no-store");
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** Status and code of a refusal that never reached the control. */
async function refusal(target: string, options: Ask = {}, api = LOCAL): Promise<string> {
  const fake = new FakeControl();
  const { status, body } = await ask(fake, target, options, api);
  assert.deepEqual(fake.asked, [], "nothing may be done");
  assert.doesNotMatch(JSON.stringify(body), /hunter2/);
  return `${status} ${body.error.code}`;
}

Deno.test("every request of the API becomes one call, and its answer JSON", STRICT, async () => {
  const cases: [target: string, body: unknown, call: unknown[], status: number, answer: unknown][] = [
    ["/tokens", { agent: "a", ttlMs: 1000 }, ["issueToken", { agent: "a", ttlMs: 1000 }], 201, ANSWERS.issueToken],
    ["/tokens/verify", { token: "t" }, ["verifyToken", { token: "t" }], 200, ANSWERS.verifyToken],
    [
      "/tokens/verify",
      { token: "t", agent: "a" },
      ["verifyToken", { token: "t", agent: "a" }],
      200,
      ANSWERS.verifyToken,
    ],
    ["/tokens/revoke", { sid: "s" }, ["revokeToken", { sid: "s" }], 200, { revoked: 1 }],
    ["/tokens/revoke", { token: "t" }, ["revokeToken", { token: "t" }], 200, { revoked: 1 }],
    ["/tokens/revoke", { agent: "a" }, ["revokeAgent", "a"], 200, { revoked: 3 }],
    ["/tokens", undefined, ["listTokens", { limit: 1001 }], 200, { tokens: [TOKEN, TOKEN], more: false }],
    [
      "/tokens?agent=did%3Aa&after=s0&limit=1",
      undefined,
      ["listTokens", { agent: "did:a", afterSid: "s0", limit: 2 }],
      200,
      { tokens: [TOKEN], more: true },
    ],
    [
      "/sessions?limit=5",
      undefined,
      ["listSessions", { limit: 5, offset: 0, names: false }],
      200,
      { sessions: [SESSION], total: 1, more: false },
    ],
    [
      "/sessions?limit=1&offset=40&find=ab",
      undefined,
      ["listSessions", { limit: 1, offset: 40, names: false, find: "ab" }],
      200,
      { sessions: [SESSION], total: 1, more: false },
    ],
    ...[
      { kind: "session", id: "i" },
      { kind: "hash", hash: "h" },
      { kind: "owner_of", hash: "h" },
      { kind: "principal", issuer: "i", subject: "s" },
      { kind: "principal", issuer: "i", subject: "s", clientId: "", beforeMs: 5 },
      { kind: "before", beforeMs: 5 },
      { kind: "all" },
    ].map((body) => ["/sessions/revoke", body, ["revoke", body], 200, { ended: 2 }] as typeof cases[number]),
  ];
  for (const [target, body, call, status, answer] of cases) {
    const fake = new FakeControl();
    const found = await ask(fake, target, { body });
    assert.deepEqual([fake.asked, found.status, found.body], [[call], status, answer], `${target} ${body}`);
  }
});

Deno.test("a request that says anything else than what is expected is refused", STRICT, async () => {
  const bad: [target: string, body: unknown][] = [
    ["/tokens", {}],
    ["/tokens", { agent: "a" }],
    ["/tokens", { agent: 7, ttlMs: 1000 }],
    ["/tokens", { agent: "a", ttlMs: "1h" }],
    ["/tokens", { agent: "a", ttlMs: -1 }],
    ["/tokens", { agent: "a", ttlMs: 1.5 }],
    ["/tokens", { agent: "a", ttlMs: 1000, hunter2: 1 }],
    ["/tokens/verify", { token: null }],
    ["/tokens/verify", { token: "hunter2", agnet: "a" }],
    ["/tokens/revoke", {}],
    ["/tokens/revoke", { agent: "a", sid: "s" }],
    ["/tokens/revoke", { sid: "s", token: "t" }],
    ["/sessions/revoke", {}],
    ["/sessions/revoke", { kind: "hunter2" }],
    ["/sessions/revoke", { kind: "before" }],
    ["/sessions/revoke", { kind: "all", beforeMs: 5 }],
    ["/sessions/revoke", { kind: "principal", issuer: "i" }],
    ["/sessions/revoke", { kind: "principal", issuer: "i", subject: "s", before: 5 }],
    ["/sessions/revoke", { kind: "session", id: "hunter2", hash: "h" }],
    ["/sessions/revoke", [{ kind: "all" }]],
    ["/sessions/revoke", "null"],
    ["/sessions/revoke", '"all"'],
    ["/sessions/revoke", '{"kind":"session","hash":"h","kind":"all"}'],
    ["/sessions/revoke", '{"kind":"all","k\\u0069nd":"all"}'],
    ["/tokens", '{"agent":"a","ttlMs":1000, "ttlMs" : 9000}'],
    ["/tokens", '{"agent":"a","ttlMs":1000,"__proto__":{},"__proto__":1}'],
  ];
  for (const [target, body] of bad) {
    assert.equal(await refusal(target, { body }), "400 invalid_request", JSON.stringify(body));
  }
  for (const query of ["limit=0", "limit=1001", "limit=x", "limit=-1", "agnet=a", "agent=a&agent=b", "limit="]) {
    assert.equal(await refusal(`/tokens?${query}`), "400 invalid_request", query);
  }
  assert.equal(await refusal("/sessions?agent=a"), "400 invalid_request");
  for (const body of ["", "{", "{'a':1}", "\ufeff{}"]) {
    assert.equal(await refusal("/sessions/revoke", { body }), "400 parse_error", JSON.stringify(body));
  }
});

Deno.test("bodies are JSON by their type, and bounded", STRICT, async () => {
  const body = { kind: "all" };
  for (
    const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", ""]
  ) {
    const headers = { "content-type": type };
    assert.equal(await refusal("/sessions/revoke", { body, headers }), "415 media_type_unsupported", type);
  }
  const typed = await ask(new FakeControl(), "/sessions/revoke", {
    body,
    headers: { "content-type": "Application/JSON; charset=utf-8" },
  });
  assert.equal(typed.status, 200);
  const long = { kind: "session", id: "x".repeat(64 * 1024) };
  assert.equal(await refusal("/sessions/revoke", { body: long }), "413 body_too_large");
});

Deno.test("methods are told apart, and those there are told", STRICT, async () => {
  const fake = new FakeControl();
  const cases: [string, string, string][] = [
    ["/tokens", "DELETE", "GET, POST"],
    ["/tokens/verify", "GET", "POST"],
    ["/sessions", "POST", "GET"],
    ["/sessions", "HEAD", "GET"],
    ["/sessions/revoke", "PUT", "POST"],
  ];
  for (const [target, method, allow] of cases.filter(([, method]) => method !== "HEAD")) {
    const { status, headers } = await ask(fake, target, { method });
    assert.deepEqual([status, headers.get("allow")], [405, allow], `${method} ${target}`);
  }
  assert.deepEqual(fake.asked, []);
});

Deno.test("V3: pages of other origins are kept out, with the token too", STRICT, async () => {
  const body = { kind: "all" };
  const authorization = `Bearer ${SECRET}`;
  const withToken = { token: new AdminToken(SECRET), loopback: false };
  for (
    const headers of [
      { origin: "https://evil.example" },
      { origin: "http://127.0.0.1:9091" },
      { origin: "http://localhost:9090" },
      { origin: "null" },
      { origin: "" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "same-origin", origin: "http://evil.example" },
    ] as Record<string, string>[]
  ) {
    const said = JSON.stringify(headers);
    assert.equal(await refusal("/sessions/revoke", { body, headers }), "403 origin_refused", said);
    assert.equal(await refusal("/tokens", { headers }), "403 origin_refused", said);
    assert.equal(await refusal("/tokens", { headers: { ...headers, authorization } }, withToken), "403 origin_refused");
  }
  const typed = await ask(new FakeControl(), "/tokens", { headers: { "sec-fetch-site": "none" } });
  assert.equal(typed.status, 200, "an address typed by the operator is no page's");
});

Deno.test(
  "V3: Signet's own page reads, and changes nothing without the token, on loopback neither",
  STRICT,
  async () => {
    const body = { kind: "all" };
    const pages: Record<string, string>[] = [{ origin: "http://127.0.0.1:9090" }, { "sec-fetch-site": "same-origin" }];
    for (const headers of pages) {
      assert.equal((await ask(new FakeControl(), "/sessions", { headers })).status, 200);
      assert.equal(await refusal("/sessions/revoke", { body, headers }), "403 origin_refused");
      const api = { token: new AdminToken(SECRET), loopback: true };
      assert.equal(await refusal("/sessions/revoke", { body, headers }, api), "401 unauthenticated");
      const authorization = `Bearer ${SECRET}`;
      const done = await ask(
        new FakeControl(),
        "/sessions/revoke",
        { body, headers: { ...headers, authorization } },
        api,
      );
      assert.equal(done.status, 200);
    }
    assert.equal(
      (await ask(new FakeControl(), "/sessions/revoke", { body })).status,
      200,
      "the command line is no page",
    );
  },
);

Deno.test(
  "V3: without the token the API is reached by names of ours only: a rebound name is none",
  STRICT,
  async () => {
    const api = { ...LOCAL, allowsHost: (host: string) => host === "127.0.0.1" };
    const url = "http://evil.example:9090/sessions";
    assert.equal(await refusal(url, {}, api), "403 host_refused");
    assert.equal((await ask(new FakeControl(), "/sessions", {}, api)).status, 200);
    const token = { token: new AdminToken(SECRET), loopback: false, allowsHost: () => false };
    assert.equal(await refusal(url, {}, token), "403 host_refused");
    const headers = { authorization: `Bearer ${SECRET}` };
    assert.equal(
      (await ask(new FakeControl(), url, { headers }, token)).status,
      200,
      "who has the token was not led here",
    );
  },
);

Deno.test("V3: callers are named to whoever has shown the token, and to nobody else", STRICT, async () => {
  const local = new FakeControl();
  await ask(local, "/sessions");
  assert.equal((local.asked[0]![1] as { names: boolean }).names, false);
  const operator = new FakeControl();
  const headers = { authorization: `Bearer ${SECRET}` };
  await ask(operator, "/sessions", { headers }, { token: new AdminToken(SECRET), loopback: true });
  assert.equal((operator.asked[0]![1] as { names: boolean }).names, true);
});

Deno.test("with a token configured, every request must show it", STRICT, async () => {
  for (const loopback of [true, false]) {
    const api = { token: new AdminToken(SECRET), loopback };
    const wrong = [
      "",
      "Bearer",
      `Bearer ${SECRET}x`,
      `Bearer ${SECRET.slice(1)}`,
      `Basic ${SECRET}`,
      SECRET,
      `Bearer${SECRET}`,
    ];
    for (const target of ["/tokens", "/sessions"]) {
      assert.equal(await refusal(target, {}, api), "401 unauthenticated");
      for (const authorization of wrong) {
        assert.equal(await refusal(target, { headers: { authorization } }, api), "401 unauthenticated", authorization);
      }
    }
    // Before anything else is looked at: what is wrong with a request is nobody else's business.
    assert.equal(await refusal("/sessions/revoke", { body: "{" }, api), "401 unauthenticated");
    for (const scheme of ["Bearer", "bearer", "BEARER"]) {
      const { status } = await ask(
        new FakeControl(),
        "/tokens",
        { headers: { authorization: `${scheme} ${SECRET}` } },
        api,
      );
      assert.equal(status, 200);
    }
    const { headers } = await ask(new FakeControl(), "/tokens", {}, api);
    assert.equal(headers.get("www-authenticate"), "Bearer");
  }
});

Deno.test("beyond loopback nothing works without a token, and the answer says what to do", STRICT, async () => {
  const api = { token: undefined, loopback: false };
  assert.equal(await refusal("/sessions/revoke", { body: { kind: "all" } }, api), "403 origin_refused");
  const { body } = await ask(new FakeControl(), "/sessions", { headers: { authorization: `Bearer ${SECRET}` } }, api);
  assert.match(body.error.remedy, /--admin-token-file/);
});

Deno.test("what the control refuses is told with its code, its status and its remedy", STRICT, async () => {
  const fake = new FakeControl();
  fake.fault = new SignetError("principal_limit", {
    publicMessage: "2 already",
    remedy: "Revoke one",
    facts: { limit: 2 },
  });
  const limited = await ask(fake, "/tokens", { body: { agent: "a", ttlMs: 1000 } });
  assert.deepEqual([limited.status, limited.body], [429, {
    error: { code: "principal_limit", message: "2 already", remedy: "Revoke one" },
  }]);
  fake.fault = new SignetError("identity_unavailable", { retryAfterS: 1, cause: new Error("hunter2") });
  const down = await ask(fake, "/sessions/revoke", { body: { kind: "all" } });
  assert.deepEqual([down.status, down.headers.get("retry-after")], [503, "1"]);
  assert.doesNotMatch(JSON.stringify(down.body), /hunter2/);
  fake.fault = new StoreError("busy", "The state file s.db could not be used", { remedy: "Try again" });
  const words = { message: "The state file s.db could not be used", remedy: "Try again" };
  const busy = await ask(fake, "/tokens");
  assert.deepEqual([busy.status, busy.body], [503, { error: { code: "store_busy", ...words } }]);
  fake.fault = new SignetError("identity_unavailable", {
    publicMessage: "Not now",
    remedy: "See it",
    cause: fake.fault,
  });
  const away = await ask(fake, "/sessions/revoke", { body: { kind: "all" } });
  assert.deepEqual(
    away.body,
    { error: { code: "identity_unavailable", ...words } },
    "the cure is that of what is said",
  );
});

Deno.test(
  "P1 V1: on the admin listener the API stands beside probes and metrics, behind the Host guard",
  STRICT,
  async () => {
    const fake = new FakeControl();
    const told: string[] = [];
    const tell = (event: string, facts: LogFacts = {}) =>
      void told.push([event, facts.code, facts.method, facts.path].filter((part) => part !== undefined).join(" "));
    const server = await serveAdmin({
      hostname: "127.0.0.1",
      port: 0,
      ready: () => Promise.resolve({ ready: true, checks: {} }),
      metrics: () => "",
      routes: controlRoutes(fake.control, LOCAL),
      log: { debug: tell, info: tell, warn: tell, error: tell },
    });
    try {
      const base = `http://${server.address}`;
      const get = async (path: string) => {
        const response = await fetch(base + path);
        return [response.status, await response.text()];
      };
      assert.equal((await get("/healthz"))[0], 200);
      assert.deepEqual(await get("/sessions"), [
        200,
        JSON.stringify({ sessions: [SESSION], total: 1, more: false }) + "\n",
      ]);
      fake.fault = new Error("hunter2");
      assert.deepEqual(await get("/sessions"), [500, "Internal error\n"]);
      fake.fault = undefined;
      fake.asked.length = 0;
      assert.equal(await statusOfRebound(server.address), 403);
      assert.deepEqual(fake.asked, []);
      assert.equal((await get("/nothing-of-ours"))[0], 404);
      // V1: what is refused here shows, and no text of whoever asked for it.
      assert.deepEqual(told, [
        "answering the admin listener failed",
        "admin request refused admin_500 GET /sessions",
        "admin request refused admin_403 GET /sessions",
        "admin request refused admin_404 GET another",
      ]);
    } finally {
      await server.close();
    }
  },
);

/** As a page would ask whose name was made to point at loopback. */
async function statusOfRebound(address: string): Promise<number> {
  const [hostname = "", port] = address.split(":");
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const head = "GET /sessions HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
  await connection.write(new TextEncoder().encode(head));
  const buffer = new Uint8Array(1024);
  let text = "";
  for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
    text += new TextDecoder().decode(buffer.subarray(0, n));
  }
  return Number(text.slice(9, 12));
}
