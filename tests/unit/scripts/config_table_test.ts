import assert from "node:assert/strict";
import { SETTING_KEYS, settingOf } from "../../../lib/config/schema.ts";
import { flagOf } from "../../../lib/config/setting.ts";
import { formatConfigTable, PART } from "../../../scripts/config_table.ts";
import { isCurrentPart } from "../../../scripts/made_part.ts";
import { STRICT } from "../../support/strict.ts";

Deno.test("the configuration table has one row for each setting, with three cells", STRICT, () => {
  const rows = formatConfigTable().split("\n").filter((line) => line.startsWith("| `--"));
  assert.deepEqual(
    rows.map((row) => /^\| `(--[a-z-]*)/.exec(row)?.[1]).sort(),
    SETTING_KEYS.map((key) => flagOf(settingOf(key))).sort(),
  );
  for (const row of rows) assert.equal(row.replaceAll("\\|", "").split("|").length, 5, row);
});

Deno.test("the documented table of settings is the one the program has", STRICT, async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/configuration.md", import.meta.url));
  assert.ok(
    isCurrentPart(PART, page, formatConfigTable()),
    "out of date: run deno run -A scripts/config_table.ts --write",
  );
  const changed = page.replace("`--path PATH`", "`--paths PATH`");
  assert.ok(!isCurrentPart(PART, changed, formatConfigTable()));
});
