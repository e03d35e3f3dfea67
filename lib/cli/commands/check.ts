// `signet check`: every problem of a configuration at once, with place and cure (docs/behaviour.md P3). Starts nothing.
import { type OwnFlag, ownValue } from "../../config/flags.ts";
import { SETTING_KEYS, type Settings } from "../../config/schema.ts";
import { formatAddress } from "../../config/values/addresses.ts";
import { boolean } from "../../config/values/kinds.ts";
import { ConfigError, type ConfigProblem } from "../../errors.ts";
import { type Command, type CommandContext, EXIT, type ExitCode } from "../command.ts";
import type { Configuration } from "../configuration.ts";
import { foreignListeners } from "../listeners.ts";
import { formatProblems, styleFor, wrap } from "../screen/text.ts";
import { asksAboutCall, CALL_FLAGS, checkCall } from "./check_call.ts";
import { BEARER_FLAG, bearerOf, tell } from "./doctor.ts";

const PROBE_FLAG: OwnFlag<boolean> = {
  name: "probe",
  doc: "Then try the MCP server and the identity providers, as doctor does",
  kind: boolean,
  isFlag: true,
};

async function run(context: CommandContext): Promise<ExitCode> {
  const [{ loadConfiguration }, { describeApi, formatSummary }] = await Promise.all([
    import("../configuration.ts"),
    import("../serving/summary.ts"),
  ]);
  const style = styleFor(context.stdoutIsTerminal, context.env, context.stdoutColumns);
  try {
    const configuration = await loadConfiguration(context);
    if (asksAboutCall(context)) return await checkCall(context, configuration.settings);
    await requireStart(context, configuration.settings);
    const { settings } = configuration;
    const { listen, workers, admin } = settings;
    const running = {
      listen: formatAddress(listen),
      workers,
      admin: admin === "off" ? "off" : `${formatAddress(admin)}, ${describeApi(settings)}`,
    };
    for (const line of formatSummary(configuration, running, style)) context.stdout(`${line}\n`);
    for (const warning of configuration.warnings) {
      context.stdout(
        wrap(warning, style.columns - 4).map((line, index) => `  ${index === 0 ? "!" : " "} ${line}\n`).join(""),
      );
    }
    context.stdout("signet: no problem with the configuration\n");
    return ownValue(context.flags, PROBE_FLAG) === true ? await probed(context, configuration) : EXIT.done;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    context.stdout(formatProblems(error.problems, style));
    return EXIT.failedCheck;
  }
}

/** What a first request would find (V2). */
async function probed(context: CommandContext, configuration: Configuration): Promise<ExitCode> {
  const { probe } = await import("../doctor/probes.ts");
  context.stdout("\n");
  const { fail } = await tell(context, probe(context, configuration, { bearer: await bearerOf(context) }));
  return fail === 0 ? EXIT.done : EXIT.failedCheck;
}

/** What `serve` would find when it starts. @throws ConfigError */
async function requireStart(context: CommandContext, settings: Settings): Promise<void> {
  const listeners = await foreignListeners(context, settings);
  const program = await findProgramFault(context, settings);
  const problems = [
    ...listeners.map(({ flag, found, cure }) => ({ place: flag, problem: found, remedy: cure })),
    ...program === undefined ? [] : [program],
    ...await findFileFaults(context, settings),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
}

async function findProgramFault(context: CommandContext, settings: Settings): Promise<ConfigProblem | undefined> {
  const { command: [program], stdioDir, stdioVariables, upstreams } = settings;
  // With a PATH of its own the server is looked for elsewhere.
  if (context.findProgram === undefined || stdioVariables.some(({ name }) => name === "PATH")) return;
  for (const { command: [program], name } of upstreams) {
    if (program === undefined || await context.findProgram(program, stdioDir) !== undefined) continue;
    const problem = `looking for ${JSON.stringify(program)} of ${name}: there is no such program`;
    return { place: "--upstream", problem, remedy: "Write the program as a shell would find it, or its path." };
  }
  if (program === undefined) return;
  if (await context.findProgram(program, stdioDir) !== undefined) return;
  const found = program.includes("/") ? "there is no such file that can be run" : "no program of this name is in PATH";
  const remedy = /\s/.test(program)
    ? "Write the words of the command apart: no shell takes it apart."
    : "Write the program as a shell would find it, or its path.";
  return { place: "--", problem: `looking for ${JSON.stringify(program)}: ${found}`, remedy };
}

/** Files that are another program's, or a newer Signet's. */
async function findFileFaults(context: CommandContext, { stateFile, audit }: Settings): Promise<ConfigProblem[]> {
  const state = stateFile === undefined ? undefined : await context.stateFault?.(stateFile);
  const log = audit?.kind === "file" ? await context.auditLogFault?.(audit.path) : undefined;
  return [
    ...state === undefined ? [] : [{ place: "--state", ...state }],
    ...log === undefined ? [] : [{ place: "--audit", ...log }],
  ];
}

export const check: Command = {
  name: "check",
  summary: "tell every problem of a configuration, with its place and cure",
  description: [
    "Takes the flags of serve, reads what serve would read, and starts nothing; with --probe it tries",
    "what serve would need. With --call it tells what the rules make of a call, by --as, and why.",
    "Exit code 0 or 1.",
  ],
  arguments: [],
  examples: [
    "signet check --config signet.yaml",
    "signet check --config signet.yaml --probe",
    "signet check --config signet.yaml --as claims.json --call delete_file",
    "signet check --upstream http://127.0.0.1:3000/mcp --listen 0.0.0.0:8080",
  ],
  settings: SETTING_KEYS,
  own: [PROBE_FLAG, BEARER_FLAG, ...CALL_FLAGS],
  reportsAllProblems: true,
  run,
};
