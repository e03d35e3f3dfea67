// `signet ready`: asks the admin listener whether it is ready; the exit code is the answer, for probes of containers that
// have no shell and no curl.
import { formatAddress, isWildcard, type ListenAddress } from "../config/addresses.ts";
import { type Command, type CommandContext, CommandFailure, EXIT, type ExitCode } from "./command.ts";
import { sourcesOf } from "./sources.ts";

/** A probe that hangs is a failed probe; Kubernetes itself waits 1 s by default. */
const TIMEOUT_MS = 5000;

/** An address that can be dialled where a listener is bound to all. */
function dialled({ hostname, port }: ListenAddress): string {
  if (!isWildcard(hostname)) return formatAddress({ hostname, port });
  return formatAddress({ hostname: hostname === "::" ? "::1" : "127.0.0.1", port });
}

async function adminAddress(context: CommandContext): Promise<ListenAddress> {
  const { loadSome } = await import("../config/load.ts");
  const { settings: { admin }, places } = await loadSome(["admin"], sourcesOf(context));
  if (admin !== "off" && admin.port !== 0) return admin;
  const found = admin === "off" ? "the admin listener is off" : "the admin listener takes any free port";
  throw new CommandFailure(
    EXIT.usage,
    `asking for readiness: ${found} (${places.get("admin") ?? "--admin"})`,
    "Set --admin to the address `signet serve` was given.",
  );
}

/** What was looked at, from an answer of `/readyz`; whatever else answers there is not believed. */
function describeChecks(body: string): string {
  try {
    const checks = (JSON.parse(body) as { checks?: unknown } | null)?.checks;
    if (typeof checks !== "object" || checks === null) return "";
    const lines = Object.entries(checks).map(([name, state]) => `${name}: ${state}`).join("; ");
    // deno-lint-ignore no-control-regex
    return lines.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?").slice(0, 500);
  } catch {
    return "";
  }
}

async function run(context: CommandContext): Promise<ExitCode> {
  const authority = dialled(await adminAddress(context));
  let response: Response;
  let body: string;
  try {
    response = await context.fetch(`http://${authority}/readyz`, {
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    body = await response.text();
  } catch {
    throw new CommandFailure(
      EXIT.unreachable,
      `asking ${authority} for readiness: nobody answers`,
      "Start `signet serve`, or set --admin to the address it was given.",
    );
  }
  if (response.status === 200) {
    context.stdout("ready\n");
    return EXIT.done;
  }
  const checks = describeChecks(body);
  context.stdout(`not ready${checks === "" ? ` (status ${response.status})` : `: ${checks}`}\n`);
  return EXIT.failedCheck;
}

export const ready: Command = {
  name: "ready",
  summary: "ask a running Signet whether it is ready; the exit code is the answer",
  description: ["Exit code 0 ready, 1 not ready, 3 nobody answers at --admin."],
  arguments: [],
  examples: ["signet ready", "signet ready --admin 127.0.0.1:9191"],
  settings: ["admin"],
  run,
};
