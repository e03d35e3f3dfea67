// `signet completions bash | zsh | fish`: what a shell needs to complete commands, flags and closed lists of values.
// Made from the same tables as help, so that the three never tell different stories.
import { settingOf } from "../../config/schema.ts";
import type { Setting } from "../../config/setting.ts";
import { namesFile } from "../../config/values/kinds.ts";
import { type Command, type CommandContext, EXIT, type ExitCode, settingsOf, withAction } from "../command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = typeof SHELLS[number];

/** What the scripts need to know of a flag. */
type Flag = Pick<Setting<unknown>, "name" | "doc" | "kind" | "isFlag" | "repeatable">;

function flagsOf(command: Command): Flag[] {
  const own = (command.own ?? []).map((flag) => ({ isFlag: false, repeatable: false, ...flag }));
  return [...own, ...settingsOf(command).map(settingOf).filter(({ isWords }) => !isWords)];
}

/** Every flag that some command has, once. */
function allFlags(commands: readonly Command[]): Flag[] {
  return [...new Map(commands.flatMap(flagsOf).map((flag) => [flag.name, flag])).values()];
}

function choicesOf(command: Command): readonly string[] {
  return command.arguments[0]?.choices ?? [];
}

/** Whether what stands behind the first word are files. */
function takesFiles(command: Command): boolean {
  return command.arguments.some(({ isFile }) => isFile);
}

/** A flag that all but these first words have a use for. */
function actionsWithout(command: Command, name: string): string[] {
  return choicesOf(command).filter((word) => !flagsOf(withAction(command, word)).some((flag) => flag.name === name));
}

function bashScript(commands: readonly Command[]): string {
  const settings = allFlags(commands).filter(({ isFlag }) => !isFlag);
  const files = ["--config", ...settings.filter(({ kind }) => namesFile(kind)).map(({ name }) => `--${name}`)];
  const lists = settings.filter(({ kind }) => kind.choices);
  const others = settings.filter(({ kind }) => !kind.choices && !namesFile(kind)).map(({ name }) => `--${name}`);
  const flags = (command: Command) => [
    ...flagsOf(command).map(({ name }) => `--${name}`),
    ...(command.settings.length > 0 ? ["--config"] : []),
    "--help",
  ];
  const row = (command: Command) => {
    const { name } = command;
    const choices = choicesOf(command);
    const first = [...choices, ...flags(command)].join(" ");
    if (choices.length === 0) return [`      ${name} | "${name} "*) words="${first}" ;;`];
    const files = takesFiles(command) ? " files=1" : "";
    return [
      ...choices.map((word) =>
        `      "${name} ${word}") words="${flags(withAction(command, word)).join(" ")}"${files} ;;`
      ),
      `      ${name}) words="${first}" ;;`,
    ];
  };
  return `# bash completion of signet: source <(signet completions bash)
_signet() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" words="" files=0
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    words="${commands.map(({ name }) => name).join(" ")} help --help --version"
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case "$previous" in
${lists.map(({ name, kind }) => `    --${name}) words="${kind.choices?.join(" ")}" ;;`).join("\n")}
    ${files.join(" | ")})
      compopt -o filenames 2> /dev/null
      COMPREPLY=($(compgen -f -- "$current"))
      return
      ;;
    ${others.join(" | ")}) return ;;
  esac
  if [[ -z "$words" ]]; then
    local asked="\${COMP_WORDS[1]}"
    ((COMP_CWORD > 2)) && asked+=" \${COMP_WORDS[2]}"
    case "$asked" in
${commands.flatMap(row).join("\n")}
      help) words="${commands.map(({ name }) => name).join(" ")}" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if ((files)) && [[ "$current" != -* ]]; then
    compopt -o filenames 2> /dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -F _signet signet
`;
}

/** Inside single quotes, and inside the brackets of an `_arguments` specification. */
function zshQuote(text: string): string {
  return text.replaceAll("'", "'\\''").replace(/[[\]:]/g, "\\$&");
}

function zshSpec(setting: Flag): string {
  const action = setting.kind.choices
    ? `(${setting.kind.choices.join(" ")})`
    : namesFile(setting.kind)
    ? "_files"
    : " ";
  const value = setting.isFlag ? "" : `:${zshQuote(setting.kind.metavar)}:${action}`;
  return `'${setting.repeatable ? "*" : ""}--${setting.name}[${zshQuote(setting.doc)}]${value}'`;
}

function zshScript(commands: readonly Command[]): string {
  const specs = (command: Command, from = command) =>
    [
      "'(- *)--help[show help]'",
      ...(command.settings.length > 0 ? ["'--config[YAML configuration]:FILE:_files'"] : []),
      ...flagsOf(command).map(zshSpec),
      ...(choicesOf(from).length > 0 ? [`'1:${from.arguments[0]?.name}:(${choicesOf(from).join(" ")})'`] : []),
      ...(takesFiles(from) ? ["'*:FILE:_files'"] : []),
    ].join(" \\\n        ");
  const row = (command: Command) => {
    const actions = Object.keys(command.actions ?? {}).map((word) =>
      `    ${command.name}' '${word})\n      _arguments \\\n        ${
        specs(withAction(command, word), command)
      }\n      ;;`
    );
    return [
      ...actions,
      `    ${command.name}' '*)\n      _arguments \\\n        ${specs(command)}\n      ;;`,
    ].join("\n");
  };
  return `#compdef signet
# zsh completion of signet: signet completions zsh > "\${fpath[1]}/_signet"
_signet() {
  local -a commands=(
${commands.map(({ name, summary }) => `    '${name}:${zshQuote(summary)}'`).join("\n")}
    'help:show help'
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command="\${words[2]}"
  shift words
  ((CURRENT--))
  case "$command \${words[2]}" in
${commands.map(row).join("\n")}
    help' '*) _describe command commands ;;
  esac
}
if [[ "\${funcstack[1]}" == _signet ]]; then _signet "$@"; else compdef _signet signet; fi
`;
}

function fishQuote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** Where something is offered: behind a command, and not behind these words of it. */
function fishWhere({ name }: Command, without: readonly string[] = []): string {
  const none = without.length === 0 ? "" : `; and not __fish_seen_subcommand_from ${without.join(" ")}`;
  return `-n '__fish_seen_subcommand_from ${name}${none}'`;
}

function fishFlag(command: Command, setting: Flag): string {
  const { choices } = setting.kind;
  const isFile = namesFile(setting.kind);
  const value = setting.isFlag ? "" : choices ? ` -x -a ${fishQuote(choices.join(" "))}` : isFile ? " -r -F" : " -x";
  const where = fishWhere(command, actionsWithout(command, setting.name));
  return `complete -c signet ${where} -l ${setting.name}${value} -d ${fishQuote(setting.doc)}`;
}

function fishScript(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => {
    const choices = choicesOf(command);
    const unconfigured = choices.filter((word) => withAction(command, word).settings.length === 0);
    return [
      `complete -c signet -n __fish_use_subcommand -a ${command.name} -d ${fishQuote(command.summary)}`,
      ...(choices.length > 0
        ? [`complete -c signet ${fishWhere(command, choices)} -a ${fishQuote(choices.join(" "))}`]
        : []),
      ...(takesFiles(command) ? choices.map((word) => `complete -c signet ${fishBehind(command, word)} -F`) : []),
      ...(command.settings.length > 0
        ? [`complete -c signet ${fishWhere(command, unconfigured)} -l config -r -F -d 'YAML configuration'`]
        : []),
      ...flagsOf(command).map((setting) => fishFlag(command, setting)),
    ];
  });
  const names = commands.map(({ name }) => name).join(" ");
  return `# fish completion of signet: signet completions fish > ~/.config/fish/completions/signet.fish
complete -c signet -f
complete -c signet -l help -s h -d 'show help'
complete -c signet -n __fish_use_subcommand -l version -d 'show the version'
complete -c signet -n __fish_use_subcommand -a help -d 'show help'
complete -c signet -n '__fish_seen_subcommand_from help; and not __fish_seen_subcommand_from ${names}' -a '${names}'
${lines.join("\n")}
`;
}

function fishBehind({ name }: Command, word: string): string {
  return `-n '__fish_seen_subcommand_from ${name}; and __fish_seen_subcommand_from ${word}'`;
}

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Command[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return SCRIPTS[shell](commands);
}

function run(context: CommandContext): Promise<ExitCode> {
  const shell = SHELLS.find((name) => name === context.flags.positionals[0]);
  if (shell === undefined) throw new TypeError("running `signet completions`: found a shell it does not know");
  context.stdout(completionScript(shell, context.commands));
  return Promise.resolve(EXIT.done);
}

export const completions: Command = {
  name: "completions",
  summary: "print what a shell needs to complete signet's commands and flags",
  arguments: [{ name: "SHELL", choices: SHELLS }],
  examples: [
    "source <(signet completions bash)",
    'signet completions zsh > "${fpath[1]}/_signet"',
    "signet completions fish > ~/.config/fish/completions/signet.fish",
  ],
  settings: [],
  run,
};
