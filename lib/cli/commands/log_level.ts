// `signet log-level [LEVEL]`: what a running Signet's log shows, told or set for as long as it runs, until a reload.
import { LOG_LEVELS } from "../../observe/log.ts";
import { type Command, type CommandContext, EXIT, type ExitCode } from "../command.ts";
import { ADMIN_FLAG, ADMIN_SETTINGS } from "../control/admin_target.ts";
import { asCommand } from "../control/failures.ts";
import { remoteControl } from "../control/open_control.ts";

async function run(context: CommandContext): Promise<ExitCode> {
  const [level] = context.flags.positionals;
  const control = await remoteControl(context, "the log's level");
  context.stdout(`${await asCommand(() => control.logLevel(level))}\n`);
  return EXIT.done;
}

export const logLevel: Command = {
  name: "log-level",
  summary: "tell or set how much a running Signet logs, until its next reload",
  description: ["For good it is set with --log-level, in the file or the environment, and a reload."],
  arguments: [{ name: "LEVEL", choices: LOG_LEVELS, optional: true }],
  examples: ["signet log-level", "signet log-level debug"],
  settings: ADMIN_SETTINGS,
  own: [ADMIN_FLAG],
  run,
};
