// `signet completions bash | zsh | fish`: what a shell needs to complete commands, flags and closed lists of values.
// Made from the same tables as help, so that the three never tell different stories.
import { namesFile } from "../../config/kinds.ts";
import { settingOf } from "../../config/schema.ts";
import type { Setting } from "../../config/setting.ts";
import { type Command, type CommandContext, EXIT, type ExitCode, settingsOf } from "../command.ts";

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

function bashScript(commands: readonly Command[]): string {
  const settings = allFlags(commands).filter(({ isFlag }) => !isFlag);
  const files = ["--config", ...settings.filter(({ kind }) => namesFile(kind)).map(({ name }) => `--${name}`)];
  const lists = settings.filter(({ kind }) => kind.choices);
  const others = settings.filter(({ kind }) => !kind.choices && !namesFile(kind)).map(({ name }) => `--${name}`);
  const words = (command: Command) =>
    [
      ...choicesOf(command),
      ...flagsOf(command).map(({ name }) => `--${name}`),
      ...(command.settings.length > 0 ? ["--config"] : []),
      "--help",
    ].join(" ");
  return `# bash completion of signet: source <(signet completions bash)
_signet() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" words=""
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
    case "\${COMP_WORDS[1]}" in
${commands.map((command) => `      ${command.name}) words="${words(command)}" ;;`).join("\n")}
      help) words="${commands.map(({ name }) => name).join(" ")}" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
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
  const specs = (command: Command) =>
    [
      "'(- *)--help[show help]'",
      ...(command.settings.length > 0 ? ["'--config[YAML configuration]:FILE:_files'"] : []),
      ...flagsOf(command).map(zshSpec),
      ...(choicesOf(command).length > 0 ? [`'1:${command.arguments[0]?.name}:(${choicesOf(command).join(" ")})'`] : []),
    ].join(" \\\n        ");
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
  case "$command" in
${
    commands.map((command) => `    ${command.name})\n      _arguments \\\n        ${specs(command)}\n      ;;`).join(
      "\n",
    )
  }
    help) _describe command commands ;;
  esac
}
if [[ "\${funcstack[1]}" == _signet ]]; then _signet "$@"; else compdef _signet signet; fi
`;
}

function fishQuote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function fishFlag(command: Command, setting: Flag): string {
  const { choices } = setting.kind;
  const isFile = namesFile(setting.kind);
  const value = setting.isFlag ? "" : choices ? ` -x -a ${fishQuote(choices.join(" "))}` : isFile ? " -r -F" : " -x";
  return `complete -c signet -n '__fish_seen_subcommand_from ${command.name}' -l ${setting.name}${value} -d ${
    fishQuote(setting.doc)
  }`;
}

function fishScript(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => {
    const seen = `-n '__fish_seen_subcommand_from ${command.name}'`;
    return [
      `complete -c signet -n __fish_use_subcommand -a ${command.name} -d ${fishQuote(command.summary)}`,
      ...(choicesOf(command).length > 0
        ? [`complete -c signet ${seen} -a ${fishQuote(choicesOf(command).join(" "))}`]
        : []),
      ...(command.settings.length > 0 ? [`complete -c signet ${seen} -l config -r -F -d 'YAML configuration'`] : []),
      ...flagsOf(command).map((setting) => fishFlag(command, setting)),
    ];
  });
  return `# fish completion of signet: signet completions fish > ~/.config/fish/completions/signet.fish
complete -c signet -f
complete -c signet -l help -s h -d 'show help'
complete -c signet -n __fish_use_subcommand -l version -d 'show the version'
${lines.join("\n")}
`;
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
