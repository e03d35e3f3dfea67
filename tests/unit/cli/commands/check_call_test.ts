import assert from "node:assert/strict";
import { STRICT } from "../../../support/strict.ts";
import { FakeMachine } from "../fake_machine.ts";

const FILE = `upstream: http://127.0.0.1:3000/mcp
principal: jwt
jwt-issuer: https://idp.example
jwt-audience: https://mcp.example
jwt-jwks: https://idp.example/keys
jwt-scope-claim: roles
rules:
  - deny: ["resource:file:///etc/*"]
  - allow: ["get_*", "resource:*"]
  - { allow: [query], scopes: [reader] }
  - { name: level, allow: [top], when: principal.claims.level > 3 && principal.client == "app" }
`;

async function check(claims: unknown, ...args: string[]): Promise<[number, string]> {
  const text = typeof claims === "string" ? claims : JSON.stringify(claims);
  const machine = new FakeMachine({ files: { "signet.yaml": FILE, "claims": text } });
  const code = await machine.run("check", "--config", "signet.yaml", "--as", "claims", ...args);
  return [code, machine.stdout + machine.stderr];
}

Deno.test("G4: check judges a call by the claims of a file, with every rule that was asked", STRICT, async () => {
  const alice = { sub: "alice", roles: ["reader"], level: 5, azp: "app" };
  const cases: readonly [string, number, RegExp][] = [
    ["get_a", 0, /alice may have tool get_a\.\n.*rule 1: none.*\n.*rule 2: it allows/],
    ["query", 0, /rule 3: it allows/],
    ["top", 0, /level: it allows/],
    ["other", 1, /may not have tool other.*\n(.*\n)+.*no other rule speaks of it/],
    ["resource:file:///srv/a", 0, /rule 2: it allows/],
    ["resource:file:///srv/../etc/a", 1, /rule 1: it denies/],
    ["prompt:a", 1, /may not have prompt a/],
    ["method:tools/list", 0, /may have tools\/list/],
    ["method:vendor/x", 1, /may not have vendor\/x/],
  ];
  for (const [call, code, wanted] of cases) {
    const [found, said] = await check(alice, "--call", call);
    assert.equal(found, code, `${call}: ${said}`);
    assert.match(said, wanted, call);
  }
  const [scope, missing] = await check({ sub: "bob" }, "--call", "query");
  assert.equal(scope, 1);
  assert.match(
    missing,
    /bob may have tool query with more scopes: reader\.\n(.*\n)*.*rule 3: it would allow with reader/,
  );
  assert.match(
    (await check({ sub: "bob", azp: "app" }, "--call", "top"))[1],
    /level: its condition cannot be told \(no_such_key\)/,
  );
});

Deno.test("G4: check takes a token in place of its claims, and says what it cannot read", STRICT, async () => {
  const payload = new TextEncoder().encode(JSON.stringify({ sub: "carol", roles: "reader" })).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
  const [code, said] = await check(`e30.${payload}.c2ln\n`, "--call", "query");
  assert.deepEqual([code, said.includes("carol may have tool query")], [0, true], said);
  for (
    const [claims, args, wanted] of [
      ["no JSON", ["--call", "a"], /the file of --as is no JSON object/i],
      ["e30.a.b", ["--call", "a"], /the token of --as is no JSON object\.\n.*"sub"/i],
      [{}, ["--arguments", "{}"], /there is no call to judge/i],
      [{}, ["--call", "method:tools/call"], /tools\/call is judged by what it names/i],
      [{}, ["--call", "a", "--arguments", "[1]"], /--arguments is no JSON object/i],
      [{}, ["--call", "a", "--annotations", "x"], /--annotations is no JSON object/i],
    ] as const
  ) {
    const [status, told] = await check(claims, ...args);
    assert.equal(status, 2, told);
    assert.match(told, wanted);
  }
});

Deno.test(
  "G4: check judges claims whose time is not now as any other, and says that they would be refused",
  STRICT,
  async () => {
    const machine = new FakeMachine({});
    const nowS = machine.nowMs / 1000;
    const cases: readonly [string, Record<string, unknown>, RegExp][] = [
      ["long past", { exp: nowS - 3600 }, /^The token has expired \(exp .*Z\)[^]*refused whatever the rules say/m],
      ["past beyond the skew", { exp: Math.floor(nowS) - 60 }, /^The token has expired/m],
      ["past within the skew", { exp: Math.floor(nowS) - 59 }, /^$/],
      ["not yet", { exp: nowS + 7200, nbf: nowS + 3600 }, /^The token is not valid yet \(nbf .*Z\)/m],
      ["soon, within the skew", { nbf: Math.floor(nowS) + 60 }, /^$/],
      ["valid", { exp: nowS + 3600, nbf: nowS - 3600 }, /^$/],
      ["silent", {}, /^$/],
    ];
    for (const [name, times, wanted] of cases) {
      const claims = JSON.stringify({ sub: "alice", ...times });
      const files = { "signet.yaml": `${FILE}jwt-clock-skew: 1m\n`, claims };
      const judging = new FakeMachine({ files });
      const code = await judging.run("check", "--config", "signet.yaml", "--as", "claims", "--call", "get_a");
      assert.equal(code, 0, name);
      assert.match(judging.stdout, /alice may have tool get_a\./, name);
      assert.match(judging.stderr, wanted, name);
    }
  },
);

Deno.test("G4: check tells what is wrong with rules: place, rule, character, and what is wanted", STRICT, async () => {
  const bad: readonly [string, RegExp][] = [
    [
      "- {allow: [a], when: principal.isuer == '1'}",
      /signet\.yaml:3.*\n.*the condition of rule 1, at character 11: No such key: isuer/i,
    ],
    [
      "- {name: odd, allow: [a], when: 'name.matches(\"(a+)+\")'}",
      /rule 1 \(odd\), at character 1: matches\(\) cannot be used/,
    ],
    ["- {allow: [a], deny: [b]}", /allows and denies at once/i],
    // What would never match: a rule that denies it would deny nothing.
    ["- {deny: ['method:tools/call']}", /tools\/call is judged by what it names, and never as a method/],
    ["- {deny: [a, 'method:completion/complete']}", /completion\/complete is judged by what it names/],
    ["- {deny: ['method:sampling/createMessage']}", /sampling\/createMessage is what servers ask/],
    ["- {deny: ['resources:file:///etc/*']}", /"resources:file:\/\/\/etc\/\*" is of no kind.*\n.*Write resource:/],
    ["- {deny: ['Prompt:daily']}", /"Prompt:daily" is of no kind.*\n.*Write prompt:/],
    ["- {alow: [a]}", /"alow" says nothing in a rule/],
    ["- {when: 'true'}", /neither allows nor denies/i],
    ["- {deny: [a], scopes: [x]}", /a rule that denies has scopes or a rate/i],
    ["- {allow: [a], rate: 5}", /"5" is no rate/i],
    ["- {allow: []}", /allow is an empty list/i],
    ["- {name: x, allow: [a]}\n  - {name: x, allow: [b]}", /two rules are called x/i],
  ];
  for (const [rules, wanted] of bad) {
    const files = { "signet.yaml": `upstream: http://127.0.0.1:3000/mcp\nrules:\n  ${rules}\n` };
    const machine = new FakeMachine({ files });
    assert.equal(await machine.run("check", "--config", "signet.yaml"), 1, rules);
    assert.match(machine.stdout.replace(/\n {4}(?=\S)/g, "\n"), wanted, machine.stdout);
  }
  const alone = new FakeMachine({
    files: { "signet.yaml": "upstream: http://127.0.0.1:3000/mcp\nrules-otherwise: deny\n" },
  });
  assert.equal(await alone.run("check", "--config", "signet.yaml"), 1, "what was to be denied is not allowed");
  assert.match(alone.stdout, /signet\.yaml:2 \(rules-otherwise\)\s+Without a rule everything is allowed/);
  const warned: readonly [string, RegExp][] = [
    ["rules: [{deny: [a]}]", /No rule allows anything/],
    ["rules-otherwise: allow", /says nothing without/],
    ["rules: [{deny: ['method:tools/*']}, {allow: ['*']}]", /rule 1 denies no call of a tool, prompt or resource/],
    ["rules: [{name: c, allow: [a], when: has(principal.claims.x)}]", /No caller has claims, which c reads/],
  ];
  for (const [line, wanted] of warned) {
    const machine = new FakeMachine({ files: { "signet.yaml": `upstream: http://127.0.0.1:3000/mcp\n${line}\n` } });
    assert.equal(await machine.run("check", "--config", "signet.yaml"), 0, machine.stdout);
    assert.match(machine.stdout.replace(/\s+/g, " "), wanted);
  }
});

Deno.test("a file that a command's own flag names, and is not there, is told in words", STRICT, async () => {
  for (
    const words of [
      ["check", "--config", "signet.yaml", "--as", "nobody", "--call", "a"],
      ["check", "--config", "signet.yaml", "--probe", "--bearer-file", "nobody"],
      ["doctor", "--config", "signet.yaml", "--bearer-file", "nobody"],
    ]
  ) {
    const machine = new FakeMachine({ files: { "signet.yaml": FILE } });
    assert.equal(await machine.run(...words), 2, words.join(" "));
    assert.match(machine.stderr, /signet: --(as|bearer-file) nobody: there is no such file\.\nCreate nobody, or/i);
  }
});

Deno.test(
  "G4 A7: check says what keeps a call from the rules: a scope of all callers, and what servers do not show",
  STRICT,
  async () => {
    const two = ["--upstream", "a=http://127.0.0.1:3000/mcp", "--upstream", "b=http://127.0.0.1:3001/mcp"];
    const asked = async (...words: string[]) => {
      const machine = new FakeMachine({ files: { claims: '{"sub":"alice"}' } });
      return [await machine.run("check", ...two, ...words), machine.stdout + machine.stderr] as const;
    };
    const cases: readonly (readonly [words: string[], code: number, said: RegExp])[] = [
      [["--call", "a_x"], 0, /There are no rules/],
      [["--deny-tool", "a/x", "--call", "a_x"], 1, /may not have tool a_x\.\n.*--deny-tool: it is not shown/],
      [["--deny-tool", "a/x", "--call", "b_x"], 0, /There are no rules/],
      [["--allow-tool", "y*", "--call", "a_x"], 1, /not shown/],
      [["--deny-prompt", "x", "--call", "prompt:a_x"], 1, /--deny-prompt: it is not shown/],
      [["--rename-tool", "a/x=y", "--deny-tool", "x", "--call", "a_y"], 1, /not shown/],
      [["--rename-tool", "a/x=y", "--call", "a_x"], 1, /called otherwise/],
      [["--rename-tool", "a/x=y", "--rename-tool", "a/x=z", "--allow-tool", "x", "--call", "a_y"], 1, /not shown/],
      [["--call", "c_x"], 1, /they begin with a_ or b_/],
      [["--call", "tools:a_x"], 2, /is of no kind\.\nWrite tool:/],
      [["--as", "nosuch", "--call", "a_x"], 2, /there is no such file/],
    ];
    for (const [words, code, said] of cases) {
      const [found, text] = await asked(...words);
      assert.equal(found, code, `${words.join(" ")}: ${text}`);
      assert.match(text, said, words.join(" "));
    }
    const machine = new FakeMachine({
      files: { "signet.yaml": `${FILE}require-scope: mcp\n`, claims: '{"sub":"bob"}' },
    });
    assert.equal(await machine.run("check", "--config", "signet.yaml", "--as", "claims", "--call", "get_a"), 1);
    assert.match(machine.stdout, /bob may not have tool get_a\.\n {4}--require-scope: every caller needs mcp\n/);
  },
);
