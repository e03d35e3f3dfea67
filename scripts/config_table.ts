// What is made from the table of settings in lib/config/schema.ts: the table of docs/configuration.md, and the annotated
// deploy/signet.yaml.
//   deno run -A scripts/config_table.ts           prints the table
//   deno run -A scripts/config_table.ts --write   puts it between the markers of docs/configuration.md, and writes the sample
import { SETTING_KEYS, settingOf } from "../lib/config/schema.ts";
import { formatSampleConfig, SAMPLE_FILE } from "./sample_config.ts";
import { defaultText, SECTIONS, type Setting, writtenAs } from "../lib/config/setting.ts";

export const BEGIN = "<!-- configuration: begin (deno run -A scripts/config_table.ts --write) -->";
export const END = "<!-- configuration: end -->";

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

/**
 * `document` with the table between its markers.
 * @throws Error if it has not one of each marker, in this order
 */
export function replaceConfigTable(document: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) {
    throw new Error(`Looking for the configuration table found no markers; want ${BEGIN} and, below it, ${END}`);
  }
  return `${document.slice(0, begin + BEGIN.length)}\n\n${formatConfigTable()}\n\n${document.slice(end)}`;
}

/** Whether `document` holds the table as it is now. `deno fmt` pads the cells: the amount of blanks and dashes tells nothing. */
export function isCurrent(document: string): boolean {
  const plain = (text: string) => text.replace(/ +/g, " ").replace(/-{3,}/g, "---");
  return plain(document) === plain(replaceConfigTable(document));
}

if (import.meta.main) {
  const page = new URL("../docs/configuration.md", import.meta.url);
  const [mode] = Deno.args;
  if (mode === undefined) console.log(formatConfigTable());
  else if (mode === "--write") {
    await Deno.writeTextFile(page, replaceConfigTable(await Deno.readTextFile(page)));
    await Deno.writeTextFile(new URL(`../${SAMPLE_FILE}`, import.meta.url), formatSampleConfig());
  } else {
    console.error(`scripts/config_table.ts was given ${mode}; it knows --write`);
    Deno.exit(2);
  }
}
