// `signet reload`: what SIGHUP does, over the admin listener, and what is wrong with the new configuration if it is
// refused (docs/behaviour.md P2, P7).
import { type Command, type CommandContext, EXIT, type ExitCode } from "../command.ts";
import { ADMIN_FLAG, ADMIN_SETTINGS } from "../control/admin_target.ts";
import { asCommand } from "../control/failures.ts";
import { remoteControl } from "../control/open_control.ts";
import { printNote } from "../screen/output.ts";
import { formatProblems, styleFor } from "../screen/text.ts";

async function run(context: CommandContext): Promise<ExitCode> {
  const control = await remoteControl(context, "reloading");
  const { problems, restart } = await asCommand(() => control.reload());
  if (problems.length === 0) {
    context.stdout("reloaded\n");
    if (restart.length > 0) {
      printNote(
        context,
        `signet: What has changed of ${restart.join(", ")} waits for a restart; all else is in force.`,
      );
    }
    return EXIT.done;
  }
  context.stderr(formatProblems(problems, styleFor(context.stderrIsTerminal, context.env, context.stdoutColumns)));
  return EXIT.failedCheck;
}

export const reload: Command = {
  name: "reload",
  summary: "make a running Signet read its keys and configuration again",
  description: [
    "As SIGHUP does, however that Signet was started. Exit code 1, with every problem, if what is",
    "configured now is not sound: then it goes on with the old. What needs a restart is named.",
  ],
  arguments: [],
  examples: ["signet reload", "signet reload --admin http://signet:9090 --admin-token-file admin"],
  settings: ADMIN_SETTINGS,
  own: [ADMIN_FLAG],
  run,
};
