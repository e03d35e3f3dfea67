// Whatever a command is given, wherever it comes from, what it prints drives no terminal and forges no line (P1, P3).
import assert from "node:assert/strict";
import { COMMANDS } from "../../../lib/cli/commands.ts";
import { settingOf } from "../../../lib/config/schema.ts";
import { environmentName } from "../../../lib/config/setting.ts";
import { escapeUnsafe } from "../../../lib/observe/escape.ts";
import { STRICT } from "../../support/strict.ts";
import { FakeMachine, type MachineOptions } from "./fake_machine.ts";

/** Clears the screen, begins a line of its own, turns text around. */
const HOSTILE = "x\u001b[2J\nFORGED\u202e\u009b31m";
const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
const UPSTREAM = ["--upstream", "http://127.0.0.1:3000/mcp"];

/** What was printed, without the emphasis that is a command's own. */
async function printedBy(argv: readonly string[], options: MachineOptions): Promise<string> {
  const machine = new FakeMachine(options);
  await machine.run(...argv).catch((error) => {
    // Nothing starts here, and nobody answers.
    if (!/starts nothing/.test(String(error))) throw error;
  });
  const said = machine.stdout + machine.stderr;
  // deno-lint-ignore no-control-regex
  return options.terminal ? said.replace(/\u001b\[(?:[0-2]|31)m/g, "") : said;
}

async function assertHarmless(argv: readonly string[], options: MachineOptions = {}): Promise<void> {
  for (const terminal of [false, true]) {
    const said = await printedBy(argv, { ...options, terminal });
    const shown = `${JSON.stringify(argv)}: ${JSON.stringify(said)}`;
    for (const line of said.split("\n")) {
      assert.equal(escapeUnsafe(line), line, shown);
      assert.ok(!line.trimStart().startsWith("FORGED"), shown);
    }
  }
}

Deno.test("P3: no argument and no flag of any command drives the terminal that it is told on", STRICT, async () => {
  for (const command of COMMANDS) {
    for (const first of [HOSTILE, ...command.arguments[0]?.choices ?? []]) {
      await assertHarmless([command.name, first, HOSTILE, HOSTILE]);
      await assertHarmless([command.name, first, `--${HOSTILE}`]);
    }
    const flags = [
      ...command.settings.map((key) => settingOf(key).name),
      ...(command.own ?? []).map(({ name }) => name),
    ];
    const rest = command.arguments[0] === undefined ? [] : [command.arguments[0].choices?.at(-1) ?? "x"];
    for (const flag of flags) await assertHarmless([command.name, ...rest, `--${flag}=${HOSTILE}`]);
  }
  await assertHarmless([HOSTILE]);
  await assertHarmless(["help", HOSTILE]);
});

Deno.test("P3: nor does a variable, nor a file's name or text", STRICT, async () => {
  for (const command of ["check", "doctor", "serve", "keys", "status"]) {
    const { settings } = COMMANDS.find(({ name }) => name === command)!;
    const words = command === "keys" ? ["keys", "list"] : [command];
    for (const key of settings) {
      const name = environmentName(settingOf(key));
      await assertHarmless(words, { env: { [name]: HOSTILE } });
    }
    await assertHarmless(words, { env: { [`SIGNET_${HOSTILE}`]: "x" } });
    await assertHarmless([...words, "--config", HOSTILE]);
    await assertHarmless([...words, "--config", HOSTILE], { files: { [HOSTILE]: "listen: [" } });
    await assertHarmless([...words, "--config", HOSTILE], { files: { [HOSTILE]: `${JSON.stringify(HOSTILE)}: 1` } });
    await assertHarmless([...words, "--config", HOSTILE], {
      files: { [HOSTILE]: `upstreams: ${JSON.stringify([HOSTILE])}\nlisten: ${JSON.stringify(HOSTILE)}` },
    });
  }
});

Deno.test("P3: nor does what a sound configuration is warned of, or is said to do", STRICT, async () => {
  const files = { [HOSTILE]: KEY, [`${HOSTILE}.db`]: "" };
  const states = [...UPSTREAM, "--state", `${HOSTILE}.db`];
  for (const terminal of [false, true]) {
    const said = await printedBy(["check", ...UPSTREAM, "--key-file", HOSTILE], { files, mode: 0o644, terminal });
    assert.match(said, /other users can read x\\u001b\[2J\\u000aFORGED\\u202e/, "the warning itself is told");
  }
  await assertHarmless(["check", ...UPSTREAM, "--key-file", HOSTILE], { files, mode: 0o644 });
  await assertHarmless(["keys", "list", "--key-file", HOSTILE], { files, mode: 0o644 });
  await assertHarmless(["inspect", "x", "--key-file", HOSTILE], { files, mode: 0o644 });
  await assertHarmless(["audit", "verify", HOSTILE, "--key-file", HOSTILE], { files, mode: 0o644 });
  await assertHarmless(["revoke", "--all", "--state", `${HOSTILE}.db`, "--key-file", HOSTILE], { files, mode: 0o644 });
  await assertHarmless(["check", ...states], { files, mode: 0o644 });
  await assertHarmless(["serve", ...states], { files, mode: 0o644 });
  await assertHarmless(["check", "--", HOSTILE], { programs: [HOSTILE] });
  await assertHarmless(["check", "--", HOSTILE], { programs: [] });
  await assertHarmless(["check", "--upstream", `a=stdio:'${HOSTILE}'`, "--upstream", "b=http://127.0.0.1:1/mcp"], {
    programs: [HOSTILE],
  });
});

Deno.test("P3: nor does whoever answers in a Signet's place", STRICT, async () => {
  const hostile = {
    checks: { [HOSTILE]: HOSTILE },
    error: {
      ...{ message: HOSTILE, remedy: HOSTILE },
      problems: [{ place: HOSTILE, problem: HOSTILE, remedy: HOSTILE }],
    },
    ...{ reloaded: true, restart: [HOSTILE] },
    level: HOSTILE,
    sessions: [],
    total: 0,
  };
  for (const status of [200, 400, 401, 404, 409, 500, 503]) {
    const fetch = () => Promise.resolve(Response.json(hostile, { status, statusText: "x" }));
    const asked = ["ready", "reload", "log-level", "status", "sessions", "stop"];
    for (const command of asked) {
      if (command === "stop" && status === 200) continue; // waits until it is gone
      await assertHarmless([command], { fetch });
    }
    await assertHarmless(["tap", "3f2a9c01d4e5"], { fetch });
    await assertHarmless(["revoke", "--all"], { fetch });
    await assertHarmless(["token", "list"], { fetch });
  }
});
