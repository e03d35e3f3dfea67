import assert from "node:assert/strict";
import { loadSettings, loadSome } from "../../../lib/config/load.ts";
import { type PrincipalSourceName, SETTING_KEYS, settingOf, SETTINGS } from "../../../lib/config/schema.ts";
import { ConfigError } from "../../../lib/errors.ts";
import { JWT_ALGORITHMS } from "../../../lib/identity/jwt/jwt_algorithms.ts";
import { STRICT } from "../../support/strict.ts";
import { load, problemLines, problemsOf, sourcesOf, UPSTREAM } from "./sources.ts";

Deno.test("loadSettings gives every default when only the upstream is named", STRICT, async () => {
  const { settings, places } = await load();
  const derived = { upstreams: settings.upstreams, principals: ["anonymous"] };
  const defaults = Object.fromEntries(SETTING_KEYS.map((key) => [key, settingOf(key).default]));
  assert.deepEqual({ ...settings }, { ...defaults, ...derived });
  assert.deepEqual([...places], [["upstreams", "--upstream"]]);
});

Deno.test("every default is a value its own kind accepts", STRICT, () => {
  for (const key of SETTING_KEYS) {
    const { kind, default: value, repeatable } = settingOf(key);
    if (value === undefined) continue;
    for (const item of repeatable ? value as unknown[] : [value]) {
      assert.deepEqual(kind.parse(kind.format(item)), { value: item }, key);
    }
  }
});

Deno.test("flags beat environment beats file, setting by setting", STRICT, async () => {
  const { settings, places } = await load({
    argv: ["--config", "s.yaml", "--path", "/flag", "--allow-host", "flag"],
    env: { SIGNET_PATH: "/env", SIGNET_SESSION_TTL: "2h", SIGNET_ALLOW_HOST: "env1,env2" },
    files: { "s.yaml": "path: /file\nsession-ttl: 3h\nmax-sessions: 7\nallow-host: [file]\n" },
  });
  assert.equal(settings.path, "/flag");
  assert.equal(settings.sessionTtlMs, 2 * 3_600_000);
  assert.equal(settings.maxSessions, 7);
  assert.deepEqual(settings.allowHosts, ["flag"], "a list of a stronger source replaces, it does not add");
  assert.deepEqual(
    [places.get("path"), places.get("sessionTtlMs"), places.get("maxSessions"), places.get("listen")],
    ["--path", "SIGNET_SESSION_TTL", "s.yaml:3 (max-sessions)", undefined],
  );
});

Deno.test("SIGNET_CONFIG names the file when --config does not", STRICT, async () => {
  const files = { "a.yaml": "path: /a\n", "b.yaml": "path: /b\n" };
  assert.equal((await load({ env: { SIGNET_CONFIG: "a.yaml" }, files })).settings.path, "/a");
  const both = { argv: ["--config", "b.yaml"], env: { SIGNET_CONFIG: "a.yaml" }, files };
  assert.equal((await load(both)).settings.path, "/b");
});

Deno.test("a list is separated by commas in flags and environment, never inside a YAML item", STRICT, async () => {
  const { settings } = await load({
    argv: [
      "--config",
      "s.yaml",
      "--seal-header",
      "X-B, x-a,,x-b",
      "--principal=jwt,bearer",
      "--jwt-jwks",
      "https://i/k",
    ],
    env: { SIGNET_JWT_ISSUER: "https://i" },
    files: { "s.yaml": "jwt-audience: ['urn:a,b']\n" },
  });
  assert.deepEqual(settings.sealHeaders, ["x-b", "x-a"], "order kept, repetition and blanks dropped");
  assert.deepEqual(settings.principals, ["jwt", "bearer"]);
  assert.deepEqual(settings.jwtAudiences, ["urn:a,b"]);
});

Deno.test("P3: loadSettings reports problems of flags, environment, file and rules at once", STRICT, async () => {
  const lines = await problemLines({
    argv: ["--config", "s.yaml", "--lisen", "x", "--max-body", "4MB", "--listen", "0.0.0.0:1", "--listen", "[::]:1"],
    env: { SIGNET_PATTH: "/x", SIGNET_ADMIN: "nowhere" },
    files: { "s.yaml": "sesion-ttl: 1h\nsession-idle: 5\ntls-cert: missing.pem\nseal-header: [host]\n" },
  });
  assert.deepEqual(lines, [
    "--lisen: there is no such flag",
    "SIGNET_PATTH: there is no such setting",
    "s.yaml:1 (sesion-ttl): there is no such setting",
    "--listen: it is given 2 times",
    'SIGNET_ADMIN: "nowhere" is not an address to listen on',
    's.yaml:2 (session-idle): "5" is not a duration',
    '--max-body: "4MB" is not a size',
    "--tls-key: there is a --tls-cert without its key",
    "s.yaml:4 (seal-header): host belongs to HTTP or to Signet itself",
    "s.yaml:3 (tls-cert): there is no such file",
  ]);
});

Deno.test("P3: every problem has a place, a problem and a remedy, and the error shows all", STRICT, async () => {
  const problems = await problemsOf({ argv: ["--lisen", "x", "--principal", "jwt,header", "--admin", "x"] });
  assert.ok(problems.length >= 7, `${problems.length}`);
  const message = new ConfigError(problems).message;
  for (const { place, problem, remedy } of problems) {
    assert.ok(place !== "" && problem !== "" && /[.?]$/.test(remedy), JSON.stringify({ place, problem, remedy }));
    assert.ok(message.includes(problem) && message.includes(remedy));
  }
});

Deno.test("P3: every item of a list that cannot be read is a problem of its own", STRICT, async () => {
  const lines = await problemLines({ argv: ["--trusted-proxy", "10.0.0.0/8,10.0.0.0/99", "--trusted-proxy", "x"] });
  assert.equal(lines.length, 2);
});

Deno.test("P3: a safeguard that is given blank is a problem, and not off, whoever gives it", STRICT, async () => {
  const callers = [
    "--principal",
    "jwt",
    "--jwt-issuer",
    "https://i",
    "--jwt-jwks",
    "https://i/k",
    "--jwt-audience",
    "a",
  ];
  // What a script writes whose variable is not set: beyond these words the file's own would count no more.
  for (const name of ["require-scope", "jwt-client", "rules", "rate", "principal", "strip-header", "allow-origin"]) {
    for (const text of ["", " ", name === "rules" || name === "rate" ? "\n" : ","]) {
      const [argv, place] = [[...callers.slice(name === "principal" ? 2 : 0), `--${name}`, text], `--${name}`];
      assert.ok((await problemLines({ argv })).includes(`${place}: the value is blank`), `${place} '${text}'`);
    }
    assert.ok(
      (await problemLines({ argv: [...callers, `--${name}`, "x", `--${name}`, ""] })).some((line) =>
        line === `--${name}: the value is blank`
      ),
    );
    for (
      const [yaml, problem] of [['""', "the value is blank"], ['["", ""]', "the value is blank"], [
        "[]",
        "the list is empty",
      ]]
    ) {
      const files = { "s.yaml": `${name}: ${yaml}\n` };
      const lines = await problemLines({ argv: ["--config", "s.yaml"], files });
      assert.ok(lines.includes(`s.yaml:1 (${name}): ${problem}`), `${name}: ${yaml}: ${lines.join("; ")}`);
    }
    // Platforms that set every variable of a form set it to nothing.
    const variable = `SIGNET_${name.toUpperCase().replaceAll("-", "_")}`;
    assert.deepEqual(await problemLines({ env: { [variable]: "" } }), []);
  }
});

Deno.test("P3: what stands twice in one rule is a problem, and the first of it not forgotten", STRICT, async () => {
  for (const rule of ['{"deny":["a"],"deny":["b"]}', '{"allow":["a"],"when":"false","wh\\u0065n":"true"}']) {
    assert.deepEqual(await problemLines({ argv: ["--rules", rule] }), ["--rules: a name stands twice in it"], rule);
  }
});

Deno.test("P3: an empty list within a value is a problem, and no safeguard that is off", STRICT, async () => {
  const given = [
    ["rules: [{allow: [a], scopes: []}]", "scopes is an empty list"],
    ["jwt-provider: [{issuer: 'https://i', jwks: 'https://i/k', audience: a, client: []}]", "client is an empty list"],
    ["rate: [{rate: 5/s, per: tool, tool: []}]", "tool is an empty list"],
    ["members: {x: {url: 'http://127.0.0.1:1/mcp', allow-tool: []}}", "there is no pattern"],
  ];
  for (const [yaml, problem] of given) {
    const lines = await problemLines({ argv: ["--config", "s.yaml"], files: { "s.yaml": `${yaml}\n` } });
    assert.ok(lines.some((line) => line.endsWith(problem!)), `${yaml}: ${lines.join("; ")}`);
  }
});

Deno.test("a configuration file that cannot be read is told by the place that names it", STRICT, async () => {
  assert.deepEqual(await problemLines({ argv: ["--config", "no.yaml"] }), ["--config: there is no such file"]);
  const files = { "dir": new Deno.errors.IsADirectory("x"), "secret": new Deno.errors.PermissionDenied("x") };
  assert.deepEqual(await problemLines({ env: { SIGNET_CONFIG: "dir" }, files }), [
    "SIGNET_CONFIG: this is a directory",
  ]);
  assert.deepEqual(await problemLines({ env: { SIGNET_CONFIG: "secret" }, files }), [
    "SIGNET_CONFIG: this user may not read the file",
  ]);
});

Deno.test(
  "a session is idle no later than it expires, and swept no later than it is idle, by default",
  STRICT,
  async () => {
    const { settings } = await load({ argv: ["--session-ttl", "10s"] });
    assert.equal(settings.sessionIdleMs, 10_000);
    assert.equal(settings.sweepIntervalMs, 10_000);
  },
);

Deno.test("messages never quote a value that holds credentials", STRICT, async () => {
  const lines = await problemLines({
    argv: ["--upstream", "http://user:hunter2@a/", "--resource-metadata-url", "https://user:hunter2@a/"],
    env: { SIGNET_JWT_JWKS: "https://user:hunter2@a/k", SIGNET_HUNTER: "hunter2" },
  });
  assert.ok(lines.length >= 4);
  assert.doesNotMatch(lines.join("\n"), /hunter2/);
});

Deno.test("loadSome judges what it is asked for and nothing else", STRICT, async () => {
  const sources = sourcesOf({
    argv: ["--config", "s.yaml"],
    env: { SIGNET_MAX_BODY: "nonsense" },
    files: { "s.yaml": "admin: 127.0.0.1:9999\nlisten: nonsense\nunknown: 1\n" },
  });
  const { settings } = await loadSome(["admin"], sources);
  assert.deepEqual(settings.admin, { hostname: "127.0.0.1", port: 9999 });
  await assert.rejects(loadSome(["listen"], sources), ConfigError);
});

Deno.test(
  "loadSome refuses flags that are wrong, files that cannot be read, and YAML that is none",
  STRICT,
  async () => {
    await assert.rejects(loadSome(["admin"], sourcesOf({ argv: ["--adnim", "off"] })), ConfigError);
    await assert.rejects(loadSome(["admin"], sourcesOf({ argv: ["--config", "no.yaml"] })), ConfigError);
    const files = { "s.yaml": "admin: [\n" };
    await assert.rejects(loadSome(["admin"], sourcesOf({ argv: ["--config", "s.yaml"], files })), ConfigError);
  },
);

Deno.test("the type of Settings follows the table", STRICT, async () => {
  const { settings } = await loadSettings(sourcesOf({ argv: UPSTREAM }));
  const ttl: number = settings.sessionTtlMs;
  const status: 404 | 410 | 401 = settings.compatStatus;
  const level: "debug" | "info" | "warn" | "error" = settings.logLevel;
  const issuer: string | undefined = settings.jwtIssuer;
  const [source]: readonly PrincipalSourceName[] = settings.principals;
  assert.deepEqual([ttl, status, level, issuer, source], [86_400_000, 404, "info", undefined, "anonymous"]);
  assert.equal(SETTINGS.sessionTtlMs.name, "session-ttl");
});

Deno.test("the algorithms that may be configured are those the verifier knows", STRICT, async () => {
  const { settings } = await load({ argv: ["--jwt-algorithms", JWT_ALGORITHMS.join(",")] });
  assert.deepEqual([...settings.jwtAlgorithms], [...JWT_ALGORITHMS]);
  for (const symmetric of ["HS256", "none"]) {
    assert.match((await problemLines({ argv: ["--jwt-algorithms", symmetric] })).join("\n"), /jwt-algorithms/);
  }
});
