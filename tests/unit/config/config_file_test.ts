import assert from "node:assert/strict";
import fc from "fast-check";
import { readConfigFile } from "../../../lib/config/config_file.ts";
import { STRICT } from "../../support/strict.ts";

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
  assert.match(problems[0]?.[1] ?? "", /^not valid YAML/);
  assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
});

Deno.test("readConfigFile refuses a name given twice and a file that is no mapping", STRICT, async () => {
  assert.match((await read("path: /a\npath: /b\n")).problems[0]?.join(" ") ?? "", /signet\.yaml:2 .*DUPLICATE_KEY/);
  assert.match((await read("- path\n")).problems[0]?.[1] ?? "", /not a mapping/);
});

Deno.test("readConfigFile finds nothing wrong with an empty file, and follows aliases", STRICT, async () => {
  assert.deepEqual(await read("# nothing\n"), { given: {}, problems: [] });
  const { given } = await read("session-ttl: &t 1h\nsession-idle: *t\n");
  assert.equal(given["sessionIdleMs"]?.[0]?.[0], "1h");
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
