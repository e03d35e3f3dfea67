import assert from "node:assert/strict";
import { load, problemLines, problemsOf, STRICT } from "./sources.ts";

const JWT = ["--jwt-issuer", "https://i", "--jwt-audience", "https://m/mcp", "--jwt-jwks", "https://i/keys"];
const OPEN = ["--listen", "0.0.0.0:8080", "--allow-host", "mcp.example"];

async function warningsOf(argv: string[]): Promise<string> {
  return (await load({ argv })).warnings.join("\n");
}

Deno.test(
  "O6: anonymous callers are the default on loopback, with a warning that binding is a no-op",
  STRICT,
  async () => {
    const { settings, warnings } = await load();
    assert.deepEqual(settings.principals, ["anonymous"]);
    assert.match(warnings.join("\n"), /one owner, so binding sessions to their owner protects nobody/);
    assert.match(await warningsOf(["--principal", "bearer,anonymous"]), /protects nobody/);
    assert.doesNotMatch(await warningsOf(["--principal", "bearer"]), /protects nobody/);
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

Deno.test("M4: listening beyond loopback wants hosts or --unsafe-listen", STRICT, async () => {
  const argv = ["--listen", "[::]:8080", "--principal", "bearer"];
  assert.deepEqual(await problemLines({ argv }), [
    "--listen: [::]:8080 is not loopback, and no Host is named that requests must ask for",
  ]);
  assert.deepEqual(await problemLines({ argv: [...argv, "--allow-host", "mcp.example"] }), []);
  assert.match(await warningsOf([...argv, "--unsafe-listen"]), /DNS rebinding/);
  assert.doesNotMatch(await warningsOf([...argv, "--unsafe-listen", "--allow-host", "a"]), /DNS rebinding/);
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
  assert.match(await warningsOf([...argv, "http://i.example/keys", "--unsafe-jwks-http"]), /any token accepted/);
});

Deno.test("exactly one upstream is named", STRICT, async () => {
  assert.deepEqual((await problemsOf({})).map(({ place, problem, remedy }) => [place, problem, remedy]), [
    ["--upstream", "no MCP server is named", "Add --upstream http://127.0.0.1:3000/mcp."],
  ]);
  const argv = ["--upstream", "b=http://127.0.0.1:3001/mcp"];
  assert.deepEqual(await problemLines({ argv }), [
    "--upstream: 2 MCP servers are named, and this version forwards to one",
  ]);
});

Deno.test("an upstream that is Signet itself is refused, however it is written", STRICT, async () => {
  const loops: [string, string][] = [
    ["127.0.0.1:3000", "http://127.0.0.1:3000/mcp"],
    ["127.0.0.1:3000", "http://localhost:3000/mcp"],
    ["[::]:3000", "http://127.0.0.1:3000/mcp"],
    ["0.0.0.0:3000", "http://[::1]:3000/mcp"],
    ["0.0.0.0:80", "http://localhost/mcp"],
  ];
  const open = ["--allow-host", "a", "--principal", "bearer"];
  for (const [listen, upstream] of loops) {
    const problems = await problemsOf({ argv: ["--listen", listen, "--upstream", upstream, ...open] });
    assert.match(problems.map(({ problem }) => problem).join(), /is Signet itself/, `${listen} ${upstream}`);
  }
  const admin = await problemsOf({ argv: ["--upstream", "http://localhost:9090/mcp"] });
  assert.match(admin.map(({ problem }) => problem).join(), /is Signet itself/);
  const others: [string, string][] = [
    ["127.0.0.1:3000", "http://127.0.0.1:3001/mcp"],
    ["10.0.0.1:3000", "http://127.0.0.1:3000/mcp"],
    ["127.0.0.1:0", "http://127.0.0.1/mcp"],
    ["0.0.0.0:3000", "http://mcp.example:3000/mcp"],
    ["127.0.0.1:3000", "http+unix://%2Frun%2Fmcp.sock/mcp"],
  ];
  for (const [listen, upstream] of others) {
    assert.deepEqual(await problemsOf({ argv: ["--listen", listen, "--upstream", upstream, ...open] }), [], upstream);
  }
});

Deno.test("an upstream without a path is warned of", STRICT, async () => {
  const { warnings } = await load({ argv: ["--upstream", "http://127.0.0.1:3000/mcp"] });
  assert.doesNotMatch(warnings.join("\n"), /has no path/);
  const argv = ["--config", "s.yaml"];
  const { loadSettings } = await import("../../../lib/config/load.ts");
  const { sourcesOf } = await import("./sources.ts");
  const files = { "s.yaml": "upstream: http://127.0.0.1:3000\n" };
  const loaded = await loadSettings(sourcesOf({ argv, files }));
  assert.match(loaded.warnings.join("\n"), /http:\/\/127\.0\.0\.1:3000\/ has no path/);
});

Deno.test("listener and admin listener take different ports", STRICT, async () => {
  const lines = await problemLines({ argv: ["--admin", "localhost:8080"] });
  assert.deepEqual(lines, ["--admin: localhost:8080 is taken by --listen"]);
  assert.deepEqual(await problemLines({ argv: ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"] }), []);
  assert.deepEqual(await problemLines({ argv: ["--admin", "off", "--listen", "127.0.0.1:9090"] }), []);
  assert.match(await warningsOf(["--admin", "0.0.0.0:9090"]), /not loopback/);
});

Deno.test("a certificate wants its key, and a key its certificate", STRICT, async () => {
  const files = { c: "-----BEGIN CERTIFICATE-----", k: "-----BEGIN PRIVATE KEY-----" };
  assert.deepEqual(await problemLines({ argv: ["--tls-cert", "c"], files }), [
    "--tls-key: there is a --tls-cert without its key",
  ]);
  assert.deepEqual(await problemLines({ argv: ["--tls-key", "k"], files }), [
    "--tls-cert: there is a --tls-key without its certificate",
  ]);
  assert.deepEqual(await problemLines({ argv: ["--tls-cert", "c", "--tls-key", "k"], files }), []);
  assert.deepEqual(await problemLines({ argv: ["--upstream-ca", "c"], files }), [
    "--upstream-ca: no upstream speaks https",
  ]);
});

Deno.test("L7, L8: what is written for idle, sweep and TTL must fit together", STRICT, async () => {
  assert.deepEqual(await problemLines({ argv: ["--session-ttl", "1h", "--session-idle", "2h"] }), [
    "--session-idle: a session would be idle after 2h but expired after 1h",
  ]);
  assert.deepEqual(await problemLines({ argv: ["--session-ttl", "1h", "--session-idle", "1h"] }), []);
  assert.deepEqual(await problemLines({ argv: ["--sweep-interval", "20m"] }), [
    "--sweep-interval: idle sessions would be looked for every 20m only",
  ]);
});

Deno.test("M3: bounds that contradict each other are refused", STRICT, async () => {
  assert.match((await problemLines({ argv: ["--max-id-length", "16000"] })).join(), /--max-id-length: a head of 16384/);
  assert.match((await problemLines({ argv: ["--max-head", "4KiB"] })).join(), /--max-head: a head of 4096/);
  assert.match((await problemLines({ argv: ["--max-body", "512MiB"] })).join(), /--max-body: one body of 512MiB/);
  assert.deepEqual(await problemLines({ argv: ["--max-body", "512MiB", "--max-buffered", "2GiB"] }), []);
});

Deno.test("E9: a header is sealed or transient or stripped, and never one of HTTP's own", STRICT, async () => {
  assert.deepEqual(await problemLines({ argv: ["--seal-header", "x-a", "--transient-header", "X-A"] }), [
    "--transient-header: x-a is in --seal-header too",
  ]);
  for (const flag of ["--seal-header", "--transient-header", "--strip-header"]) {
    for (const name of ["Mcp-Session-Id", "content-length", "Transfer-Encoding", "connection"]) {
      const lines = await problemLines({ argv: [flag, name] });
      assert.deepEqual(lines, [`${flag}: ${name.toLowerCase()} belongs to HTTP or to Signet itself`]);
    }
  }
  assert.deepEqual(await problemLines({ argv: ["--seal-header", "authorization"] }), []);
});

Deno.test("I4: the principal header is one of its own, and no session remembers it", STRICT, async () => {
  const proxy = ["--principal", "header", "--trusted-proxy", "10.0.0.1"];
  assert.deepEqual(await problemLines({ argv: [...proxy, "--principal-header", "Authorization"] }), [
    "--principal-header: authorization has another meaning",
  ]);
  assert.deepEqual(
    await problemLines({ argv: [...proxy, "--principal-header", "x-user", "--seal-header", "x-user"] }),
    [
      "--seal-header: x-user is the --principal-header",
    ],
  );
});

Deno.test("a rule stays silent when a setting it reads could not be understood", STRICT, async () => {
  assert.deepEqual(await problemLines({ argv: ["--listen", "nonsense", "--principal", "anonymous"] }), [
    '--listen: "nonsense" is not an address to listen on',
  ]);
  assert.deepEqual(
    await problemLines({ argv: ["--listen", "0.0.0.0:1", "--allow-host", "a b", "--principal", "bearer"] }),
    [
      '--allow-host: "a b" is not a host',
    ],
  );
  const jwt = ["--principal", "jwt", "--jwt-issuer", "i", "--jwt-audience", "a", "--jwt-jwks", "https://u:p@i/"];
  assert.deepEqual(await problemLines({ argv: jwt }), ["--jwt-jwks: the URL holds credentials"]);
});
