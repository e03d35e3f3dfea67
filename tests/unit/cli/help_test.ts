import assert from "node:assert/strict";
import { COMMANDS } from "../../../lib/cli/commands.ts";
import { SETTING_KEYS, settingOf } from "../../../lib/config/schema.ts";
import { environmentName, flagOf } from "../../../lib/config/setting.ts";
import { STRICT } from "../../support/strict.ts";
import { FakeMachine } from "./fake_machine.ts";

async function helpOf(argv: string[], terminal = false, env: Record<string, string> = {}): Promise<string> {
  const machine = new FakeMachine({ terminal, env });
  assert.equal(await machine.run(...argv), 0);
  assert.equal(machine.stderr, "");
  return machine.stdout;
}

Deno.test("help lists every command with its summary", STRICT, async () => {
  const text = await helpOf(["help"]);
  for (const { name, summary } of COMMANDS) assert.match(text, new RegExp(`^  ${name} +${summary}$`, "m"));
  assert.equal(await helpOf(["--help"]), text);
  for (const words of [["-h"], ["help", "--help"], ["help", "-h"]]) assert.equal(await helpOf(words), text);
});

Deno.test("help of a command is the same by --help, -h and help COMMAND", STRICT, async () => {
  for (const { name } of COMMANDS) {
    const text = await helpOf([name, "--help"]);
    assert.equal(await helpOf([name, "-h"]), text);
    assert.equal(await helpOf(["help", name]), text);
    assert.match(text, new RegExp(`^signet ${name}: `));
  }
});

Deno.test("help of one action shows the flags that it has a use for, and the others are refused", STRICT, async () => {
  for (const command of COMMANDS) {
    for (const [word, { settings, own = [] }] of Object.entries(command.actions ?? {})) {
      const asked = `${command.name} ${word}`;
      const text = await helpOf([command.name, word, "--help"]);
      assert.equal(await helpOf(["help", command.name, word]), text);
      assert.match(text, new RegExp(`^ {2}signet ${asked}\\b`, "m"));
      const shown = new Set([...text.matchAll(/^ {4}--([a-z-]+)/gm)].map(([, name]) => name!));
      const wanted = [...own, ...settings.map(settingOf)].map(({ name }) => name);
      assert.deepEqual(shown, new Set(wanted.length === 0 ? [] : ["config", ...wanted]), asked);
      for (const { name } of [...command.own ?? [], ...command.settings.map(settingOf)]) {
        if (shown.has(name)) continue;
        const machine = new FakeMachine();
        assert.equal(await machine.run(command.name, word, `--${name}=1h`), 2, `${asked} --${name}`);
        assert.match(machine.stderr, new RegExp(`--${name}\n {4}\`signet ${asked}\` has no use for this flag\\.`));
        assert.equal(machine.stdout, "");
      }
    }
  }
  const machine = new FakeMachine();
  assert.equal(await machine.run("keys", "new", "--config", "s.yaml"), 2);
  assert.match(machine.stderr, /--config\n {4}`signet keys new` has no use for this flag\./);
  assert.match(await helpOf(["keys", "new", "--help"]), /^ {2}signet keys new\n/m);
});

Deno.test(
  "whoever reads a file that may be another user's takes --unsafe-files, which is the cure it names",
  STRICT,
  () => {
    for (const { name, settings, actions = {} } of COMMANDS) {
      const all = [
        { word: name, settings },
        ...Object.entries(actions).map(([word, { settings }]) => ({ word, settings })),
      ];
      for (const { word, settings } of all) {
        if (settings.length > 0) assert.ok(settings.includes("unsafeFiles"), `signet ${name}, ${word}`);
      }
    }
  },
);

Deno.test("help asks for nothing else to be right", STRICT, async () => {
  assert.match(await helpOf(["serve", "--lisen", "--help"]), /^signet serve/);
});

Deno.test("what is shown first fits into 80 columns, however wide the terminal is", STRICT, async () => {
  for (const line of [await helpOf([]), await helpOf(["help"])].join("\n").split("\n")) {
    assert.ok([...line].length <= 80, `${[...line].length}: ${line}`);
  }
});

Deno.test("help fits into 100 columns and holds no escape codes when it goes to a file", STRICT, async () => {
  const texts = [await helpOf([]), await helpOf(["help"])];
  for (const { name } of COMMANDS) texts.push(await helpOf([name, "--help"]), await helpOf([name, "--help-all"]));
  for (const line of texts.join("\n").split("\n")) {
    assert.ok([...line].length <= 100, `${[...line].length}: ${line}`);
    assert.ok(!line.includes("\x1b"), line);
    assert.equal(line, line.trimEnd());
  }
});

Deno.test("help is emphasised on a terminal, unless NO_COLOR asks otherwise", STRICT, async () => {
  const plain = await helpOf(["serve", "--help-all"]);
  const rich = await helpOf(["serve", "--help-all"], true);
  assert.ok(rich.includes("\x1b[31mDANGEROUS.\x1b[0m"));
  assert.equal(
    ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m"].reduce((text, code) => text.replaceAll(code, ""), rich),
    plain,
  );
  assert.equal(await helpOf(["serve", "--help-all"], true, { NO_COLOR: "1" }), plain);
});

Deno.test(
  "help of serve tells each setting's flag, variable and default, and marks the dangerous",
  STRICT,
  async () => {
    const text = await helpOf(["serve", "--help-all"]);
    const entries = text.split(/^(?= {4}--)/m).map((entry) => entry.replaceAll(/\s+/g, " "));
    for (const setting of SETTING_KEYS.map(settingOf)) {
      const entry = entries.find((entry) => entry.startsWith(` ${flagOf(setting)} `)) ?? "";
      assert.notEqual(entry, "", setting.name);
      assert.equal(entry.includes(`[${environmentName(setting)}]`), !setting.isWords, setting.name);
      assert.equal(entry.includes("DANGEROUS."), setting.dangerous, setting.name);
      assert.equal(setting.name.startsWith("unsafe-"), setting.dangerous, setting.name);
    }
    assert.match(text, /\[127\.0\.0\.1:8080\] \[SIGNET_LISTEN\]/);
    assert.match(text, /\[24h\]\s+\[SIGNET_SESSION_TTL\]/);
  },
);

Deno.test("help of serve is short unless all is asked for, and fits the terminal", STRICT, async () => {
  const short = await helpOf(["serve", "--help"]);
  const all = await helpOf(["serve", "--help-all"]);
  assert.ok(short.split("\n").length < all.split("\n").length / 2);
  assert.match(short, /`signet serve --help-all` shows \d+ more\./);
  assert.match(short, /--upstream/);
  assert.doesNotMatch(all, /help-all/);
  for (const columns of [40, 60, 80, 132]) {
    const machine = new FakeMachine({ terminal: true, env: { NO_COLOR: "1" }, columns });
    assert.equal(await machine.run("serve", "--help-all"), 0);
    const flags = machine.stdout.slice(machine.stdout.indexOf("\nFlags"), machine.stdout.indexOf("\nExit codes"));
    // A flag or a word that is longer stands alone.
    const wide = flags.split("\n").filter((line) =>
      line.length > columns && /\S\s+\S/.test(line.trim().replace(/^--\S+ /, ""))
    );
    assert.deepEqual(wide, []);
  }
});

Deno.test(
  "help fits a terminal of 40 columns, examples and exit codes as well, which a shell takes as they are",
  STRICT,
  async () => {
    for (const columns of [40, 80]) {
      for (const words of [["help"], ...COMMANDS.map(({ name }) => [name, "--help"])]) {
        const machine = new FakeMachine({ terminal: true, env: { NO_COLOR: "1" }, columns });
        assert.equal(await machine.run(...words), 0);
        const [, shown = ""] = /(?:Examples|Commands)\n([^]*?)\n\n/.exec(machine.stdout) ?? [];
        const [, codes = ""] = /Exit codes\n([^]*?)\n(?:\n|$)/.exec(machine.stdout) ?? [];
        // A word that is longer, or a line without a flag to break it before, stands as it is.
        const wide = `${shown}\n${codes}`.split("\n").filter((line) =>
          line.length > columns && / --/.test(line.slice(8))
        );
        assert.deepEqual(wide, [], words.join(" "));
        if (columns === 80) { for (const line of shown.split("\n")) assert.ok(line.length <= columns, line); }
        for (const line of codes.split("\n")) assert.ok(line.length <= columns, line);
        const examples = COMMANDS.find(({ name }) => name === words[0])?.examples ?? [];
        const joined = shown.replaceAll(/ \\\n +/g, " ");
        for (const example of examples) assert.ok(joined.includes(example), example);
      }
    }
  },
);

Deno.test("help of other commands shows their settings only", STRICT, async () => {
  const text = await helpOf(["ready", "--help"]);
  assert.deepEqual([...text.matchAll(/^ {4}--([a-z-]+)/gm)].map(([, name]) => name), [
    "config",
    "live",
    "admin",
    "unsafe-files",
  ]);
  assert.doesNotMatch(await helpOf(["completions", "--help"]), /^Flags$/m);
});

Deno.test("help shows a command's own flags, in place of a setting of the same name", STRICT, async () => {
  for (const { name, own = [], settings } of COMMANDS) {
    const flags = [...(await helpOf([name, "--help-all"])).matchAll(/^ {4}--([a-z-]+)/gm)].map(([, flag]) => flag!);
    assert.equal(new Set(flags).size, flags.length, name);
    const flagged = settings.map(settingOf).filter(({ isWords }) => !isWords);
    const wanted = new Set([...own.map((flag) => flag.name), ...flagged.map(({ name }) => name)]);
    assert.deepEqual(flags.filter((flag) => flag !== "config").sort(), [...wanted].sort(), name);
  }
  assert.match(await helpOf(["serve", "--help"]), /^ {2}signet serve \[FLAGS\] \[-- COMMAND ARG …\]$/m);
  assert.match(await helpOf(["revoke", "--help"]), /^ {2}signet revoke \[ID\] \[FLAGS\]$/m);
  assert.match(await helpOf(["token", "--help"]), /--admin HOST:PORT\|URL/);
});
