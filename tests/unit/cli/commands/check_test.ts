import assert from "node:assert/strict";
import { STRICT } from "../../../support/strict.ts";
import { FakeMachine } from "../fake_machine.ts";

const UPSTREAM = ["--upstream", "http://127.0.0.1:3000/mcp"];

Deno.test("P3: check tells what a sound configuration does, with its warnings, and exits 0", STRICT, async () => {
  const machine = new FakeMachine();
  assert.equal(await machine.run("check", ...UPSTREAM), 0);
  assert.match(machine.stdout, /listens on +http:\/\/127\.0\.0\.1:8080\/mcp/);
  assert.match(machine.stdout, /forwards to +http:\/\/127\.0\.0\.1:3000\/mcp/);
  assert.match(machine.stdout, /key +ephemeral/);
  assert.doesNotMatch(machine.stdout, /audit/);
  assert.match(machine.stdout, /! Callers may be anonymous/);
  assert.match(machine.stdout, /! The key is ephemeral/);
  assert.match(machine.stdout, /no problem with the configuration\n$/);
});

Deno.test("P3: check tells where calls are recorded", STRICT, async () => {
  const machine = new FakeMachine();
  assert.equal(await machine.run("check", ...UPSTREAM, "--audit", "syslog:udp://127.0.0.1:514"), 0, machine.stdout);
  assert.match(machine.stdout, /^ {2}audit log {5}syslog:udp:\/\/127\.0\.0\.1:514$/m);
});

Deno.test("P3: on a terminal messages fit into 80 columns", STRICT, async () => {
  const jwt = { principal: "jwt", "jwt-issuer": "https://idp.example", "jwt-jwks": "https://idp.example/keys" };
  const flags = Object.entries({ ...jwt, "jwt-audience": "https://mcp.example/a/server,https://mcp.example/another" })
    .flatMap(([name, value]) => [`--${name}`, value]);
  for (
    const argv of [
      [...UPSTREAM, "--principal", "bearer,anonymous"],
      [...UPSTREAM, ...flags],
      ["--upstream", "nfs://a"],
    ]
  ) {
    const machine = new FakeMachine({ terminal: true, env: { NO_COLOR: "1" } });
    await machine.run("check", ...argv);
    for (const line of machine.stdout.split("\n")) assert.ok([...line].length <= 80, line);
  }
});

Deno.test(
  "P3: check tells problems of flags, environment, file, rules and keys at once, and exits 1",
  STRICT,
  async () => {
    const machine = new FakeMachine({
      env: { SIGNET_LISTN: "x", MCP_ENCRYPTION_KEY: "c2hvcnQ=" },
      files: { "signet.yaml": "sesion-ttl: 1h\nsession-idle: soon\n" },
    });
    assert.equal(await machine.run("check", "--config", "signet.yaml", "--pth", "/x", "--principal", "jwt"), 1);
    const places = [...machine.stdout.matchAll(/^ {2}(\S.*)$/gm)].map(([, place]) => place);
    assert.deepEqual(places, [
      "--pth",
      "SIGNET_LISTN",
      "signet.yaml:1 (sesion-ttl)",
      "signet.yaml:2 (session-idle)",
      "--upstream",
      "--jwt-issuer",
      "--jwt-audience",
      "--jwt-jwks",
      "MCP_ENCRYPTION_KEY",
    ]);
    assert.match(machine.stdout, /^signet: 9 problems\n/);
    assert.match(machine.stdout, /The key has 5 bytes, not 32\./);
    assert.doesNotMatch(machine.stdout, /c2hvcnQ/);
    assert.equal(machine.stderr, "");
  },
);

Deno.test("E8: check names a stdio server's program and its bounds, and none of its arguments", STRICT, async () => {
  const machine = new FakeMachine();
  const bounds = [
    "--max-processes",
    "7",
    "--stdio-max-memory",
    "2GiB",
    "--stdio-max-cpu",
    "10m",
    "--stdio-max-files",
    "64",
  ];
  assert.equal(await machine.run("check", ...bounds, "--", "npx", "-y", "hunter2"), 0, machine.stdout);
  assert.match(machine.stdout, /forwards to +npx and 2 arguments, a process for each session\n/);
  assert.match(machine.stdout, /processes +at most 7; each 2GiB of memory, 10m of CPU time, 64 open files\n/);
  assert.doesNotMatch(machine.stdout, /hunter2/);
  const apart = new FakeMachine();
  assert.equal(await apart.run("check", "--principal", "bearer", "--", "server"), 0);
  assert.match(apart.stdout, /forwards to +server, a process for each session\n/);
  assert.match(apart.stdout, /processes +at most 100, 10 of one caller\n/);
});

Deno.test("check reads the key file as serve would, and shows ids only", STRICT, async () => {
  const key = btoa("k".repeat(32));
  const machine = new FakeMachine({ files: { ring: `${key}\n${btoa("l".repeat(32))}\n` } });
  assert.equal(await machine.run("check", ...UPSTREAM, "--key-file", "ring"), 0);
  assert.match(machine.stdout, /key +[0-9a-f]{8} seals, 1 more opens \(ring\)/);
  assert.ok(!machine.stdout.includes(key.slice(0, 12)));
});

Deno.test("check says who may call, source by source", STRICT, async () => {
  const machine = new FakeMachine();
  const jwt = ["--jwt-issuer", "https://i", "--jwt-audience", "https://m/mcp,urn:m", "--jwt-jwks", "https://i/keys"];
  const header = ["--principal-header", "X-User", "--trusted-proxy", "10.0.0.0/8"];
  assert.equal(await machine.run("check", ...UPSTREAM, ...jwt, ...header, "--principal", "jwt,header,bearer"), 0);
  assert.match(machine.stdout, /who may call +holders of a JWT from https:\/\/i for https:\/\/m\/mcp or urn:m\n/);
  assert.match(machine.stdout, /whom 10\.0\.0\.0\/8 names in x-user\n/);
  assert.match(machine.stdout, /any bearer token, each an owner/);
});

Deno.test("check says who may call by asking others, and no query of theirs", STRICT, async () => {
  const secret = btoa("s".repeat(32));
  const machine = new FakeMachine({ files: { secret, tokens: secret, admin: secret } });
  const flags = [
    ...["--principal", "token,introspection,resolver", "--resolver-header", "cookie,x-key"],
    ...["--introspection-url", "https://i/who?key=hunter2", "--introspection-client-id", "signet"],
    ...["--introspection-secret-file", "secret", "--resolver-url", "https://r/who?key=hunter2"],
    ...["--token-secret-file", "tokens", "--state", "s.db", "--admin", "0.0.0.0:9090", "--admin-token-file", "admin"],
  ];
  assert.equal(await machine.run("check", ...UPSTREAM, ...flags), 0, machine.stdout);
  assert.match(machine.stdout, /who may call +agents with a session token of Signet's own, at most 10 each\n/);
  assert.match(machine.stdout, /holders of a token that https:\/\/i\/who calls active\n/);
  assert.match(machine.stdout, /whom https:\/\/r\/who names by cookie, x-key\n/);
  assert.match(machine.stdout, /state +s\.db\n/);
  assert.match(machine.stdout, /admin +0\.0\.0\.0:9090, operators' API with token\n/);
  assert.doesNotMatch(machine.stdout, /hunter2/);
});

Deno.test("P3: check looks for the program of a stdio server", STRICT, async () => {
  const found = new FakeMachine({ programs: ["server"] });
  assert.equal(await found.run("check", "--", "server", "stdio"), 0);
  const missing = new FakeMachine({ programs: [] });
  assert.equal(await missing.run("check", "--", "nosuchcommand"), 1);
  assert.match(missing.stdout, /Looking for "nosuchcommand": no program of this name is in PATH\./);
  const member = new FakeMachine({ programs: [] });
  const several = ["--upstream", "a=http://127.0.0.1:3001/mcp", "--upstream", "b!=stdio:nosuch hunter2"];
  assert.equal(await member.run("check", ...several), 1);
  assert.match(member.stdout, /Looking for "nosuch" of b: there is no such program/);
  const there = new FakeMachine({ programs: ["nosuch"] });
  assert.equal(await there.run("check", ...several), 0);
  assert.match(there.stdout, /forwards to +a = http:\/\/127\.0\.0\.1:3001\/mcp, b \(required\) = stdio:nosuch\n/);
  assert.doesNotMatch(there.stdout + member.stdout, /hunter2/);
  const joined = new FakeMachine({ programs: [] });
  assert.equal(await joined.run("check", "--", "npx -y server"), 1);
  assert.match(joined.stdout, /Write the words of the command apart/);
});

Deno.test("P3: check tells of listeners at addresses that this machine does not have", STRICT, async () => {
  const at = async (addresses: string[], ...argv: string[]) => {
    const machine = new FakeMachine({ addresses });
    const code = await machine.run("check", ...UPSTREAM, ...argv);
    return [code, [...machine.stdout.matchAll(/^ {2}(--\w+)\n {4}(.*)$/gm)].map(([, place, found]) => [place, found])];
  };
  assert.deepEqual(await at(["127.0.0.1"]), [0, []]);
  assert.deepEqual(await at([], "--admin", "off"), [1, [[
    "--listen",
    "127.0.0.1:8080: this machine has no such address.",
  ]]]);
  assert.deepEqual(await at(["127.0.0.1"], "--admin", "[::1]:9090"), [1, [[
    "--admin",
    "[::1]:9090: this machine has no such address.",
  ]]]);
});

Deno.test("P3: a file that cannot be read as a whole claims nothing of what it would have said", STRICT, async () => {
  for (const text of ["upstream: [http://a/mcp\n", "- a\n", "upstream: {a: b}\n"]) {
    const machine = new FakeMachine({ files: { "signet.yaml": text } });
    assert.equal(await machine.run("check", "--config", "signet.yaml"), 1);
    assert.match(machine.stdout, /^signet: 1 problem\n/);
    assert.doesNotMatch(machine.stdout, /No MCP server/);
  }
  const absent = new FakeMachine();
  assert.equal(await absent.run("check", "--config", "gone.yaml"), 1);
  assert.match(absent.stdout, /^signet: 1 problem\n/);
});

Deno.test("P3: a setting that is named wrong or has no value is one problem, not two", STRICT, async () => {
  const machines: [FakeMachine, string[], RegExp][] = [
    [new FakeMachine(), ["--upstrem", "http://a/mcp"], /Did you mean --upstream\?/],
    [new FakeMachine(), ["--upstream"], /The value is missing/],
    [new FakeMachine(), ["--url", "http://a/mcp"], /Did you mean --upstream\?/],
    [new FakeMachine(), ["--upstream", "http://a/mcp", "--port", "80"], /Did you mean --listen\?/],
    [new FakeMachine(), ["--upstream", "http://a/mcp", "--key", "a"], /Did you mean --key-file\?/],
    [new FakeMachine(), ["--upstream", "http://a/mcp", "-c", "signet.yaml"], /Did you mean --config\?/],
    [new FakeMachine(), ["--upstream", "http://a/mcp", "signet.yaml"], /Did you mean --config FILE\?/],
    [new FakeMachine(), ["--upstream", "http://a/mcp", "--constructor"], /There is no such flag/],
    [new FakeMachine({ env: { SIGNET_UPSTREAMS: "http://a/mcp" } }), [], /Did you mean SIGNET_UPSTREAM\?/],
    ...[
      "upstreams: http://a/mcp\n",
      "mcpServers:\n  a: { url: http://a/mcp }\n",
      "membrs:\n  a: { url: http://a/mcp }\n",
    ]
      .map((text): [FakeMachine, string[], RegExp] => [
        new FakeMachine({ files: { "signet.yaml": text } }),
        ["--config", "signet.yaml"],
        /Did you mean (upstream|members)\?/,
      ]),
  ];
  for (const [machine, argv, wanted] of machines) {
    assert.equal(await machine.run("check", ...argv), 1);
    assert.match(machine.stdout, /^signet: 1 problem\n/);
    assert.match(machine.stdout, wanted);
  }
});

Deno.test("P3: a file with a key that is not there is told how it is made", STRICT, async () => {
  const at = async (...argv: string[]) => {
    const machine = new FakeMachine();
    assert.equal(await machine.run("check", "--upstream", "http://a/mcp", ...argv), 1);
    return machine.stdout.replace(/\s+/g, " ");
  };
  assert.match(await at("--key-file", "a.key"), /Make it with `\(umask 077; signet keys new > a\.key\)`/);
  assert.match(await at("--admin-token-file", "/etc/a"), /signet keys new > \/etc\/a\)`/);
  assert.match(await at("--key-file", "a b;c"), /Create a b;c, or name another file\./);
  assert.match(await at("--key-file", "~/a.key"), /Write the path in full/);
  assert.match(await at("--upstream-ca", "ca.pem"), /Create ca\.pem, or name another file\./);
});

Deno.test("P3: each message says what to write instead", STRICT, async () => {
  const cases: [argv: string[], wanted: RegExp][] = [
    [["--upstream", "localhost:3000"], /Write http:\/\/localhost:3000\/mcp/],
    [["--upstream", "127.0.0.1:3000/x"], /Write http:\/\/127\.0\.0\.1:3000\/x/],
    [["--upstream", "[::1]:3000"], /Write http:\/\/\[::1\]:3000\/mcp/],
    [["--config", "list.yaml"], /Write a list: `allow-host: \[HOST, …\]`/],
    [["--config", "value.yaml"], /Write one value: `path: PATH`/],
  ];
  const files = {
    "list.yaml": "upstream: http://a/mcp\nallow-host: {a: b}\n",
    "value.yaml": "upstream: http://a/mcp\npath: {a: b}\n",
  };
  for (const [argv, wanted] of cases) {
    const machine = new FakeMachine({ files });
    assert.equal(await machine.run("check", ...argv), 1);
    assert.match(machine.stdout.replaceAll(/\s+/g, " "), wanted);
    assert.match(machine.stdout, /^signet: 1 problem\n/);
  }
});

Deno.test(
  "R1: check tells how replicas reach each other, and when their servers are taken for one",
  STRICT,
  async () => {
    const flags = ["--advertise", "http://10.0.0.5:8080", "--peer", "10.0.0.0/24"];
    const cases = [
      ["http://127.0.0.1:3000/mcp", /replicas +reach this one at http:\/\/10\.0\.0\.5:8080 from 10\.0\.0\.0\/24 /],
      [
        "http://server:3001/mcp",
        /from 10.*; those that forward to http:\/\/server:3001\/mcp, too, are taken to reach one/,
      ],
    ] as const;
    for (const [upstream, wanted] of cases) {
      const machine = new FakeMachine({ files: { keys: `${"A".repeat(43)}=` } });
      await machine.run("check", "--upstream", upstream, "--key-file", "keys", ...flags);
      assert.match((machine.stdout + machine.stderr).replaceAll(/\s+/g, " "), wanted);
    }
  },
);
