import assert from "node:assert/strict";
import { SETTING_KEYS, settingOf } from "../../../lib/config/schema.ts";
import { flagOf } from "../../../lib/config/setting.ts";
import { BEGIN, END, formatConfigTable, isCurrent, replaceConfigTable } from "../../../scripts/config_table.ts";
import { STRICT } from "../../support/strict.ts";

Deno.test("the configuration table has one row for each setting, with three cells", STRICT, () => {
  const rows = formatConfigTable().split("\n").filter((line) => line.startsWith("| `--"));
  assert.deepEqual(
    rows.map((row) => /^\| `(--[a-z-]*)/.exec(row)?.[1]).sort(),
    SETTING_KEYS.map((key) => flagOf(settingOf(key))).sort(),
  );
  for (const row of rows) assert.equal(row.replaceAll("\\|", "").split("|").length, 5, row);
});

Deno.test("replaceConfigTable keeps what stands around the markers, and is stable", STRICT, () => {
  const once = replaceConfigTable(`# Signet\n\n${BEGIN}\nold\n${END}\nmore\n`);
  assert.ok(once.startsWith(`# Signet\n\n${BEGIN}\n\n**Listening**`) && once.endsWith(`\n\n${END}\nmore\n`));
  assert.equal(replaceConfigTable(once), once);
  assert.throws(() => replaceConfigTable("# Signet\n"), /found no markers/);
  assert.throws(() => replaceConfigTable(`${END}\n${BEGIN}`), /found no markers/);
});

Deno.test("the documented table of settings is the one the program has", STRICT, async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/configuration.md", import.meta.url));
  assert.ok(isCurrent(page), "out of date: run deno run -A scripts/config_table.ts --write");
  assert.ok(!isCurrent(page.replace("`--path PATH`", "`--paths PATH`")));
});
