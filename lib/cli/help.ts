// Help: six examples, the list of commands, and each command with its flags, out of the table of settings.
// As wide as the terminal and at most 100 columns, plain text when it goes to a file. A command with many flags shows those
// that most people need, and all of them with --help-all.
import type { OwnFlag } from "../config/flags.ts";
import { type SettingKey, settingOf } from "../config/schema.ts";
import { defaultText, environmentName, SECTIONS, type Setting, writtenAs } from "../config/setting.ts";
import { type Command, settingsOf } from "./command.ts";
import { type Style, wrap } from "./screen/text.ts";

const MOST_COLUMNS = 100;
const LEAST_COLUMNS = 40;
/** Of most terminals: what is to be copied is no wider in a file either. */
const USUAL_COLUMNS = 80;
/** Where the text of a flag begins; a longer flag has a line of its own. */
const TEXT_COLUMN = 36;
/** In a narrow terminal the text is below its flag. */
const NARROW_COLUMNS = 72;
const NARROW_TEXT_COLUMN = 8;

/** Of commands that take nearly all settings: what a first try and a usual deployment need. */
const USUAL: ReadonlySet<SettingKey> = new Set<SettingKey>([
  "listen",
  "admin",
  "allowHosts",
  "tlsCertFile",
  "tlsKeyFile",
  "upstreams",
  "keyFile",
  "principals",
  "jwtIssuer",
  "jwtAudiences",
  "jwtJwks",
  "tokenSecretFile",
  "stdioSecrets",
  "stdioInherit",
  "sessionTtlMs",
  "sessionIdleMs",
  "maxSessions",
  "stateFile",
  "adminTokenFile",
  "drainTimeoutMs",
  "logLevel",
]);
/** Fewer are shown whole. */
const MANY_SETTINGS = 40;

export interface HelpView {
  readonly style: Style;
  /** Of the terminal; undefined for a file. */
  readonly columns?: number | undefined;
  /** Every flag there is. */
  readonly all: boolean;
}

interface Layout extends HelpView {
  readonly width: number;
  readonly textColumn: number;
}

function layoutOf(view: HelpView): Layout {
  const width = Math.min(MOST_COLUMNS, Math.max(LEAST_COLUMNS, view.columns ?? MOST_COLUMNS));
  return { ...view, width, textColumn: width < NARROW_COLUMNS ? NARROW_TEXT_COLUMN : TEXT_COLUMN };
}

export const EXAMPLES = `Signet stands in front of an MCP server and gives it sessions that cannot be
forged or stolen.

  Try it: one server, callers on this machine only
    signet serve --upstream http://127.0.0.1:3000/mcp

  A stdio server, one process a session
    signet serve -- npx -y @modelcontextprotocol/server-everything stdio

  Sessions that survive a restart, and replicas that share them
    (umask 077; signet keys new > signet.key)
    signet serve --upstream http://127.0.0.1:3000/mcp --key-file signet.key

  Callers with JWTs of your identity provider, over the network
    signet serve --upstream http://127.0.0.1:3000/mcp --key-file signet.key \\
      --listen 0.0.0.0:8080 --allow-host mcp.example --principal jwt \\
      --jwt-issuer https://auth.example --jwt-audience https://mcp.example/mcp \\
      --jwt-jwks https://auth.example/jwks.json \\
      --resource https://mcp.example/mcp \\
      --authorization-server https://auth.example

  Every problem of a configuration, with its cure
    signet check --config signet.yaml

  What a session id says: owner, age, expiry, key
    signet inspect ID --key-file signet.key

\`signet help\` lists all commands, \`signet COMMAND --help\` the flags of one.
`;

/** Exit codes, as every command uses them. */
const EXIT_CODES = [
  ["0 done", "1 failed check", "2 usage or configuration"],
  ["3 cannot reach what it needs", "4 drained with streams cut"],
];

function formatExitCodes(width: number): string[] {
  return EXIT_CODES.flatMap((codes) => {
    const line = `  ${codes.join("  ")}`;
    return line.length <= width ? [line] : codes.map((code) => `  ${code}`);
  });
}

/** Broken before a flag where it is wider, as a shell takes it. */
function formatExample(example: string, width: number): string[] {
  const lines: string[] = [];
  let line = " ";
  for (const part of example.split(/ (?=--)/)) {
    if (line !== " " && `${line} ${part} \\`.length > width) {
      lines.push(`${line} \\`);
      line = `     ${part}`;
    } else {
      line = `${line} ${part}`;
    }
  }
  return [...lines, line];
}

export function formatOverview(commands: readonly Command[], style: Style): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const lines = commands.flatMap(({ name, summary }) =>
    wrap(summary, style.columns - width - 4).map((line, at) =>
      at === 0 ? `  ${style.bold(name.padEnd(width))}  ${line}` : `${" ".repeat(width + 4)}${line}`
    )
  );
  return [
    ...wrap("signet: sealed, owned, restartable sessions in front of an MCP server", style.columns),
    "",
    style.bold("Usage"),
    "  signet COMMAND [FLAGS]",
    "  signet --version",
    "",
    style.bold("Commands"),
    ...lines,
    "",
    style.bold("Exit codes"),
    ...formatExitCodes(style.columns),
    "",
    ...wrap("`signet COMMAND --help` lists the flags of one; `signet` alone shows examples.", style.columns),
    "",
  ].join("\n");
}

/** `--name VALUE …` beside its text; `label` is without emphasis, so that columns can be counted. */
function formatFlag(label: string, words: string, { style, width, textColumn }: Layout): string[] {
  const indent = " ".repeat(textColumn);
  const lines = wrap(words, width - textColumn);
  const flag = `    ${label}`.replace(/--[\w-]*/, (name) => style.bold(name));
  const length = 4 + label.length;
  if (length + 2 > textColumn) return [flag, ...lines.map((line) => indent + line)];
  return lines.map((line, index) => index === 0 ? flag + " ".repeat(textColumn - length) + line : indent + line);
}

function describeSetting(setting: Setting<unknown>, layout: Layout): string[] {
  const fallback = setting.isFlag ? "" : defaultText(setting);
  const variable = setting.isWords ? [] : [`[${environmentName(setting)}]`];
  const facts = [...(fallback === "" ? [] : [`[${fallback}]`]), ...variable].join(" ");
  const warning = setting.dangerous ? "DANGEROUS. " : "";
  const lines = formatFlag(writtenAs(setting), `${warning}${setting.doc} ${facts}`.trimEnd(), layout);
  return lines.map((line) => line.replace("DANGEROUS.", layout.style.danger));
}

function formatSettings(keys: readonly SettingKey[], layout: Layout): string[] {
  const settings = keys.map(settingOf);
  return SECTIONS.flatMap((section) => {
    const own = settings.filter((setting) => setting.section === section);
    if (own.length === 0) return [];
    return [`  ${layout.style.bold(section)}`, ...own.flatMap((setting) => describeSetting(setting, layout)), ""];
  });
}

const CONFIG_DOC = "YAML whose keys are the names below: `session-ttl: 24h` [SIGNET_CONFIG]";

function usageOf(command: Command): string {
  const words = command.arguments.map(({ name, choices, optional }) => {
    const word = choices?.join("|") ?? name;
    return optional ? `[${word}]` : word;
  });
  const flags = command.settings.length > 0 || command.own !== undefined ? ["[FLAGS]"] : [];
  const program = command.settings.includes("command") ? ["[-- COMMAND ARG …]"] : [];
  return ["  signet", command.name, ...words, ...flags, ...program].join(" ");
}

function formatOwnFlags(own: readonly OwnFlag[], layout: Layout): string[] {
  if (own.length === 0) return [];
  return [
    ...own.flatMap(({ name, doc, kind, isFlag }) =>
      formatFlag(isFlag ? `--${name}` : `--${name} ${kind.metavar}`, doc, layout)
    ),
    "",
  ];
}

function formatFlags(command: Command, layout: Layout): string[] {
  const { style, width } = layout;
  if (command.settings.length === 0) {
    return command.own === undefined ? [] : [style.bold("Flags"), ...formatOwnFlags(command.own, layout)];
  }
  const keys = settingsOf(command);
  const shown = layout.all || keys.length <= MANY_SETTINGS ? keys : keys.filter((key) => USUAL.has(key));
  const left = keys.length - shown.length;
  return [
    style.bold("Flags"),
    ...formatFlag("--config FILE", CONFIG_DOC, layout),
    "",
    ...formatOwnFlags(command.own ?? [], layout),
    ...formatSettings(shown, layout),
    ...(left === 0 ? [] : [...wrap(`\`signet ${command.name} --help-all\` shows ${left} more.`, width), ""]),
    ...[
      "Flags beat environment beats file. […] is the default, then the environment variable.",
      "Flags marked … may be repeated; one value may hold several, separated by commas.",
      "Durations are 500ms, 30s, 15m, 24h, 7d; sizes 512B, 16KiB, 4MiB.",
    ].flatMap((line) => wrap(line, width)),
    "",
  ];
}

export function formatCommandHelp(command: Command, view: HelpView): string {
  const layout = layoutOf(view);
  const { style, width } = layout;
  return [
    ...wrap(`signet ${command.name}: ${command.summary}`, width),
    ...(width === MOST_COLUMNS ? command.description ?? [] : wrap((command.description ?? []).join(" "), width)),
    "",
    style.bold("Usage"),
    usageOf(command),
    "",
    style.bold("Examples"),
    ...command.examples.flatMap((example) => formatExample(example, Math.min(width, USUAL_COLUMNS))),
    "",
    ...formatFlags(command, layout),
    style.bold("Exit codes"),
    ...formatExitCodes(width),
    "",
  ].join("\n");
}
