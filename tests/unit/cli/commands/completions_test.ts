// The scripts are tried in the shells themselves where these are installed: bash is on every machine that runs the gate.
import assert from "node:assert/strict";
import { COMMANDS } from "../../../../lib/cli/commands.ts";
import { completionScript } from "../../../../lib/cli/commands/completions.ts";
import { PRINCIPAL_SOURCES } from "../../../../lib/config/sections/callers.ts";
import { runBounded } from "../../../../scripts/bounded_child.ts";
import { STRICT } from "../../../support/strict.ts";
import { TempFolder } from "../../../support/temp_folder.ts";
import { FakeMachine } from "../fake_machine.ts";

async function output(
  program: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string } | undefined> {
  try {
    const { code, stdout: out, stderr: err } = await runBounded(program, {
      what: program,
      deadlineMs: 60_000,
      args,
      env,
    });
    return { code, out, err };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** What bash offers after these words, the last of which is being written. */
async function completeInBash(...words: string[]): Promise<string[]> {
  const script = `${completionScript("bash", COMMANDS)}
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_signet
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const result = await output("bash", ["--norc", "-c", script, "bash", "signet", ...words]);
  if (result === undefined) throw new Error("bash is not installed");
  assert.equal(result.err, "");
  return result.out.split("\n").filter((line) => line !== "");
}

const hasBash = await output("bash", ["--version"]) !== undefined;
const bash = { ...STRICT, ignore: !hasBash };

Deno.test("bash completes commands", bash, async () => {
  assert.deepEqual(await completeInBash("se"), ["serve", "sessions"]);
  assert.deepEqual(await completeInBash(""), [...COMMANDS.map(({ name }) => name), "help", "--help", "--version"]);
});

Deno.test("bash completes the flags of the command and no others", bash, async () => {
  assert.deepEqual(await completeInBash("serve", "--session-"), [
    "--session-ttl",
    "--session-idle",
    "--session-only",
  ]);
  const ofReady = ["--live", "--admin", "--unsafe-files", "--config", "--help"];
  assert.deepEqual(await completeInBash("ready", "--"), ofReady);
  assert.deepEqual(await completeInBash("help", "ch"), ["check"]);
  assert.deepEqual(await completeInBash("token", "re"), ["revoke"]);
  assert.deepEqual(await completeInBash("token", "--a"), ["--agent", "--admin", "--admin-token-file"]);
  assert.deepEqual(await completeInBash("token", "--agent", ""), []);
});

Deno.test("bash completes what one action has a use for, and files where a command reads some", bash, async () => {
  assert.deepEqual(await completeInBash("keys", "new", "--"), ["--help"]);
  assert.deepEqual(await completeInBash("keys", "list", "--k"), ["--key-file"]);
  assert.deepEqual(await completeInBash("token", "list", "--t"), []);
  assert.deepEqual(await completeInBash("token", "issue", "--t"), ["--ttl", "--token-secret-file"]);
  assert.deepEqual(await completeInBash("log-level", "debug", "i"), []);
  await using temp = await TempFolder.create();
  const file = `${temp.path}/audit.jsonl`;
  await Deno.writeTextFile(file, "");
  assert.deepEqual(await completeInBash("audit", "verify", `${temp.path}/au`), [file]);
  assert.deepEqual(await completeInBash("audit", "verify", "x", `${temp.path}/au`), [file]);
  assert.deepEqual(await completeInBash("audit", "verify", "--cl"), ["--closed"]);
});

/** What fish offers at the end of this line. */
async function completeInFish(folder: string, line: string): Promise<string[]> {
  const script = `${completionScript("fish", COMMANDS)}\ncomplete -C '${line}'`;
  const env = { HOME: folder, XDG_CONFIG_HOME: folder };
  const { out, err } = (await output("fish", ["--no-config", "-c", script], env))!;
  assert.equal(err, "");
  return out.split("\n").filter((line) => line !== "").map((line) => line.split("\t")[0]!).sort();
}

const fish = { ...STRICT, ignore: await output("fish", ["--version"]) === undefined };
Deno.test("fish completes what one action has a use for, files, and what help is asked about", fish, async () => {
  await using temp = await TempFolder.create();
  const complete = (line: string) => completeInFish(temp.path, line);
  assert.deepEqual(await complete("signet keys "), ["list", "new"]);
  assert.deepEqual(await complete("signet keys new "), []);
  assert.deepEqual(await complete("signet keys new --"), ["--help"]);
  assert.deepEqual(await complete("signet token issue --t"), ["--token-secret-file", "--ttl"]);
  assert.deepEqual(await complete("signet token list --t"), []);
  assert.deepEqual(await complete("signet help ke"), ["keys"]);
  const file = `${temp.path}/audit.jsonl`;
  await Deno.writeTextFile(file, "");
  assert.deepEqual(await complete(`signet audit verify ${temp.path}/au`), [file]);
});

Deno.test("bash completes closed lists, words of commands, files, and nothing where anything goes", bash, async () => {
  assert.deepEqual(await completeInBash("serve", "--principal", ""), [...PRINCIPAL_SOURCES]);
  assert.deepEqual(await completeInBash("serve", "--full-lane", "--log-f"), ["--log-format"]);
  assert.deepEqual(await completeInBash("keys", "n"), ["new"]);
  assert.deepEqual(await completeInBash("completions", ""), ["bash", "zsh", "fish", "--help"]);
  assert.deepEqual(await completeInBash("serve", "--listen", ""), []);
  await using temp = await TempFolder.create();
  const folder = temp.path;
  await Deno.writeTextFile(`${folder}/signet.key`, "");
  assert.deepEqual(await completeInBash("serve", "--key-file", `${folder}/sig`), [`${folder}/signet.key`]);
  assert.deepEqual(await completeInBash("serve", "--state", `${folder}/sig`), [`${folder}/signet.key`]);
});

for (const [shell, flag] of [["zsh", "-n"], ["fish", "--no-execute"]] as const) {
  const ignore = await output(shell, ["--version"]) === undefined;
  Deno.test(`${shell} reads its script without complaint`, { ...STRICT, ignore }, async () => {
    const file = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(file, completionScript(shell, COMMANDS));
      const result = await output(shell, [flag, file]);
      assert.deepEqual([result?.code, result?.err], [0, ""]);
    } finally {
      await Deno.remove(file);
    }
  });
}

Deno.test("every shell's script names every command and each of its flags", STRICT, () => {
  for (const shell of ["bash", "zsh", "fish"] as const) {
    const script = completionScript(shell, COMMANDS);
    for (const { name, settings, own = [] } of COMMANDS) {
      assert.match(script, new RegExp(`\\b${name}\\b`), `${shell} ${name}`);
      for (const flag of own) assert.match(script, new RegExp(`(--|-l )${flag.name}\\b`), `${shell} ${flag.name}`);
      if (settings.length > 0) assert.match(script, /(--|-l )session-ttl\b/, shell);
    }
    assert.ok(script.includes(PRINCIPAL_SOURCES.join(" ")), shell);
  }
});

Deno.test("zsh and fish scripts quote what would end a string", STRICT, () => {
  const zsh = completionScript("zsh", COMMANDS);
  const fish = completionScript("fish", COMMANDS);
  // "besides the system's": an apostrophe in a documentation line.
  assert.match(zsh, /besides the system'\\''s/);
  assert.match(fish, /besides the system\\'s/);
  // A colon or bracket would end the description of an `_arguments` specification.
  assert.match(zsh, /'\*--upstream\[An MCP server behind Signet\\: http/);
  assert.match(zsh, /:\\\[NAME=\\\]URL: '/);
});

Deno.test("completions prints the script and exits 0", STRICT, async () => {
  for (const shell of ["bash", "zsh", "fish"] as const) {
    const machine = new FakeMachine();
    assert.equal(await machine.run("completions", shell), 0);
    assert.equal(machine.stdout, completionScript(shell, COMMANDS));
  }
});
