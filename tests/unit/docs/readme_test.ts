// README and docs/ are for users: what they name is there.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { COMMANDS } from "../../../lib/cli/commands.ts";
import { keyOfName } from "../../../lib/config/schema.ts";
import { STRICT } from "../../support/strict.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

async function* pages(folder = ""): AsyncGenerator<{ readonly path: string; readonly text: string }> {
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}${name}`;
    if (isDirectory && (folder !== "" || name === "docs")) yield* pages(`${path}/`);
    else if (name.endsWith(".md")) yield { path, text: await Deno.readTextFile(`${ROOT}${path}`) };
  }
}

Deno.test("the README's table has every command", STRICT, async () => {
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  const rows = readme.split("\n").filter((line) => line.startsWith("| `signet ")).join("\n");
  for (const { name } of COMMANDS) assert.match(rows, new RegExp(`\`(?:signet )?${name}\\b`), name);
});

Deno.test("every page that a page leads to is there", STRICT, async () => {
  const missing: string[] = [];
  for await (const { path, text } of pages()) {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      const [file] = target!.split("#");
      if (file !== "" && !existsSync(join(ROOT, dirname(path), file!))) missing.push(`${path}: ${target}`);
    }
  }
  assert.deepEqual(missing, []);
});

Deno.test("nothing that is to be pasted into a shell has a comment: an interactive zsh runs it", STRICT, async () => {
  const wrong: string[] = [];
  for await (const { path, text } of pages()) {
    for (const [, block] of text.matchAll(/^```(?:sh|bash|zsh)\n([\s\S]*?)^```$/gm)) {
      const bare = block!.replaceAll(/'[^']*'|"(?:\\.|[^"\\])*"/g, "…");
      for (const line of bare.split("\n")) if (/(?:^|\s)#/.test(line)) wrong.push(`${path}: ${line.trim()}`);
    }
  }
  assert.deepEqual(wrong, []);
});

/** Of other programs, of Deno's tasks, or of one command. */
const NO_SETTINGS: ReadonlySet<string> = new Set([
  ...["runtime", "target", "all", "stdio", "out", "verbose", "version", "write", "init", "live", "hash", "before"],
  ...["issuer", "subject", "client-id", "agent", "ttl", "quick", "only", "minutes", "help", "filter", "config", "from"],
  ...["watch", "every", "json", "probe", "bearer-file"],
  ...["transport", "header"],
  ...["head", "closed"],
  ...["as", "call", "arguments", "annotations"],
]);

Deno.test("README and guides name no flag that is none", STRICT, async () => {
  const wrong: string[] = [];
  for await (const { path, text } of pages()) {
    if (!/^README|^docs\/(?:guides|configuration)/.test(path)) continue;
    for (const [, name] of text.matchAll(/(?<![\w-])--([a-z][a-z-]*[a-z])(?![\w*…-])/g)) {
      if (keyOfName(name!) === undefined && !NO_SETTINGS.has(name!)) wrong.push(`${path}: --${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});
