// deploy/signet.yaml: every setting with its meaning and default, from the table of settings in lib/config/schema.ts.
// Written by scripts/config_table.ts, with the table of docs/configuration.md.
import { SETTING_KEYS, settingOf } from "../lib/config/schema.ts";
import { SECTIONS, type Setting } from "../lib/config/setting.ts";

export const SAMPLE_FILE = "deploy/signet.yaml";

/** What is set in the sample: enough to start, and safe as it stands. */
const SET: Readonly<Record<string, string>> = { upstream: "http://127.0.0.1:3000/mcp" };

const HEAD = `\
# Signet's configuration: every setting there is, with its meaning and its default behind "#".
# Flags (--listen) and environment variables (SIGNET_LISTEN) of the same names go before this file.
# Durations are 30s, 15m, 24h; sizes 64KiB, 4MiB. What is marked "list" takes several: [one, two].
# After a change: \`signet check --config FILE\`, then reload (SIGHUP). Made by scripts/config_table.ts.
`;

const COLUMNS = 118;

/** Text in lines that fit, each behind \`# \`. */
function comment(text: string): string[] {
  const lines: string[] = [];
  let line = "#";
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = "#";
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

/** The default as the file would say it; a metavar where there is none. Text that YAML would misread is quoted. */
function valueText(setting: Setting<unknown>): string {
  const { kind, repeatable, default: fallback } = setting;
  if (setting.isWords) return '[npx, -y, "@modelcontextprotocol/server-everything", stdio]';
  if (setting.isFlag) return "off";
  const quote = (text: string) => /^[\w./@+-][\w./:@+-]*$/.test(text) ? text : JSON.stringify(text);
  if (repeatable) {
    const items = (fallback as readonly unknown[]).map((item) => quote(kind.format(item)));
    return `[${items.length > 0 ? items.join(", ") : quote(kind.metavar)}]`;
  }
  return quote(fallback === undefined ? kind.metavar : kind.format(fallback));
}

function entry(setting: Setting<unknown>): string {
  const { name, doc, dangerous, repeatable, isWords } = setting;
  const kindOfValue = repeatable && !isWords ? " (list)" : "";
  const set = SET[name];
  const line = set === undefined ? `#${name}: ${valueText(setting)}` : `${name}: ${set}`;
  return [...comment(`${dangerous ? "DANGEROUS. " : ""}${doc}${kindOfValue}.`), line].join("\n");
}

/** The text of the sample file. */
export function formatSampleConfig(): string {
  const settings = SETTING_KEYS.map(settingOf);
  const sections = SECTIONS.map((section) => {
    const rows = settings.filter((setting) => setting.section === section).map(entry);
    return `# ---- ${section} ${"-".repeat(COLUMNS - 8 - section.length)}\n\n${rows.join("\n\n")}`;
  });
  return `${HEAD}\n${sections.join("\n\n")}\n`;
}
