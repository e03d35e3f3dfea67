// The guides' configurations load, and what docs/guides/rules.md shows of a terminal is what `signet check` says.
import assert from "node:assert/strict";
import { STRICT } from "../../support/strict.ts";
import { FakeMachine } from "../cli/fake_machine.ts";

async function blocksOf(
  guide: string,
): Promise<{ readonly kind: string; readonly before: string; readonly text: string }[]> {
  const page = await Deno.readTextFile(new URL(`../../../docs/guides/${guide}.md`, import.meta.url));
  return [...page.matchAll(/(?:^([^\n]*)\n\n)?```(\w+)\n(.*?)\n```/gms)].map((
    [, before = "", kind = "", text = ""],
  ) => ({
    kind,
    before: before.split("\n").at(-1) ?? "",
    text,
  }));
}

/** Words of a command line with 'quoted words'. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
}

async function filesOf(guide: string): Promise<Record<string, string>> {
  const blocks = await blocksOf(guide);
  const yaml = blocks.find(({ kind }) => kind === "yaml")!.text;
  const named = blocks.filter(({ kind }) => kind === "json").map((
    { before, text },
  ) => [before.replaceAll("`", ""), text]);
  return { "signet.yaml": yaml, ...Object.fromEntries(named) };
}

Deno.test("G4: the guide of rules shows what signet check says", STRICT, async () => {
  const files = await filesOf("rules");
  let shown = 0;
  for (const { kind, text } of await blocksOf("rules")) {
    if (kind !== "console") continue;
    for (const said of text.split(/^(?=\$ )/m)) {
      const [command = "", ...output] = said.trimEnd().split("\n");
      const machine = new FakeMachine({ files });
      await machine.run(...wordsOf(command).slice(2) as [string]);
      assert.equal(machine.stdout.trimEnd(), output.join("\n"), `${command}\n${machine.stderr}`);
      shown++;
    }
  }
  assert.equal(shown, 4);
});

Deno.test("G5: the configuration of the guide of rates is sound", STRICT, async () => {
  const machine = new FakeMachine({ files: await filesOf("rates") });
  assert.equal(await machine.run("check", "--config", "signet.yaml"), 0, machine.stdout);
});
