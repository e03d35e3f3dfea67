// What is made from the table of settings in lib/config/schema.ts: the table of docs/configuration.md, and the annotated
// deploy/signet.yaml.
//   deno run -A scripts/config_table.ts           prints the table
//   deno run -A scripts/config_table.ts --write   puts it between the markers of docs/configuration.md, and writes the sample
import { SETTING_KEYS, settingOf } from "../lib/config/schema.ts";
import { defaultText, SECTIONS, type Setting, writtenAs } from "../lib/config/setting.ts";
import { type MadePart, printOrWrite } from "./made_part.ts";
import { formatSampleConfig, SAMPLE_FILE } from "./sample_config.ts";

export const PART: MadePart = { name: "configuration", script: "scripts/config_table.ts" };
const PAGE_FILE = "docs/configuration.md";

/** Text inside a cell: a bar would end it, and brackets of a metavar are no link. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function row(setting: Setting<unknown>): string {
  const fallback = setting.isFlag ? "off" : defaultText(setting);
  const shown = fallback === "" ? "" : `\`${cell(fallback)}\``;
  const doc = (setting.dangerous ? "**Dangerous.** " : "") + setting.doc;
  return `| \`${cell(writtenAs(setting))}\` | ${shown} | ${cell(doc).replace(/--[a-z-]+/g, "`$&`")} |`;
}

/** GitHub-flavoured Markdown: one table a section. */
export function formatConfigTable(): string {
  const settings = SETTING_KEYS.map(settingOf);
  return SECTIONS.map((section) =>
    [
      `**${section}**`,
      "",
      "| Flag | Default | Meaning |",
      "| --- | --- | --- |",
      ...settings.filter((setting) => setting.section === section).map(row),
    ].join("\n")
  ).join("\n\n");
}

if (import.meta.main && await printOrWrite(PART, PAGE_FILE, formatConfigTable()) === "written") {
  await Deno.writeTextFile(new URL(`../${SAMPLE_FILE}`, import.meta.url), formatSampleConfig());
}
