// How a server's process is started: never by a shell, as leader of a group of its own, with an environment made of an
// allow-list and what is configured (docs/behaviour.md B1, B7). Tools of the system add what the runtime cannot:
// `setpriv` that the kernel ends the process with Signet, `prlimit` that it stays within bounds.
import { stat } from "node:fs/promises";
import { HttpError } from "../../http1/types.ts";
import { MARK_VARIABLE } from "./process_table.ts";

/** Variables a program needs to find itself on a machine, and which hold no secrets by their purpose. */
const INHERITED_VARIABLES: readonly string[] = [
  "HOME",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "LOGNAME",
  "PATH",
  "SHELL",
  "TERM",
  "TMPDIR",
  "TZ",
  "USER",
];

/** Caps the kernel keeps on each process of a server, as `prlimit` names them. */
export interface ResourceLimits {
  /** Bytes of address space. */
  readonly as?: number;
  /** Seconds of CPU time. */
  readonly cpu?: number;
  /** Open files. */
  readonly nofile?: number;
  /** Processes of the user. */
  readonly nproc?: number;
  /** Bytes of a file written. */
  readonly fsize?: number;
  /** Bytes of a core dump. */
  readonly core?: number;
}

/** The server as it is configured. Nothing of it comes from a request. */
export interface ServerCommand {
  /** A path, or a name looked up in `PATH`. */
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Names of variables handed down besides {@link INHERITED_VARIABLES}. */
  readonly inherit?: readonly string[];
  /** Variables set. */
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  readonly limits?: ResourceLimits;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    const found = await stat(path);
    return found.isFile() && (found.mode & 0o111) !== 0;
  } catch {
    return false;
  }
}

/** The file that `command` names; undefined if there is none that can be run. */
export async function findProgram(command: string, path: string, cwd = "."): Promise<string | undefined> {
  if (command.includes("/")) {
    const file = command.startsWith("/") ? command : `${cwd}/${command}`;
    return await isExecutable(file) ? command : undefined;
  }
  for (const folder of path.split(":")) {
    const file = `${folder === "" ? "." : folder}/${command}`;
    if (await isExecutable(file)) return file;
  }
  return undefined;
}

/** What is known of the machine before the first start. */
export interface Machine {
  /** This process's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whether the kernel knows parent-death signals and `prlimit`. */
  readonly linux: boolean;
}

/** The program, and the tools that start it, as they are found at this moment. */
export interface Programs {
  readonly program: string;
  readonly setpriv: string | undefined;
  readonly prlimit: string | undefined;
}

/** Without what was meant as its arguments, where all was given as one word: they are shown nowhere. */
function nameOf({ command }: ServerCommand): string {
  return command.replace(/\s.*$/s, " …");
}

/** @throws HttpError `connect_failed` if the server's program cannot be found */
export async function findPrograms(server: ServerCommand, machine: Machine): Promise<Programs> {
  const path = server.env?.PATH ?? machine.environment.PATH ?? "/usr/local/bin:/usr/bin:/bin";
  const program = await findProgram(server.command, path, server.cwd);
  if (program === undefined) {
    const found = server.command.includes("/") ? "no executable file there" : "no such program in PATH";
    throw new HttpError("connect_failed", `starting ${nameOf(server)}: found ${found}`, { unsent: true });
  }
  const tool = (name: string) => machine.linux ? findProgram(name, path) : Promise.resolve(undefined);
  const prlimit = await tool("prlimit");
  if (server.limits !== undefined && prlimit === undefined) {
    throw new HttpError("connect_failed", `starting ${nameOf(server)}: found no prlimit, wanted for its limits`, {
      unsent: true,
    });
  }
  return { program, setpriv: await tool("setpriv"), prlimit };
}

/** The whole environment of a process: allow-listed, configured, and the mark by which its descendants are known. */
export function environmentOf(
  server: ServerCommand,
  machine: Machine,
  added: { readonly secrets: Readonly<Record<string, string>>; readonly mark: string },
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of [...INHERITED_VARIABLES, ...(server.inherit ?? [])]) {
    const value = machine.environment[name];
    if (value !== undefined) env[name] = value;
  }
  return { ...env, ...server.env, ...added.secrets, [MARK_VARIABLE]: added.mark };
}

function limitArguments(limits: ResourceLimits): string[] {
  return Object.entries(limits).map(([name, value]) => `--${name}=${value}`);
}

/** The command line: the program, behind the tools that set up its process and then become it. */
export function commandLine(server: ServerCommand, programs: Programs): { command: string; args: string[] } {
  const line = [programs.program, ...server.args];
  const limits = server.limits === undefined ? [] : limitArguments(server.limits);
  if (programs.prlimit !== undefined && limits.length > 0) line.unshift(programs.prlimit, ...limits, "--");
  // The signal reaches this process alone, not what it starts; and it reaches it even if Signet is killed outright.
  if (programs.setpriv !== undefined) line.unshift(programs.setpriv, "--pdeathsig", "KILL", "--");
  const [command, ...args] = line as [string, ...string[]];
  return { command, args };
}
