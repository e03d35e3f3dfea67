import assert from "node:assert/strict";
import { pemTexts } from "../../support/authority.ts";
import { STRICT } from "../../support/strict.ts";
import { load, problemLines, problemsOf, warningsOf } from "./sources.ts";

Deno.test("M4: listening beyond loopback wants hosts or --unsafe-listen", STRICT, async () => {
  const argv = ["--listen", "[::]:8080", "--principal", "bearer"];
  assert.deepEqual(await problemLines({ argv }), [
    "--listen: [::]:8080 is not loopback, and no Host is named that requests must ask for",
  ]);
  assert.deepEqual(await problemLines({ argv: [...argv, "--allow-host", "mcp.example"] }), []);
  assert.match(await warningsOf({ argv: [...argv, "--unsafe-listen"] }), /DNS rebinding/);
  assert.doesNotMatch(await warningsOf({ argv: [...argv, "--unsafe-listen", "--allow-host", "a"] }), /DNS rebinding/);
});

Deno.test("an upstream is named; several have names that cannot be taken for each other", STRICT, async () => {
  assert.deepEqual((await problemsOf({})).map(({ place, problem, remedy }) => [place, problem, remedy]), [
    [
      "--upstream",
      "no MCP server is named",
      "Add --upstream http://127.0.0.1:3000/mcp, or the command of a stdio server behind --.",
    ],
  ]);
  const several = (...others: string[]) => ({ argv: others.flatMap((other) => ["--upstream", other]) });
  assert.deepEqual(await problemLines(several("b=http://127.0.0.1:3001/mcp", "b=http://127.0.0.1:3001/mcp")), []);
  assert.deepEqual(await problemLines(several("x=http://127.0.0.1:3001/mcp", "x_y=http://127.0.0.1:3002/mcp")), [
    "--upstream: a tool of x could be taken for one of x_y",
  ]);
  assert.deepEqual(await problemLines(several("A=http://127.0.0.1:3001/mcp", "a=http://127.0.0.1:3002/mcp")), [
    "--upstream: a tool of A could be taken for one of a",
  ]);
  assert.deepEqual(await problemLines({ argv: ["--allow-tool", "a*"] }), [
    "--allow-tool: there is one MCP server, which is passed through as it is",
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
  assert.match(await warningsOf({ argv: ["--admin", "0.0.0.0:9090"] }), /not loopback/);
});

Deno.test("a certificate wants its key, and a key its certificate", STRICT, async () => {
  const { cert: c, key: k } = await pemTexts();
  const files = { c, k };
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

Deno.test("L7 L8: what is written for idle, sweep and TTL must fit together", STRICT, async () => {
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
