import assert from "node:assert/strict";
import { STRICT } from "../../../support/strict.ts";
import { type Given, load, problemLines, warningsOf } from "../sources.ts";

const JWT = ["--jwt-issuer", "https://i", "--jwt-audience", "https://m/mcp", "--jwt-jwks", "https://i/keys"];
const OPEN = ["--listen", "0.0.0.0:8080", "--allow-host", "mcp.example"];
const SECRET = btoa("s".repeat(32));
const FILES = { secret: "hunter2", tokens: SECRET };
const INTROSPECTION = [
  ...["--introspection-url", "https://i/introspect", "--introspection-client-id", "signet"],
  ...["--introspection-secret-file", "secret"],
];
const RESOLVER = ["--resolver-url", "https://r/who"];
const TOKEN = ["--token-secret-file", "tokens"];

/** With every file there is. */
const lines = (...argv: string[]) => problemLines({ argv, files: FILES } satisfies Given);

Deno.test(
  "O6: anonymous callers are the default on loopback, with a warning that binding is a no-op",
  STRICT,
  async () => {
    const { settings, warnings } = await load();
    assert.deepEqual(settings.principals, ["anonymous"]);
    assert.match(warnings.join("\n"), /one owner, so binding sessions to their owner protects nobody/);
    assert.match(await warningsOf({ argv: ["--principal", "bearer,anonymous"] }), /protects nobody/);
    assert.doesNotMatch(await warningsOf({ argv: ["--principal", "bearer"] }), /protects nobody/);
  },
);

Deno.test("O6: anonymous callers beyond loopback are refused without --unsafe-anonymous", STRICT, async () => {
  assert.deepEqual(await problemLines({ argv: OPEN }), [
    "--principal: it is not said who may call, and 0.0.0.0:8080 is not loopback",
  ]);
  assert.deepEqual(await problemLines({ argv: [...OPEN, "--principal", "bearer", "--principal", "anonymous"] }), [
    "--principal: anonymous callers beyond loopback (0.0.0.0:8080) would all share one owner",
  ]);
  const { settings, warnings } = await load({ argv: [...OPEN, "--unsafe-anonymous"] });
  assert.deepEqual(settings.principals, ["anonymous"]);
  assert.match(warnings.join("\n"), /protects nobody/);
});

Deno.test("I1: jwt wants issuer, audience and keys, each told by its flag", STRICT, async () => {
  assert.deepEqual(await problemLines({ argv: ["--principal", "jwt"] }), [
    "--jwt-issuer: --principal jwt needs it",
    "--jwt-audience: --principal jwt needs it",
    "--jwt-jwks: --principal jwt needs it",
  ]);
  assert.deepEqual(await problemLines({ argv: ["--principal", "jwt", ...JWT] }), []);
});

Deno.test("I1: header wants a name and proxies to believe", STRICT, async () => {
  assert.deepEqual(await problemLines({ argv: ["--principal", "header"] }), [
    "--principal-header: --principal header needs it",
    "--trusted-proxy: --principal header needs it",
  ]);
  const argv = ["--principal", "header", "--principal-header", "X-User", "--trusted-proxy", "10.0.0.0/8"];
  assert.deepEqual(await problemLines({ argv }), []);
});

Deno.test(
  "a source that is set up but never asked is a problem, since callers would go unchecked",
  STRICT,
  async () => {
    assert.deepEqual(await problemLines({ argv: JWT }), [
      "--jwt-issuer: no --principal jwt uses it",
      "--jwt-audience: no --principal jwt uses it",
      "--jwt-jwks: no --principal jwt uses it",
    ]);
    assert.deepEqual(await problemLines({ argv: ["--principal-header", "x-user", "--principal", "bearer"] }), [
      "--principal-header: no --principal header uses it",
    ]);
  },
);

Deno.test("a source behind one that takes everything is a problem", STRICT, async () => {
  const lines = await problemLines({ argv: ["--principal", "anonymous,bearer"] });
  assert.deepEqual(lines, ["--principal: anonymous takes every request, so bearer is never asked"]);
  assert.deepEqual(await problemLines({ argv: ["--principal", "bearer,jwt", ...JWT] }), [
    "--principal: bearer takes every token, so jwt is never asked",
  ]);
  assert.deepEqual(await problemLines({ argv: ["--principal", "jwt,bearer,anonymous", ...JWT] }), []);
});

Deno.test("keys over plain http beyond loopback want --unsafe-jwks-http", STRICT, async () => {
  const argv = ["--principal", "jwt", "--jwt-issuer", "i", "--jwt-audience", "a", "--jwt-jwks"];
  assert.match((await problemLines({ argv: [...argv, "http://i.example/keys"] })).join(), /--jwt-jwks: .*plain http/);
  assert.deepEqual(await problemLines({ argv: [...argv, "http://127.0.0.1:9/keys"] }), []);
  assert.match(
    await warningsOf({ argv: [...argv, "http://i.example/keys", "--unsafe-jwks-http"] }),
    /any token accepted/,
  );
});

Deno.test("I1: introspection wants an endpoint and Signet's own credentials", STRICT, async () => {
  assert.deepEqual(await lines("--principal", "introspection"), [
    "--introspection-url: --principal introspection needs it",
    "--introspection-client-id: --principal introspection needs it",
    "--introspection-secret-file: --principal introspection needs it",
  ]);
  assert.deepEqual(await lines("--principal", "introspection", ...INTROSPECTION), []);
  const optional = ["--introspection-issuer", "i", "--introspection-audience", "a", "--introspection-auth"];
  assert.deepEqual(
    await lines("--principal", "introspection", ...INTROSPECTION, ...optional, "client_secret_post"),
    [],
  );
});

Deno.test("I1 T4: resolver wants an endpoint, token its secrets", STRICT, async () => {
  assert.deepEqual(await lines("--principal", "resolver"), ["--resolver-url: --principal resolver needs it"]);
  assert.deepEqual(await lines("--principal", "resolver", ...RESOLVER, "--resolver-header", "cookie"), []);
  assert.deepEqual(await lines("--principal", "token"), ["--token-secret-file: --principal token needs it"]);
  assert.deepEqual(await lines("--principal", "token", ...TOKEN, "--max-tokens-per-agent", "3"), []);
});

Deno.test("I4: what proxies alone are believed with wants a proxy", STRICT, async () => {
  const certificate = ["--principal", "resolver", ...RESOLVER, "--resolver-header", "Client-Cert"];
  assert.deepEqual(await lines(...certificate), [
    "--resolver-header: client-cert: believed of trusted proxies only, and none is named, so every caller would be refused",
  ]);
  const trusted = ["--trusted-proxy", "10.0.0.0/8"];
  assert.deepEqual(await lines(...certificate, ...trusted), []);
  for (const more of [["--seal-header", "X_Forwarded_Host"], [...certificate, "--resolver-header", "cookie"]]) {
    assert.deepEqual(await lines(...more), []);
    assert.match(await warningsOf({ argv: more }), /is believed of nobody/);
    assert.doesNotMatch(await warningsOf({ argv: [...more, ...trusted] }), /believed of nobody/);
  }
});

Deno.test("settings of sources that are not asked are problems, each of them", STRICT, async () => {
  const argv = [
    ...INTROSPECTION,
    ...["--introspection-issuer", "i", "--introspection-audience", "a", "--introspection-auth", "client_secret_post"],
    ...TOKEN,
    ...["--max-tokens-per-agent", "3"],
    ...RESOLVER,
    ...["--resolver-header", "cookie", "--proof-max-age", "1m"],
  ];
  assert.deepEqual(await lines("--principal", "bearer", ...argv), [
    "--introspection-url: no --principal introspection uses it",
    "--introspection-client-id: no --principal introspection uses it",
    "--introspection-secret-file: no --principal introspection uses it",
    "--introspection-issuer: no --principal introspection uses it",
    "--introspection-audience: no --principal introspection uses it",
    "--introspection-auth: no --principal introspection uses it",
    "--token-secret-file: no --principal token uses it",
    "--max-tokens-per-agent: no --principal token uses it",
    "--resolver-url: no --principal resolver uses it",
    "--resolver-header: no --principal resolver uses it",
    "--proof-max-age: neither introspection nor a resolver is asked",
  ]);
  assert.deepEqual(await lines("--principal", "resolver", ...RESOLVER, "--proof-max-age", "1m"), []);
});

Deno.test("I3: sources in an order that leaves one unheard are refused", STRICT, async () => {
  const all = [...JWT, ...INTROSPECTION, ...TOKEN];
  const none = [...RESOLVER, "--resolver-header", "cookie"];
  const cases: [principals: string, settings: string[], problem: string][] = [
    ["bearer,token", TOKEN, "bearer takes every token, so token is never asked"],
    ["bearer,introspection", INTROSPECTION, "bearer takes every token, so introspection is never asked"],
    ["introspection,jwt,token", all, "introspection takes every token, so jwt, token is never asked"],
    ["introspection,bearer", INTROSPECTION, "introspection takes every token, so bearer is never asked"],
    ["resolver,jwt", [...RESOLVER, ...JWT], "resolver takes every token, so jwt is never asked"],
    ["bearer,resolver", RESOLVER, "bearer takes every token, so resolver is never asked"],
    [
      "introspection,resolver",
      [...INTROSPECTION, ...RESOLVER],
      "introspection takes every token, so resolver is never",
    ],
    ["anonymous,resolver", none, "anonymous takes every request, so resolver is never asked"],
  ];
  for (const [principals, settings, problem] of cases) {
    const found = await lines("--principal", principals, ...settings);
    assert.equal(found.length, 1, principals + found.join("\n"));
    assert.ok(found[0]!.startsWith(`--principal: ${problem}`), found[0]);
  }
  const sound: [string, string[]][] = [
    ["jwt,token,introspection", all],
    ["token,jwt,bearer", [...TOKEN, ...JWT]],
    ["bearer,resolver", none],
    ["resolver,jwt,bearer", [...none, ...JWT]],
    ["jwt,resolver", [...JWT, ...RESOLVER]],
  ];
  for (const [principals, settings] of sound) {
    assert.deepEqual(await lines("--principal", principals, ...settings), [], principals);
  }
});

Deno.test("identity over plain http beyond loopback wants --unsafe-identity-http, URL by URL", STRICT, async () => {
  const argv = [
    ...["--principal", "resolver,introspection", "--resolver-header", "cookie", "--resolver-url", "http://r/who"],
    ...[...INTROSPECTION.slice(2), "--introspection-url", "http://i/introspect"],
    ...["--resource", "http://m/mcp", "--authorization-server", "https://a", "--authorization-server", "http://i"],
  ];
  const why = "this would be plain http beyond loopback, so whoever is on the way could say who is who";
  assert.deepEqual(await lines(...argv), [
    `--introspection-url: ${why}`,
    `--resolver-url: ${why}`,
    `--resource: ${why}`,
    `--authorization-server: ${why}`,
  ]);
  const warned = await warningsOf({ argv: [...argv, "--unsafe-identity-http"], files: FILES });
  assert.match(warned, /--introspection-url, --resolver-url, --resource, --authorization-server can pass for anybody/);
  const local = ["--principal", "resolver", "--resolver-url", "http://127.0.0.1:1/who"];
  assert.deepEqual(await lines(...local), []);
  assert.equal((await lines("--principal", "resolver", "--resolver-url", "http://127.0.0.2:1/who")).length, 1);
  assert.doesNotMatch(await warningsOf({ argv: [...local, "--unsafe-identity-http"] }), /pass for anybody/);
});

Deno.test("a required scope needs a source that tells scopes", STRICT, async () => {
  const scope = ["--require-scope", "mcp:tools"];
  assert.deepEqual(await lines("--principal", "token", ...TOKEN, ...scope), [
    "--require-scope: no configured source tells scopes, so every caller would be refused",
  ]);
  assert.equal((await lines(...scope)).length, 1);
  assert.deepEqual(await lines("--principal", "jwt", ...JWT, ...scope), []);
  const mixed = { argv: ["--principal", "jwt,token", ...JWT, ...TOKEN, ...scope], files: FILES };
  assert.match(await warningsOf(mixed), /--require-scope refuses every caller by token/);
});
