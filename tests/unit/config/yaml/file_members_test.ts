// `members:` of signet.yaml: the same as the settings that it stands for, each at its line (docs/behaviour.md P3, A1–A8).
import assert from "node:assert/strict";
import { loadSettings } from "../../../../lib/config/load.ts";
import { readConfigFile } from "../../../../lib/config/yaml/config_file.ts";
import { STRICT } from "../../../support/strict.ts";

async function read(text: string) {
  const { given, problems, broken } = await readConfigFile("signet.yaml", text);
  return {
    given: Object.fromEntries([...given].map(([key, texts]) => [key, texts.map(({ text }) => text)])),
    problems: problems.map(({ place, problem }) => `${place}: ${problem}`),
    broken,
  };
}

const WHOLE = `upstream: [other=http://127.0.0.1:9/mcp]
members:
  github:
    url: https://mcp.example/github
    required: true
    credential: client
    timeout: 5s
    allow-tool: ["create_*", get_?]
    deny-resource: file:///etc/*
    rename-tool: { create_issue: new_issue }
    describe-tool:
      create_issue: "Makes one, = and all."
  memory:
    command: [npx, -y, "a b", 'say "x"']
deny-tool: ["*_all"]
`;

Deno.test(
  "P3: members are given for the settings that flags have for them, beside what those are given",
  STRICT,
  async () => {
    const { given, problems } = await read(WHOLE);
    assert.deepEqual(problems, []);
    assert.deepEqual(given, {
      upstreams: [
        "other=http://127.0.0.1:9/mcp",
        "github!=https://mcp.example/github",
        `memory=stdio:"npx" "-y" "a b" 'say "x"'`,
      ],
      memberCredentials: ["github=client"],
      memberTimeouts: ["github=5s"],
      allowTools: ["github/create_*", "github/get_?"],
      denyTools: ["*_all"],
      denyResources: ["github/file:///etc/*"],
      renameTools: ["github/create_issue=new_issue"],
      describeTools: ["github/create_issue=Makes one, = and all."],
    });
  },
);

Deno.test("P3: a list of members with names is the same, and settings come out of it", STRICT, async () => {
  const text = "members:\n  - {name: a, url: 'http://127.0.0.1:1/mcp', timeout: 2s}\n  - {name: b, command: [cat]}\n";
  const { settings } = await loadSettings({
    flags: { given: new Map(), problems: [], configFile: "signet.yaml" },
    env: {},
    readTextFile: () => Promise.resolve(text),
    fileMode: () => Promise.resolve(0o600),
  });
  assert.deepEqual(settings.upstreams.map(({ name, command }) => [name, command]), [["a", []], ["b", ["cat"]]]);
  assert.deepEqual(settings.memberTimeouts, [{ member: "a", timeoutMs: 2000 }]);
});

Deno.test("P3: what is wrong with a member is told at its line, all at once", STRICT, async () => {
  const { problems, broken } = await read(`members:
  "no name": { url: http://x/mcp }
  none: {}
  both: { url: http://x/mcp, command: [a] }
  words: { command: "a b" }
  quotes: { command: ["it's \\"quoted\\""] }
  typo: { url: http://x/mcp, deny_tools: [a], requird: true }
  maybe: { url: http://x/mcp, required: perhaps }
  blank: { url: http://x/mcp, credential: , allow-tool: [{}], rename-tool: [a] }
  text: http://x/mcp
`);
  assert.deepEqual(problems, [
    "signet.yaml:2 (members.no name): this is no name for a server",
    "signet.yaml:3 (members.none): neither an address nor a command is given",
    "signet.yaml:4 (members.both): both an address and a command are given",
    "signet.yaml:5 (members.words): the command is no list of words",
    "signet.yaml:6 (members.quotes): the command is no list of words",
    "signet.yaml:7 (members.typo.deny_tools): a server has no such setting",
    "signet.yaml:7 (members.typo.requird): a server has no such setting",
    "signet.yaml:8 (members.maybe): required is neither true nor false",
    "signet.yaml:9 (members.blank.credential): there is no value",
    "signet.yaml:9 (members.blank.allow-tool): there is no pattern",
    "signet.yaml:9 (members.blank.rename-tool): there is no mapping of tools to texts",
    "signet.yaml:10 (members.text): there is no mapping",
  ]);
  assert.ok(broken instanceof Set && broken.has("upstreams"));
  assert.deepEqual((await read("members: 1\n")).problems, [
    "signet.yaml:1 (members): there is no mapping of names to servers",
  ]);
});
