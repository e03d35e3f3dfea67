import assert from "node:assert/strict";
import { loadSettings } from "../../../../lib/config/load.ts";
import { loadSecrets } from "../../../../lib/config/named/secrets.ts";
import { STRICT } from "../../../support/strict.ts";
import { type Given, problemLines, problemsOf, sourcesOf } from "../sources.ts";

const COMMAND = ["--", "server"];

/** Settings of a stdio server; `argv` stands before its command. */
async function loadStdio(argv: readonly string[], given: Given = {}) {
  return await loadSettings(sourcesOf({ ...given, argv: [...argv, ...COMMAND] }));
}

/** As `place: problem`. */
async function stdioProblems(argv: readonly string[], given: Given = {}): Promise<string[]> {
  const problems = await problemsOf({ ...given, argv: [...argv, ...COMMAND] });
  return problems.map(({ place, problem }) => `${place}: ${problem}`);
}

Deno.test("B1: a command is taken word by word from behind -- or from a list in the file", STRICT, async () => {
  const words = ["npx", "-y", "a,b", " blank ", "", "-y"];
  const byFlags = await loadSettings(sourcesOf({ argv: ["--", ...words] }));
  assert.deepEqual(byFlags.settings.command, words);
  const files = { "s.yaml": 'command: [npx, "-y", "a,b", " blank ", "", "-y", 010]\n' };
  const byFile = await loadSettings(sourcesOf({ argv: ["--config", "s.yaml"], files }));
  assert.deepEqual(byFile.settings.command, [...words, "010"]);
  const both = await loadSettings(sourcesOf({ argv: ["--config", "s.yaml", ...COMMAND], files }));
  assert.deepEqual(both.settings.command, ["server"]);
});

Deno.test(
  "a command that is one text, empty, blank or holds a NUL is refused without being shown",
  STRICT,
  async () => {
    const inFile = async (text: string) => {
      const problems = await problemsOf({ argv: ["--config", "s.yaml"], files: { "s.yaml": `command: ${text}\n` } });
      assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
      return problems.map(({ place, problem }) => `${place}: ${problem}`);
    };
    assert.match((await inFile("npx hunter2"))[0]!, /s\.yaml:1 \(command\): a command is wanted as a list/);
    assert.match((await inFile("")).join(), /a command is wanted as a list/);
    assert.match((await inFile("[]")).join(), /no MCP server is named/);
    assert.match((await inFile("[' ', hunter2]")).join(), /its first word is blank/);
    assert.match((await inFile('["a", "hunter2\\0"]')).join(), /NUL/);
  },
);

Deno.test("exactly one of upstream and command is wanted", STRICT, async () => {
  assert.deepEqual(await stdioProblems([]), []);
  assert.deepEqual(await problemLines({ argv: COMMAND }), [
    "--: there is an --upstream too, and a command behind -- stands alone",
  ]);
});

Deno.test("settings of a stdio server want one", STRICT, async () => {
  const files = { secret: "s" };
  const flags = [
    ...["--stdio-dir", "/", "--stdio-inherit", "A", "--stdio-env", "B=1", "--stdio-secret", "C=secret"],
    ...["--stdio-uid", "1", "--stdio-gid", "1", "--max-processes", "5", "--max-processes-per-principal", "5"],
    ...["--stdio-max-memory", "1GiB", "--stdio-max-cpu", "1m", "--stdio-max-files", "64", "--stdio-max-tasks", "9"],
    ...["--stdio-start-timeout", "5s", "--stdio-max-line", "1MiB"],
  ];
  assert.deepEqual(await stdioProblems(flags, { files }), []);
  const names = flags.filter((word) => word.startsWith("--"));
  const lines = await problemLines({ argv: flags, files });
  assert.deepEqual(lines.sort(), names.map((name) => `${name}: there is no stdio server to start`).sort());
});

Deno.test("a variable keeps commas and equals signs, and is set once", STRICT, async () => {
  const { settings } = await loadStdio(["--stdio-env", "A=1,2", "--stdio-env=B=x=y"], {
    env: { SIGNET_STDIO_INHERIT: "HTTP_PROXY,NO_PROXY" },
  });
  assert.deepEqual(settings.stdioVariables, [{ name: "A", value: "1,2" }, { name: "B", value: "x=y" }]);
  assert.deepEqual(settings.stdioInherit, ["HTTP_PROXY", "NO_PROXY"]);
  const lines = await loadStdio([], { env: { SIGNET_STDIO_ENV: "A=1,2\nB=3" } });
  assert.deepEqual(lines.settings.stdioVariables, [{ name: "A", value: "1,2" }, { name: "B", value: "3" }]);
  assert.deepEqual(
    await stdioProblems(["--stdio-env", "A=1", "--stdio-env", "A=2", "--stdio-secret", "A=f", "--stdio-inherit", "A"], {
      files: { f: "x" },
    }),
    ["--stdio-env: A is set twice", "--stdio-secret: A is set twice", "--stdio-inherit: A is set already"],
  );
});

Deno.test("E8: no message shows the value of a variable", STRICT, async () => {
  for (const flag of ["--stdio-env", "--stdio-secret", "--stdio-inherit"]) {
    for (const text of ["hunter2 hunter2=", "=hunter2", "1hunter2=x", "A-B=hunter2"]) {
      const problems = await problemsOf({ argv: [flag, text, ...COMMAND] });
      assert.equal(problems.length, 1, `${flag} ${text}`);
      assert.doesNotMatch(JSON.stringify(problems), /hunter2/, `${flag} ${text}`);
    }
  }
});

Deno.test("Signet's own keys and settings are never handed down", STRICT, async () => {
  for (const name of ["MCP_ENCRYPTION_KEY", "SIGNET_KEY_FILE"]) {
    assert.match((await stdioProblems(["--stdio-inherit", name])).join(), /is Signet's own/);
  }
});

Deno.test("a secret of a stdio server is read from its file, which must be there and private", STRICT, async () => {
  const files = { token: "s3cret \n", empty: "\n" };
  const argv = ["--stdio-secret", "API_TOKEN=token"];
  const { settings, warnings } = await loadStdio(argv, { files, modes: { token: 0o100644 } });
  assert.match(warnings.join(), /other users can read token/);
  const { readTextFile } = sourcesOf({ files });
  assert.deepEqual((await loadSecrets(settings, { readTextFile })).stdioSecrets, { API_TOKEN: "s3cret " });
  assert.deepEqual(await stdioProblems(["--stdio-secret", "A=none", "--stdio-secret", "B=empty"], { files }), [
    "--stdio-secret: there is no such file",
    "empty: the file is empty",
  ]);
});

Deno.test("a user wants its group, and a group its user", STRICT, async () => {
  assert.deepEqual(await stdioProblems(["--stdio-uid", "1"]), [
    "--stdio-gid: the server would keep Signet's own group",
  ]);
  assert.deepEqual(await stdioProblems(["--stdio-gid", "1"]), ["--stdio-uid: the server would keep Signet's own user"]);
  assert.match((await loadStdio(["--stdio-max-tasks", "9"])).warnings.join(), /Signet's own user too/);
});

Deno.test("M1: one caller's processes are at most all there may be", STRICT, async () => {
  assert.deepEqual(await stdioProblems(["--max-processes", "5", "--max-processes-per-principal", "6"]), [
    "--max-processes-per-principal: there are 5 in all",
  ]);
  assert.deepEqual(await stdioProblems(["--max-processes", "5"]), []);
});

const OAUTH = ["--credential-token-url", "https://as.example/token", "--credential-client-id", "signet"];
const FILES = { secret: "s", refresh: "r" };

Deno.test("B4: each source of a credential has what it needs and nothing else", STRICT, async () => {
  const lines = (argv: string[]) => stdioProblems(argv, { files: FILES });
  const named = ["--credential-name", "API_TOKEN"];
  assert.deepEqual(await lines(["--credential", "command"]), ["--credential-command: --credential command needs it"]);
  assert.deepEqual(await lines(["--credential", "command", "--credential-command", "/bin/x"]), []);
  assert.deepEqual(await lines(["--credential", "command", "--credential-command", "/bin/x", ...named]), [
    "--credential-name: --credential command has no use for it",
  ]);
  assert.deepEqual(await lines(["--credential", "client-credentials", ...named]), [
    "--credential-token-url: --credential client-credentials needs it",
    "--credential-client-id: --credential client-credentials needs it",
    "--credential-client-secret-file: --credential client-credentials needs it",
  ]);
  const client = [...OAUTH, "--credential-client-secret-file", "secret"];
  assert.deepEqual(await lines(["--credential", "client-credentials", ...client, ...named]), []);
  assert.deepEqual(await lines(["--credential", "token-exchange", ...OAUTH, ...named]), []);
  assert.deepEqual(await lines(["--credential", "refresh-token", ...OAUTH, ...named]), [
    "--credential-refresh-token-file: --credential refresh-token needs it",
  ]);
  const refresh = ["--credential-refresh-token-file", "refresh"];
  assert.deepEqual(await lines(["--credential", "refresh-token", ...OAUTH, ...named, ...refresh]), []);
  const stuck = { files: FILES, readOnly: { refresh: new Deno.errors.PermissionDenied() } };
  assert.deepEqual(await stdioProblems(["--credential", "refresh-token", ...OAUTH, ...named, ...refresh], stuck), [
    "--credential-refresh-token-file: this user may not write in its folder",
  ]);
  assert.deepEqual(await lines(refresh), ["--credential-refresh-token-file: no credential is asked for"]);
});

Deno.test("B4: the token goes into a variable of a stdio server, or into a header of an HTTP one", STRICT, async () => {
  const client = ["--credential", "client-credentials", ...OAUTH, "--credential-client-secret-file", "secret"];
  const given = { files: FILES };
  assert.deepEqual(await stdioProblems(client, given), [
    "--credential-name: a stdio server gets the token in a variable",
  ]);
  assert.deepEqual(await stdioProblems([...client, "--credential-name", "x-api-key"], given), [
    "--credential-name: x-api-key is no name of a variable",
  ]);
  assert.deepEqual(await problemLines({ ...given, argv: client }), []);
  assert.deepEqual(await problemLines({ ...given, argv: [...client, "--credential-name", "Host"] }), [
    "--credential-name: Host belongs to HTTP or to Signet itself",
  ]);
  assert.deepEqual(await problemLines({ ...given, argv: ["--credential", "token-exchange", ...OAUTH] }), [
    "--credential: token-exchange is for stdio servers only",
  ]);
});

Deno.test("B4: Signet's client secret goes over https, or stays on this machine", STRICT, async () => {
  const lines = (url: string) =>
    stdioProblems([
      ...["--credential", "token-exchange", "--credential-name", "T"],
      ...["--credential-client-id", "signet", "--credential-token-url", url],
    ]);
  assert.match((await lines("http://as.example/token")).join(), /plain http beyond loopback/);
  assert.deepEqual(await lines("http://127.0.0.1:1/token"), []);
});

Deno.test(
  "O6: bearer tokens before a stdio server, which sees none, are told of, and refused beyond loopback",
  STRICT,
  async () => {
    const bearer = ["--principal", "bearer"];
    const { warnings } = await loadStdio(bearer);
    assert.match(warnings.join("\n"), /lets everybody in/);
    const open = ["--listen", "0.0.0.0:8080", "--allow-host", "a", ...bearer];
    assert.deepEqual(await stdioProblems(open), [
      "--principal: bearer tokens beyond loopback (0.0.0.0:8080) would be verified by nobody: a stdio server sees none",
    ]);
    assert.deepEqual(await stdioProblems([...open, "--unsafe-anonymous"]), []);
  },
);
