// What a command is, and all it may touch: tests run commands with a context of their own, without a process.
import type { AppModule } from "../app/running_app.ts";
import type { WorkerProcess } from "../app/workers/worker_process.ts";
import type { Environment } from "../config/environment.ts";
import type { OwnFlag, ParsedFlags } from "../config/flags.ts";
import type { FileAccess } from "../config/named/named_files.ts";
import { type SettingKey, settingOf } from "../config/schema.ts";
import type { FaultKind } from "../platform/faults/uncaught.ts";
import type { Reached, ReachTarget } from "../platform/network/reach.ts";
import type { SignalName } from "../platform/process/signals.ts";
import type { Store } from "../store/store.ts";

/** What scripts can rely on. */
export const EXIT = {
  done: 0,
  failedCheck: 1,
  usage: 2,
  unreachable: 3,
  streamsCut: 4,
} as const;
export type ExitCode = typeof EXIT[keyof typeof EXIT];

/** What several processes of this program take to serve as one. */
export interface WorkerMachine {
  /** Why it cannot be done here; undefined where it can. */
  whyNot(): Promise<"platform" | "port" | "permission" | undefined>;
  /** Cores that this process may use. */
  cores(): number;
  /** Starts one. @throws what `systemFault` knows */
  start(): WorkerProcess;
  /** Of a worker: what it is told, piece by piece, until nobody is there who tells. */
  heard(): AsyncIterable<Uint8Array>;
  /** Of a worker: says a line to whoever has started it. */
  say(line: string): void;
}

/** Why `serve` would not start with a file that is there already; `problem` names it. */
export interface FileFault {
  readonly problem: string;
  readonly remedy: string;
}

/** The machine, as commands see it. */
export interface Machine extends FileAccess {
  readonly env: Environment;
  readonly stdout: (text: string) => void;
  /** Whether the last that was written found nobody who reads: who goes on and on need not. */
  readonly stdoutIsGone?: () => boolean;
  /** Calls `handler` once nobody reads standard output any more, until stopped. Never, where only a write can tell. */
  onStdoutGone(handler: () => void): () => void;
  readonly stderr: (text: string) => void;
  /** Writes some of the bytes to standard error and answers how many, without holding anything else up meanwhile. */
  writeStderr(bytes: Uint8Array): Promise<number>;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** Characters in a line of the terminal behind standard output; undefined where there is none. */
  readonly stdoutColumns?: number | undefined;
  /** The terminal behind standard output as it is now; undefined where there is none. */
  terminalSize?(): { readonly columns: number; readonly rows: number } | undefined;
  /** All of standard input. */
  readStdin(): Promise<string>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Cryptographically secure. */
  random(length: number): Uint8Array;
  /** Of a Signet's admin listener. */
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Whether an address can be reached, step by step; sends nothing. @throws ReachError */
  reach(target: ReachTarget, timeoutMs: number): Promise<Reached>;
  /** Calls `handler` at every such signal until the returned function is called. Signals the system lacks never come. */
  onSignal(signal: SignalName, handler: () => void): () => void;
  /** Calls `handler` once if the program that started this one on somebody's behalf ends (npx, a task), until stopped. */
  onLauncherGone(handler: () => void): () => void;
  /** Calls `handler` at every fault of the program that nothing caught, until stopped. */
  onFault(handler: (fault: unknown, kind: FaultKind) => void): () => void;
  /** The file that a command names, in a folder; undefined if there is none to run. Absent: nobody can tell. */
  findProgram?(command: string, folder: string | undefined): Promise<string | undefined>;
  /** Opens the state file, or makes it. @throws StoreError */
  openState(path: string, options: { readonly trustsOthers: boolean }): Promise<Store>;
  /** What `serve` would find wrong with a state file that is there already, and the cure. Absent: nobody can tell. */
  stateFault?(path: string): Promise<FileFault | undefined>;
  /** The same of an audit log that is to be gone on with. */
  auditLogFault?(path: string): Promise<FileFault | undefined>;
  /** Whether an IP address is one of this machine's, to listen on. Absent: nobody can tell. */
  isOwnAddress?(hostname: string): Promise<boolean>;
  /** Absent: nobody can tell. */
  readonly workers?: WorkerMachine;
  /** Loaded when needed: most commands answer without the gateway. */
  loadApp(): Promise<AppModule>;
}

/** The machine and what one command was asked. What it prints has passed `printed` (text.ts). */
export interface CommandContext extends Machine {
  /** Moves about on the terminal behind standard output, by a command's own codes. Nothing of anybody else's. */
  readonly drive: (codes: string) => void;
  readonly flags: ParsedFlags;
  /** All there are, in the order help shows them. */
  readonly commands: readonly Command[];
}

/** A word a command must be given besides flags. */
export interface Argument {
  readonly name: string;
  /** Nothing else is accepted. */
  readonly choices?: readonly string[];
  /** May be left out. Only the last ones may. */
  readonly optional?: boolean;
  /** May be several words. Only the last one may. */
  readonly many?: boolean;
  /** It is the name of a file. */
  readonly isFile?: boolean;
}

export interface Command {
  readonly name: string;
  /** One line without a full stop. */
  readonly summary: string;
  /** Further lines of help, at most 96 columns each. */
  readonly description?: readonly string[];
  readonly arguments: readonly Argument[];
  readonly examples: readonly string[];
  /** Settings whose flags, variables and file keys count. */
  readonly settings: readonly SettingKey[];
  /** Flags that are no settings. One with a setting's name takes its place on the command line. */
  readonly own?: readonly OwnFlag[];
  /** Where the first word says what is done: what each has a use for of `settings` and `own`, and its further words. */
  readonly actions?: Readonly<Record<string, Pick<Command, "settings" | "own" | "arguments">>>;
  /** Runs even if flags or arguments are wrong, to report `flags.problems` together with all others (P3). */
  readonly reportsAllProblems?: boolean;
  /** @throws ConfigError, CommandFailure */
  run(context: CommandContext): Promise<ExitCode>;
}

/** The settings that have a flag of their usual form: none of the command's own takes their place. */
export function settingsOf({ settings, own = [] }: Command): readonly SettingKey[] {
  return settings.filter((key) => !own.some(({ name }) => name === settingOf(key).name));
}

/** What help says of it together with this first word; itself where nothing hangs on that. */
export function withAction(command: Command, word: string | undefined): Command {
  const { actions = {}, own: _, ...rest } = command;
  if (word === undefined || !Object.hasOwn(actions, word)) return command;
  const name = `${command.name} ${word}`;
  const examples = command.examples.filter((example) => example.includes(`signet ${name} `));
  return { ...rest, ...actions[word]!, name, examples };
}

/** A command cannot do what it was asked. `message` says what was attempted and found, `remedy` what to do. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: ExitCode;
  readonly remedy: string;

  constructor(exitCode: ExitCode, message: string, remedy: string) {
    super(message);
    this.exitCode = exitCode;
    this.remedy = remedy;
  }
}
