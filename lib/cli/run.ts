// From arguments to an exit code: finds the command, reads its flags, runs it, and says what went wrong and what to do.
import { closest } from "../config/closest.ts";
import { type ParsedFlags, parseFlags } from "../config/flags.ts";
import { keyOfName, settingOf } from "../config/schema.ts";
import { ConfigError, type ConfigProblem } from "../errors.ts";
import { describeError } from "../platform/faults/error_name.ts";
import { VERSION } from "../platform/version.ts";
import {
  type Command,
  type CommandContext,
  CommandFailure,
  EXIT,
  type ExitCode,
  type Machine,
  withAction,
} from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXAMPLES, formatCommandHelp, formatOverview } from "./help.ts";
import { formatProblems, printed, sentence, styleFor, wrap } from "./screen/text.ts";
import { assertOwnRuntime, describeSurroundings } from "./surroundings.ts";

/** Whether it may be repeated: what is no plausible name may be a secret in the wrong place. */
function isPlausibleName(word: string): boolean {
  return /^[a-z][a-z-]{0,23}$/i.test(word);
}

/** What stands where a command is wanted. */
function refuseFlag(flag: string): never {
  const name = flag.replace(/^--?/, "").replace(/=.*$/s, "");
  const found = isPlausibleName(name) ? `: found ${flag.replace(/=.*$/s, "")}` : "";
  const remedy = keyOfName(name) !== undefined
    ? "Did you mean `signet serve` with this flag?"
    : name === "v" || closest(name, ["version"]) !== undefined
    ? "Did you mean `signet --version`?"
    : "`signet help` lists all commands.";
  throw new CommandFailure(EXIT.usage, `a command is wanted before any flag${found}`, remedy);
}

function findCommand(name: string): Command {
  const command = COMMANDS.find((command) => command.name === name);
  if (command !== undefined) return command;
  if (name.startsWith("-")) refuseFlag(name);
  const known = COMMANDS.map(({ name }) => name);
  const shown = isPlausibleName(name) ? ` "${name}"` : "";
  const near = closest(name.toLowerCase(), [...known, "help"]);
  throw new CommandFailure(
    EXIT.usage,
    `there is no command${shown}`,
    near === undefined ? "`signet help` lists all commands." : `Did you mean \`signet ${near}\`?`,
  );
}

/** Words that are missing, wrong or too many. They may be secrets, so that most are counted and not quoted. */
function judgeWords(command: Command, flags: ParsedFlags): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [index, { name, choices, optional }] of command.arguments.entries()) {
    const word = flags.positionals[index];
    if (word === undefined && optional) continue;
    if (word !== undefined && (choices === undefined || choices.includes(word))) continue;
    const shown = word !== undefined && isPlausibleName(word) ? `"${word}"` : "this";
    const problem = word === undefined ? `${name} is missing` : `${shown} is no ${name}`;
    const near = choices === undefined ? undefined : closest((word ?? "").toLowerCase(), choices);
    const meant = near === undefined ? "" : `Did you mean \`signet ${command.name} ${near}\`? `;
    const remedy = choices === undefined
      ? `\`signet ${command.name} --help\` shows the usage.`
      : `${meant}Write ${choices.map((choice) => `\`signet ${command.name} ${choice}\``).join(" or ")}.`;
    problems.push({ place: `signet ${command.name}`, problem, remedy });
  }
  const stray = command.arguments.at(-1)?.many ? [] : flags.positionals.slice(command.arguments.length);
  if (stray.length > 0) {
    const serves = command.settings.includes("upstreams");
    const remedy = serves && stray.some((word) => word.includes("://"))
      ? "Did you mean --upstream URL?"
      : serves && stray.some((word) => /\.(?:ya?ml|json)$/.test(word))
      ? "Did you mean --config FILE?"
      : serves
      ? "The command of a stdio MCP server stands at the end, behind --."
      : `\`signet ${command.name} --help\` shows the usage.`;
    problems.push({
      place: `signet ${command.name}`,
      problem: stray.length === 1 ? "one word too many" : `${stray.length} words too many`,
      remedy,
    });
  }
  if (flags.rest !== undefined) {
    problems.push({
      place: "--",
      problem: `\`signet ${command.name}\` takes nothing behind it`,
      remedy: "Leave it out; `signet serve -- COMMAND` is what starts a stdio MCP server.",
    });
  }
  return problems;
}

/** Flags of the command's that what it is asked to do has no use for. */
function judgeUses(command: Command, { given, own, configFile, positionals: [word] }: ParsedFlags): ConfigProblem[] {
  const asked = withAction(command, word);
  if (asked === command) return [];
  const stray = [
    ...(configFile === undefined || asked.settings.length > 0 ? [] : ["config"]),
    ...[...given.keys()].filter((key) => !asked.settings.includes(key)).map((key) => settingOf(key).name),
    ...[...own.keys()].filter((name) => !asked.own?.some((flag) => flag.name === name)),
  ];
  const problem = `\`signet ${asked.name}\` has no use for this flag`;
  return stray.map((name) => ({ place: `--${name}`, problem, remedy: "Leave it out." }));
}

async function runCommand(command: Command, argv: readonly string[], machine: Terminal): Promise<ExitCode> {
  const parsed = parseFlags(argv, {
    command: `signet ${command.name}`,
    accepts: new Set(command.settings),
    own: command.own ?? [],
    takesWords: command.arguments.length > 0,
  });
  if (parsed.help !== false) {
    const style = styleFor(machine.stdoutIsTerminal, machine.env, machine.stdoutColumns);
    const columns = machine.stdoutColumns;
    machine.stdout(
      formatCommandHelp(withAction(command, parsed.positionals[0]), { style, columns, all: parsed.help === "all" }),
    );
    return EXIT.done;
  }
  const flags = {
    ...parsed,
    problems: [...parsed.problems, ...judgeWords(command, parsed), ...judgeUses(command, parsed)],
  };
  if (flags.problems.length > 0 && !command.reportsAllProblems) throw new ConfigError(flags.problems);
  return await command.run({ ...machine, flags, commands: COMMANDS });
}

/** They may be secrets, so they are not quoted. @throws CommandFailure */
function requireNoMore(first: string, words: readonly string[]): void {
  if (words.length === 0) return;
  const found = words.length === 1 ? "one word too many" : `${words.length} words too many`;
  throw new CommandFailure(EXIT.usage, `\`signet ${first}\`: ${found}`, "`signet help` shows the usage.");
}

function isHelp(word: string): boolean {
  return word === "help" || word === "--help" || word === "-h";
}

async function dispatch(argv: readonly string[], machine: Terminal): Promise<ExitCode> {
  assertOwnRuntime(machine);
  const [first, ...others] = argv;
  const style = styleFor(machine.stdoutIsTerminal, machine.env, machine.stdoutColumns);
  if (first === undefined) {
    machine.stdout(EXAMPLES);
    return EXIT.done;
  }
  if (first === "--version" || first === "-V" || first === "version") {
    requireNoMore(first, others.filter((word) => word !== "--verbose"));
    if (others.includes("--verbose")) machine.stdout(await describeSurroundings());
    else machine.stdout(`signet ${VERSION}\n`);
    return EXIT.done;
  }
  if (isHelp(first)) {
    const [asked, action, ...more] = others;
    if (asked === undefined || isHelp(asked)) {
      requireNoMore(first, others.slice(1));
      machine.stdout(formatOverview(COMMANDS, style));
      return EXIT.done;
    }
    const command = withAction(findCommand(asked), action);
    requireNoMore(first, command.name === asked ? others.slice(1) : more);
    machine.stdout(formatCommandHelp(command, { style, columns: machine.stdoutColumns, all: false }));
    return EXIT.done;
  }
  // Not for people, and so in no list.
  if (first === "worker") return await runCommand((await import("./serving/worker.ts")).worker, others, machine);
  return await runCommand(findCommand(first), others, machine);
}

/** Standard output whose fault, a disk that is full mostly, is a failure of the command and no bug of Signet's. */
function toldWhenFull(write: (text: string) => void): (text: string) => void {
  return (text) => {
    try {
      write(text);
    } catch (error) {
      throw new CommandFailure(
        EXIT.unreachable,
        `writing to standard output: ${describeError(error)}`,
        "Make room where it leads, or let it lead elsewhere; what is there already is not whole.",
      );
    }
  };
}

/** A machine on whose terminal nobody but the command itself moves about. */
type Terminal = Machine & Pick<CommandContext, "drive">;

function terminalOf(machine: Machine): Terminal {
  const write = toldWhenFull(machine.stdout);
  const [out, err] = [machine.stdoutIsTerminal, machine.stderrIsTerminal].map((is) => styleFor(is, machine.env));
  return {
    ...machine,
    stdout: (text) => write(printed(text, out!)),
    stderr: (text) => machine.stderr(printed(text, err!)),
    drive: write,
  };
}

/**
 * Runs `signet` with these arguments.
 * @throws whatever is a bug: problems of configuration and of the surroundings are told on standard error
 */
export async function run(argv: readonly string[], machine: Machine): Promise<ExitCode> {
  const terminal = terminalOf(machine);
  try {
    return await dispatch(argv, terminal);
  } catch (error) {
    const style = styleFor(machine.stderrIsTerminal, machine.env, machine.stdoutColumns);
    if (error instanceof ConfigError) {
      terminal.stderr(formatProblems(error.problems, style));
      return EXIT.usage;
    }
    if (error instanceof CommandFailure) {
      const lines = [
        ...wrap(`signet: ${sentence(error.message)}`, style.columns),
        ...wrap(sentence(error.remedy), style.columns),
      ];
      terminal.stderr(lines.join("\n") + "\n");
      return error.exitCode;
    }
    throw error;
  }
}
