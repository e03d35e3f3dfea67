import assert from "node:assert/strict";
import { COMMANDS } from "../../../lib/cli/commands.ts";
import { systemError } from "../../../lib/platform/faults/system_fault.ts";
import { VERSION } from "../../../lib/platform/version.ts";
import { STRICT } from "../../support/strict.ts";
import { FakeMachine } from "./fake_machine.ts";

Deno.test("signet shows six examples when nothing is asked", STRICT, async () => {
  const machine = new FakeMachine();
  assert.equal(await machine.run(), 0);
  assert.equal(machine.stdout.match(/^ {2}\S/gm)?.length, 6);
  assert.equal(machine.stderr, "");
});

Deno.test("the examples are commands signet accepts", STRICT, async () => {
  const machine = new FakeMachine();
  await machine.run();
  const text = machine.stdout.replaceAll(/\\\n\s*/g, "");
  const examples = [...text.matchAll(/^ {4}signet (serve .*|check .*)$/gm)].map(([, rest]) => rest!.split(/\s+/));
  assert.equal(examples.length, 5);
  const files = { "signet.key": btoa("k".repeat(32)), "signet.yaml": "upstream: http://127.0.0.1:3000/mcp\n" };
  for (const [, ...flags] of examples) {
    const checked = new FakeMachine({ files });
    assert.equal(await checked.run("check", ...flags), 0, `${flags.join(" ")}\n${checked.stdout}${checked.stderr}`);
    // Of callers that it is not told apart it has to say what that means.
    if (flags.includes("--principal")) assert.doesNotMatch(checked.stdout, /^ {2}! /m, flags.join(" "));
  }
});

Deno.test("signet tells its version, the same as the project's", STRICT, async () => {
  const project = JSON.parse(await Deno.readTextFile(new URL("../../../deno.json", import.meta.url)));
  assert.equal(VERSION, project.version);
  for (const flag of ["--version", "-V"]) {
    const machine = new FakeMachine();
    assert.equal(await machine.run(flag), 0);
    assert.equal(machine.stdout, `signet ${VERSION}\n`);
  }
});

Deno.test("signet takes no more words than it has a use for, and help of help is help", STRICT, async () => {
  const secret = "1hunter2hunter2";
  for (const words of [["--version", secret], ["help", "serve", secret], ["-h", "serve", secret, "x"]]) {
    const machine = new FakeMachine();
    assert.equal(await machine.run(...words), 2, words.join(" "));
    assert.match(machine.stderr, /words? too many\.\n`signet help`/);
    assert.equal(machine.stdout, "");
    assert.ok(!machine.stderr.includes(secret), machine.stderr);
  }
  const [overview, help] = [new FakeMachine(), new FakeMachine()];
  assert.deepEqual([await overview.run("help"), await help.run("help", "help")], [0, 0]);
  assert.equal(help.stdout, overview.stdout);
});

Deno.test("signet proposes the nearest command and exits 2 when there is none of that name", STRICT, async () => {
  const cases: [string, RegExp][] = [
    ["sevre", /no command "sevre"\.\nDid you mean `signet serve`\?/],
    ["Serve", /Did you mean `signet serve`/],
    ["complettions", /Did you mean `signet completions`/],
    ["frobnicate", /`signet help` lists all commands/],
    ["--upstream", /command is wanted before any flag: found --upstream\.\nDid you mean `signet serve`/],
    ["--listen=a:1", /found --listen\.\nDid you mean `signet serve`/],
    ["--frob", /found --frob\.\n`signet help` lists all commands/],
    ["--versoin", /found --versoin\.\nDid you mean `signet --version`\?/],
    ["-v", /Did you mean `signet --version`\?/],
    ["-V1hunter2", /before any flag\.\n/],
  ];
  for (const [name, told] of cases) {
    const machine = new FakeMachine();
    assert.equal(await machine.run(name), 2, name);
    assert.match(machine.stderr, told);
    assert.equal(machine.stdout, "");
  }
});

Deno.test("signet says which word it takes for no action, and proposes the nearest", STRICT, async () => {
  const cases: [argv: string[], told: RegExp][] = [
    [["keys", "rotate"], /"rotate" is no ACTION\.\n {4}Write `signet keys new` or/],
    [["keys", "lsit"], /"lsit" is no ACTION\.\n {4}Did you mean `signet keys list`\? Write `signet keys new` or/],
    [["log-level", "warm"], /"warm" is no LEVEL\.\n {4}Did you mean `signet log-level warn`\?/],
    [["token", "1hunter2"], /This is no ACTION\./],
  ];
  for (const [argv, told] of cases) {
    const machine = new FakeMachine();
    assert.equal(await machine.run(...argv), 2, argv.join(" "));
    assert.match(machine.stderr, told);
  }
});

Deno.test("E8: signet repeats nothing that may be a secret in the wrong place", STRICT, async () => {
  const secret = "1hunter2hunter2hunter2hunter2hunter2";
  for (
    const argv of [[secret], ["serve", secret], ["keys", secret], ["completions", secret], [
      "check",
      "--token=" + secret,
    ]]
  ) {
    const machine = new FakeMachine();
    assert.notEqual(await machine.run(...argv), 0, argv[0]);
    assert.doesNotMatch(machine.stdout + machine.stderr, /hunter2/, argv[0]);
  }
});

Deno.test("signet refuses words and commands it has no use for, together with all other problems", STRICT, async () => {
  const machine = new FakeMachine();
  assert.equal(await machine.run("serve", "http://127.0.0.1:3000/mcp", "--lisen=x", "--", "node", "server.js"), 2);
  assert.match(machine.stderr, /^signet: 2 problems\n/);
  assert.match(machine.stderr, /One word too many\.\n {4}Did you mean --upstream URL\?/);
  assert.match(machine.stderr, /Did you mean --listen\?/);
  const forgotten = new FakeMachine();
  assert.equal(await forgotten.run("serve", "node", "server.js"), 2);
  assert.match(
    forgotten.stderr,
    /2 words too many\.\n {4}The command of a stdio MCP server stands at the end, behind --\./,
  );
  const other = new FakeMachine();
  assert.equal(await other.run("ready", "--", "node"), 2);
  assert.match(other.stderr, /`signet ready` takes nothing behind it\./);
});

Deno.test("every command refuses flags that are not its own and exits 2 or 1", STRICT, async () => {
  for (const { name, settings } of COMMANDS) {
    const machine = new FakeMachine();
    const code = await machine.run(name, "--frobnicate=1");
    assert.equal(code, name === "check" ? 1 : 2, name);
    assert.match(machine.stdout + machine.stderr, /--frobnicate\n {4}There is no such flag/, name);
    if (settings.includes("listen")) continue;
    const other = new FakeMachine();
    assert.equal(await other.run(name, "--listen", "127.0.0.1:1"), 2, name);
    assert.match(other.stderr, /--listen\n {4}`signet [a-z-]+` has no use for this flag/, name);
  }
});

Deno.test("every command tells which word it misses, and runs nothing", STRICT, async () => {
  for (const command of COMMANDS.filter(({ arguments: [word] }) => word !== undefined && !word.optional)) {
    const machine = new FakeMachine();
    assert.equal(await machine.run(command.name), 2);
    assert.match(machine.stderr, new RegExp(`${command.arguments[0]!.name} is missing`));
    if (command.arguments[0]!.choices === undefined) continue;
    const wrong = new FakeMachine();
    assert.equal(await wrong.run(command.name, "hunter2"), 2);
    assert.match(wrong.stderr, new RegExp(`This is no ${command.arguments[0]!.name}\\.`));
    assert.equal(wrong.stdout, "");
  }
});

Deno.test("what standard output takes no more of is told in words, and not by a crash", STRICT, async () => {
  const files = { "signet.yaml": "upstream: http://127.0.0.1:3000/mcp\n" };
  for (
    const words of [["keys", "new"], ["help"], ["--version"], [], ["check", "--config", "signet.yaml"], ["explain"]]
  ) {
    const machine = new FakeMachine({ files, stdoutFault: systemError("ENOSPC", "no space left on device, write") });
    assert.equal(await machine.run(...words), 3, words.join(" "));
    assert.match(
      machine.stderr,
      /^signet: Writing to standard output: ENOSPC: no space left on device, write\.\nMake room where it leads/,
      words.join(" "),
    );
  }
});

Deno.test("a bug is thrown, not disguised as a usage error", STRICT, async () => {
  const machine = new FakeMachine();
  await assert.rejects(machine.run("serve", "--upstream", "http://127.0.0.1:3000/mcp"), /this command starts nothing/);
});

Deno.test("problems, warnings and failures fit the terminal that they are told on", STRICT, async () => {
  const files = { k: "too short" };
  for (const words of [["serve", "--key-file", "k"], ["check", "--upstream", "http://127.0.0.1:1/mcp"], ["ready"]]) {
    const machine = new FakeMachine({ terminal: true, columns: 44, env: { NO_COLOR: "1" }, files });
    await machine.run(...words);
    // What a configuration would do is a table.
    const told = (machine.stdout + machine.stderr).split("\n").filter((line) => !/^ {2}[a-z]/.test(line));
    assert.ok(told.length > 2, words.join(" "));
    // A word that is longer stands alone.
    for (const line of told) assert.ok(line.length <= 44 || !line.trim().includes(" "), line);
  }
});
