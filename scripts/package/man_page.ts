// signet(1), out of the same tables as `signet --help`: every command, every setting, exit codes, files.
import type { Command } from "../../lib/cli/command.ts";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { SETTING_KEYS, settingOf } from "../../lib/config/schema.ts";
import { defaultText, environmentName, SECTIONS, type Setting, writtenAs } from "../../lib/config/setting.ts";

/** Text as roff wants it: hyphens of options are minus signs, and no line begins with a request. */
function roff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll(/^([.'])/gm, "\\&$1");
}

const bold = (text: string): string => `\\fB${roff(text)}\\fR`;
const sentence = (text: string): string => roff(/[.!?]$/.test(text) ? text : `${text}.`);

function entry(label: string, text: string): string {
  return `.TP\n${label}\n${text}`;
}

function commandEntry(command: Command): string {
  const { name, summary, description = [], arguments: words, own = [], examples } = command;
  const usage = words.map(({ name, choices, optional }) => {
    const word = choices?.join("|") ?? name;
    return optional ? `[${word}]` : word;
  });
  return [
    `.SS ${roff(["signet", name, ...usage].join(" "))}`,
    sentence(summary[0]!.toUpperCase() + summary.slice(1)),
    ...(description.length === 0 ? [] : [".PP", roff(description.join(" "))]),
    ...own.map(({ name, doc, kind, isFlag }) =>
      entry(bold(isFlag ? `--${name}` : `--${name} ${kind.metavar}`), sentence(doc))
    ),
    ...(examples.length === 0 ? [] : [".PP", ".nf", ".RS 4", ...examples.map(roff), ".RE", ".fi"]),
  ].join("\n");
}

function settingEntry(setting: Setting<unknown>): string {
  const fallback = setting.isFlag ? "" : defaultText(setting);
  const warning = setting.dangerous ? "DANGEROUS. " : "";
  const facts = [
    ...(fallback === "" ? [] : [`Default: ${roff(fallback)}.`]),
    ...(setting.isWords ? [] : [`Environment: ${bold(environmentName(setting))}.`]),
  ];
  return entry(bold(writtenAs(setting)), [sentence(warning + setting.doc), ...facts].join("\n"));
}

/** @param seconds since the epoch: the date at the foot of the page */
export function manPage({ version, seconds }: { version: string; seconds: number }): string {
  const date = new Date(seconds * 1000).toISOString().slice(0, 10);
  const settings = SETTING_KEYS.map(settingOf);
  const sections = SECTIONS.map((section) =>
    [
      `.SS ${roff(section)}`,
      ...settings.filter((setting) => setting.section === section).map(settingEntry),
    ].join("\n")
  );
  const codes = [
    "done",
    "failed check",
    "usage or configuration",
    "cannot reach what it needs",
    "drained with streams cut",
  ];
  return `\
.TH SIGNET 1 ${date} "signet ${version}" "User Commands"
.SH NAME
signet \\- sealed, owned and restartable sessions in front of an MCP server
.SH SYNOPSIS
.B signet serve
\\-\\-upstream URL [FLAGS]
.br
.B signet serve
[FLAGS] \\-\\- COMMAND ARG ...
.br
.B signet
COMMAND [FLAGS]
.SH DESCRIPTION
Signet stands in front of an MCP server, over HTTP or over stdio, and looks after its sessions: ids say nothing and
cannot be made up, each session has an owner who is compared on every request, and sessions outlive restarts of Signet
and of the server. Neither the client nor the server is changed.
.SH COMMANDS
${COMMANDS.map(commandEntry).join("\n")}
.SH SETTINGS
Every setting is a flag, a key of the YAML file named by
.B \\-\\-config
and an environment variable. Flags beat environment beats file.
Durations are 500ms, 30s, 15m, 24h, 7d; sizes 512B, 16KiB, 4MiB. Flags marked ... may be repeated.
${sections.join("\n")}
.SH SIGNALS
SIGTERM, SIGINT and SIGQUIT: requests finish within
.BR \\-\\-drain\\-timeout ,
then Signet ends. SIGHUP: keys, certificates and configuration are read again.
.SH EXIT STATUS
${codes.map((text, code) => entry(String(code), sentence(text[0]!.toUpperCase() + text.slice(1)))).join("\n")}
.SH FILES
${entry(bold("/etc/signet/signet.yaml"), "The configuration of the systemd unit, annotated.")}
${entry(bold("/etc/signet/signet.key"), "Its keys, one a line; made by the administrator: signet keys new.")}
${entry(bold("/var/lib/signet"), "Where it may keep state.")}
${
    entry(
      bold("/var/log/signet"),
      "Where it may keep an audit log. It is not removed with the package, nor are the keys.",
    )
  }
`.replaceAll("…", "...");
}
