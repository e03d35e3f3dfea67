// `signet doctor`: everything that has to be right before the first request, looked at one after the other, each with what
// is wrong and the cure (docs/behaviour.md V2). What it opens it ends again; it shows no secret.
import { type OwnFlag, ownValue } from "../../config/flags.ts";
import { SETTING_KEYS } from "../../config/schema.ts";
import { file } from "../../config/values/kinds.ts";
import { ConfigError } from "../../errors.ts";
import { type Command, type CommandContext, EXIT, type ExitCode } from "../command.ts";
import type { Finding, Findings, Verdict } from "../doctor/finding.ts";
import { readOwnFile } from "../own_file.ts";
import { jsonIfAsked, printJson } from "../screen/output.ts";
import { styleFor, wrap } from "../screen/text.ts";
import { columnsOf, FILE_COLUMNS } from "../screen/watch.ts";

const JSON_FLAG = jsonIfAsked();
export const BEARER_FLAG: OwnFlag<string> = {
  name: "bearer-file",
  doc: "A token, alone in a file, that is shown to the MCP server as a client's would be",
  kind: file,
};
/** Servers say of themselves what they like, by the megabyte. */
const MOST_OF_A_FINDING = 500;

function bounded(text: string): string {
  return text.length <= MOST_OF_A_FINDING ? text : `${text.slice(0, MOST_OF_A_FINDING).toWellFormed()}…`;
}

/** Tells each finding as it comes; answers how many there were of each kind. */
export async function tell(context: CommandContext, findings: Findings): Promise<Record<Verdict, number>> {
  const { formatFinding } = await import("../doctor/finding.ts");
  const json = ownValue(context.flags, JSON_FLAG) === true;
  const counts = { ok: 0, warn: 0, fail: 0, skip: 0 };
  for await (const looked of findings) {
    const finding = { ...looked, found: bounded(looked.found) };
    counts[finding.verdict]++;
    const style = styleFor(context.stdoutIsTerminal, context.env);
    if (json) printJson(context, finding);
    else context.stdout(formatFinding(finding, style, columnsOf(context, FILE_COLUMNS)));
  }
  if (!json) {
    const lines = wrap(summaryOf(counts), columnsOf(context, FILE_COLUMNS) - 2);
    context.stdout(`\n${lines.map((line) => `  ${line}\n`).join("")}`);
  }
  return counts;
}

function summaryOf({ ok, warn, fail, skip }: Record<Verdict, number>): string {
  const told = [
    `${ok} ok`,
    ...(warn === 0 ? [] : [`${warn} to know of`]),
    ...(skip === 0 ? [] : [`${skip} not tried`]),
  ];
  return fail === 0 ? `nothing is wrong: ${told.join(", ")}` : [`${fail} wrong`, ...told].join(", ");
}

/** The token to try with. @throws CommandFailure if its file cannot be read */
export async function bearerOf(context: CommandContext): Promise<string | undefined> {
  const path = ownValue(context.flags, BEARER_FLAG);
  if (path === undefined) return undefined;
  return (await readOwnFile(context, { path, flag: BEARER_FLAG.name })).trim();
}

async function* examine(context: CommandContext): Findings {
  const [{ loadConfiguration }, local, { probe }] = await Promise.all([
    import("../configuration.ts"),
    import("../doctor/local.ts"),
    import("../doctor/probes.ts"),
  ]);
  yield local.examineProgram();
  let configuration;
  try {
    configuration = await loadConfiguration(context);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return void (yield* problemsOf(error));
  }
  yield { verdict: "ok", what: "configuration", found: "no problem" };
  for (const warning of configuration.warnings) yield warned(warning);
  yield* local.examineFiles(context, configuration);
  yield* local.examineListener(context, configuration.settings);
  yield* probe(context, configuration, { bearer: await bearerOf(context) });
}

function* problemsOf({ problems }: ConfigError): Iterable<Finding> {
  for (const { place, problem, remedy } of problems) {
    yield { verdict: "fail", what: "configuration", found: `${place}: ${problem}`, cure: remedy };
  }
}

/** One sentence or more: the last one is what to do. */
function warned(warning: string): Finding {
  return { verdict: "warn", what: "configuration", found: warning };
}

async function run(context: CommandContext): Promise<ExitCode> {
  const { fail } = await tell(context, examine(context));
  return fail === 0 ? EXIT.done : EXIT.failedCheck;
}

export const doctor: Command = {
  name: "doctor",
  summary: "try what a first request needs, and tell what is wrong",
  description: [
    "Takes the flags of serve. Looks at files, names, certificates, clocks, identity providers and a",
    "Signet that runs already; then opens a session with the MCP server as a client would, lists its",
    "tools and ends the session. Every step is bounded in time. Exit code 0, or 1 if something is wrong.",
  ],
  arguments: [],
  examples: [
    "signet doctor --config signet.yaml",
    "signet doctor --upstream http://127.0.0.1:3000/mcp --bearer-file token",
    "signet doctor -- npx -y @modelcontextprotocol/server-everything stdio",
  ],
  settings: SETTING_KEYS,
  own: [JSON_FLAG, BEARER_FLAG],
  run,
};
