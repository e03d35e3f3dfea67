// `signet ready`: asks the admin listener whether it is ready; the exit code is the answer, for probes of containers that
// have no shell and no curl.
import { type OwnFlag, ownValue } from "../../config/flags.ts";
import { boolean } from "../../config/values/kinds.ts";
import { parseJson } from "../../platform/json.ts";
import { type Command, type CommandContext, CommandFailure, EXIT, type ExitCode } from "../command.ts";
import { ADMIN_FLAG, adminBase, unanswered } from "../control/admin_target.ts";
import { printable } from "../screen/text.ts";

const LIVE_FLAG: OwnFlag<boolean> = {
  name: "live",
  doc: "Ask only whether it is alive (/healthz), whatever it needs: a start-up probe before the MCP server is there",
  kind: boolean,
  isFlag: true,
};

/** A probe that hangs is a failed probe; Kubernetes itself waits 1 s by default. */
const TIMEOUT_MS = 5000;

/** What was looked at, from an answer of `/readyz`; whatever else answers there is not believed. */
function describeChecks(body: string): string {
  try {
    const checks = (parseJson(body) as { checks?: unknown } | null)?.checks;
    if (typeof checks !== "object" || checks === null) return "";
    const lines = Object.entries(checks).map(([name, state]) => `${name}: ${state}`).join("; ");
    return printable(lines.slice(0, 500));
  } catch {
    return "";
  }
}

/** Of the probes' paths at an admin listener, whatever it finds. */
const ANSWERS: ReadonlySet<number> = new Set([200, 500, 503]);

async function run(context: CommandContext): Promise<ExitCode> {
  const live = ownValue(context.flags, LIVE_FLAG) ?? false;
  const asked = live ? "a sign of life" : "readiness";
  const base = await adminBase(context, `asking for ${asked}`);
  let response: Response;
  let body: string;
  try {
    response = await context.fetch(`${base}/${live ? "healthz" : "readyz"}`, {
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    body = await response.text();
  } catch (fault) {
    throw new CommandFailure(
      EXIT.unreachable,
      `asking ${base} for ${asked}: ${unanswered(fault, TIMEOUT_MS)}`,
      "Start `signet serve`, or set --admin to the address it was given.",
    );
  }
  if (response.status === 200) {
    context.stdout(live ? "alive\n" : "ready\n");
    return EXIT.done;
  }
  const checks = live ? "" : describeChecks(body);
  context.stdout(`not ${live ? "alive" : "ready"}${checks === "" ? ` (status ${response.status})` : `: ${checks}`}\n`);
  if (!ANSWERS.has(response.status)) {
    const found = printable(`signet: ${base} is no admin listener of a Signet.`);
    context.stderr(`${found}\nSet --admin to the address it was given.\n`);
  }
  return EXIT.failedCheck;
}

export const ready: Command = {
  name: "ready",
  summary: "ask a running Signet whether it is ready; the exit code says it",
  description: ["Exit code 0 ready, 1 not ready, 3 nobody answers at --admin."],
  arguments: [],
  examples: [
    "signet ready",
    "signet ready --live",
    "signet ready --admin 127.0.0.1:9191",
    "signet ready --admin http://signet:9090",
  ],
  settings: ["admin", "unsafeFiles"],
  own: [LIVE_FLAG, ADMIN_FLAG],
  run,
};
