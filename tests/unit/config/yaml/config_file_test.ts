import fc from "fast-check";
import assert from "node:assert/strict";
import { readConfigFile } from "../../../../lib/config/yaml/config_file.ts";
import { STRICT } from "../../../support/strict.ts";

async function read(text: string) {
  const { given, problems } = await readConfigFile("signet.yaml", text);
  return {
    given: Object.fromEntries([...given].map(([key, texts]) => [key, texts.map(({ text, place }) => [text, place])])),
    problems: problems.map(({ place, problem, remedy }) => [place, problem, remedy]),
  };
}

Deno.test("readConfigFile reads scalars and lists with the line of each", STRICT, async () => {
  const text =
    "# Signet\nlisten: 127.0.0.1:8080\n\nprincipal:\n  - jwt\n  - bearer\nallow-host: [a, 'b,c']\nfull-lane: true\n";
  const { given, problems } = await read(text);
  assert.deepEqual(problems, []);
  assert.deepEqual(given, {
    listen: [["127.0.0.1:8080", "signet.yaml:2 (listen)"]],
    principals: [["jwt", "signet.yaml:5 (principal)"], ["bearer", "signet.yaml:6 (principal)"]],
    allowHosts: [["a", "signet.yaml:7 (allow-host)"], ["b,c", "signet.yaml:7 (allow-host)"]],
    fullLane: [["true", "signet.yaml:8 (full-lane)"]],
  });
});

Deno.test("readConfigFile takes numbers as they are written, not as YAML reads them", STRICT, async () => {
  const { given } = await read("max-sessions: 010\nmax-streams: 1e3\nsession-ttl: 0\n");
  assert.deepEqual(Object.values(given).map((texts) => texts[0]?.[0]), ["010", "1e3", "0"]);
});

Deno.test(
  "P3: readConfigFile reports unknown names, blanks, lists and structures, each at its line",
  STRICT,
  async () => {
    const { problems } = await read(
      "sesion-ttl: 3h\nmax_body: 4MiB\nlisten:\npath: [/a]\nadmin: { port: 1 }\nallow-host: [{}]\n",
    );
    assert.deepEqual(problems, [
      ["signet.yaml:1 (sesion-ttl)", "there is no such setting", "Did you mean session-ttl?"],
      ["signet.yaml:2 (max_body)", "there is no such setting", "Did you mean max-body?"],
      [
        "signet.yaml:3 (listen)",
        "there is no value where one value is wanted",
        "Write a value, or leave the line out.",
      ],
      ["signet.yaml:4 (path)", "there is a list where one value is wanted", "Write `path: VALUE`."],
      [
        "signet.yaml:5 (admin)",
        "there is a mapping where one value is wanted",
        "Write one value: `admin: HOST:PORT|off`.",
      ],
      [
        "signet.yaml:6 (allow-host)",
        "there is a structure where one value is wanted",
        "Write a value, or leave the line out.",
      ],
    ]);
  },
);

Deno.test("readConfigFile reports text that is not YAML with its line and without quoting it", STRICT, async () => {
  const { problems } = await read("path: /a\nupstream: 'http://user:hunter2@a\n");
  assert.match(problems[0]?.[0] ?? "", /^signet\.yaml:[23]$/);
  assert.equal(problems[0]?.[1], "a quote before it is not closed");
  assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
});

Deno.test("readConfigFile refuses a name given twice and a file that is no mapping", STRICT, async () => {
  assert.match(
    (await read("path: /a\npath: /b\n")).problems[0]?.join(" ") ?? "",
    /signet\.yaml:2 "path" is given twice/,
  );
  assert.match((await read("- path\n")).problems[0]?.[1] ?? "", /not a mapping/);
});

Deno.test("P3: what is no YAML is said in words, once for each mistake, at its line", STRICT, async () => {
  const cases: [text: string, line: number, problem: RegExp, remedy: RegExp][] = [
    ["path: /a\nlisten:127.0.0.1:8080\n", 2, /no `name: value`/, /a blank behind the colon/],
    ["path: /a\nlisten:127.0.0.1:8080\nadmin: off\n", 2, /no `name: value`/, /a blank behind the colon/],
    ["members:\n\tfiles: x\n", 2, /indented with a tab/, /blanks/],
    ["path: /a\n  listen: x\n", 1, /second `name: value`/, /a line of its own/],
    ["members:\n    a: 1\n  b: 2\n", 3, /indented/, /one column/],
    ['{"path": "/a" "admin": "off"}', 1, /comma is missing/, /commas/],
    ['{"path": "/a", "admin": "off"\n', 2, /bracket .* not closed/, /Close it/],
    ['path: "/a\nadmin: off\n', 3, /quote .* not closed/, /Close it/],
    ["allow-host: [a, b\npath: /a\n", 2, /bracket .* not closed/, /close what is open/],
    ["path: @a\n", 1, /keeps for itself/, /quotes/],
    ["path: /a\n---\npath: /b\n", 2, /second document/, /---/],
    ['path: "\\q"\n', 1, /backslash/, /single quotes/],
    ["path: }\n", 1, /this is no YAML/, /YAML 1\.2/],
  ];
  for (const [text, line, problem, remedy] of cases) {
    const { problems } = await read(text);
    assert.equal(problems.length, 1, text);
    assert.equal(problems[0]![0], `signet.yaml:${line}`, text);
    assert.match(problems[0]![1]!, problem, text);
    assert.match(problems[0]![2]!, remedy, text);
  }
  const twice = await read("path: /a\npath: /b\nadmin: off\nadmin: off\nlisten:x\nfoo\n");
  assert.deepEqual(twice.problems.map(([place]) => place), ["signet.yaml:2", "signet.yaml:4", "signet.yaml:5"]);
});

Deno.test("P3: readConfigFile finds a name that is given twice among very many, and at any depth", STRICT, async () => {
  const members = Array.from({ length: 60_000 }, (_, at) => `  m${at}: 1\n`).join("");
  const begun = performance.now();
  const { problems } = await read(`members:\n${members}  m7: 1\nrules:\n  - {a: [{b: 1, "b": 2}], a: 1}\n`);
  // Compared with each other they took half a minute.
  assert.ok(performance.now() - begun < 10_000);
  assert.deepEqual(problems.map(([place, problem]) => [place, problem]), [
    ["signet.yaml:60002", '"m7" is given twice'],
    ["signet.yaml:60004", "a name is given twice"],
    ["signet.yaml:60004", '"a" is given twice'],
  ]);
  const long = await read(`# ${"x".repeat(1024 * 1024)}\npath: /a\n`);
  assert.match(long.problems[0]!.join(" "), /^signet\.yaml the file has 1048588 characters, .* at most 1048576/);
});

Deno.test("readConfigFile finds nothing wrong with an empty file, and follows aliases", STRICT, async () => {
  assert.deepEqual(await read("# nothing\n"), { given: {}, problems: [] });
  const { given } = await read("session-ttl: &t 1h\nsession-idle: *t\n");
  assert.equal(given["sessionIdleMs"]?.[0]?.[0], "1h");
  const listed = await read("path: &p /mcp\nallow-origin: [*p]\nrules:\n- &r {allow: [x]}\n- *r\n");
  assert.deepEqual(listed.problems, []);
  assert.deepEqual(listed.given["allowOrigins"]?.map(([text]) => text), ["/mcp"]);
  assert.deepEqual(listed.given["rules"]?.map(([text]) => text), ['{"allow":["x"]}', '{"allow":["x"]}']);
});

Deno.test("P3: aliases that stand for too much, or for themselves, are a problem with its line", STRICT, async () => {
  const tens = (name: string) => Array.from({ length: 10 }, () => `*${name}`).join(", ");
  const bomb = [
    "rules:",
    "- {allow: &a [x, y]}",
    `- {allow: &b [${tens("a")}]}`,
    `- {allow: &c [${tens("b")}]}`,
    `- {allow: [${tens("c")}]}`,
  ];
  const cases: readonly [text: string, line: number][] = [
    [bomb.join("\n"), 5],
    ["rules: &r\n- {allow: *r}\n", 2],
    ["members: &m {a: {url: 'http://127.0.0.1:1/mcp', allow-tool: *m}, b: *m}\n", 1],
    ["upstream: &u [*u]\n", 1],
  ];
  for (const [text, line] of cases) {
    const { problems } = await readConfigFile("s.yaml", text);
    assert.ok(problems.some(({ place }) => place.startsWith(`s.yaml:${line}`)), JSON.stringify([text, problems]));
  }
  const { problems } = await readConfigFile("s.yaml", bomb.join("\n"));
  assert.match(JSON.stringify(problems), /its aliases stand for too much, or for themselves/);
});

Deno.test("readConfigFile never throws, whatever the file holds", STRICT, async () => {
  const piece = fc.constantFrom(
    "listen",
    ": ",
    "\n",
    "- ",
    "[",
    "{",
    "*a",
    "&a ",
    "? ",
    "'",
    "|",
    "!!x ",
    "\t",
    "é",
    "---",
    "0",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 24 }), async (pieces) => {
      await readConfigFile("signet.yaml", pieces.join(""));
    }),
    { numRuns: 300 },
  );
});
