// `signet stop`: what SIGTERM does, over the admin listener, and waits until it is done (docs/behaviour.md P2, P7).
import { pause, SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { type Command, type CommandContext, CommandFailure, EXIT, type ExitCode } from "../command.ts";
import { ADMIN_FLAG, ADMIN_SETTINGS } from "../control/admin_target.ts";
import { asCommand } from "../control/failures.ts";
import { remoteControl } from "../control/open_control.ts";

/** How often it is looked whether it has gone, in ms. */
const LOOK_MS = 100;
/** Beyond the time it gives open calls: for processes to end and files to be closed. */
const BEYOND_MS = 30_000;

async function run(context: CommandContext): Promise<ExitCode> {
  const control = await remoteControl(context, "stopping");
  const drainTimeoutMs = await asCommand(() => control.stop());
  const deadline = performance.now() + drainTimeoutMs + BEYOND_MS;
  while (await control.isThere()) {
    if (performance.now() > deadline) {
      throw new CommandFailure(EXIT.streamsCut, "stopping: it still answers", "See its log, or end it with a signal.");
    }
    await pause(LOOK_MS, SYSTEM_TIMERS);
  }
  context.stdout("stopped\n");
  return EXIT.done;
}

export const stop: Command = {
  name: "stop",
  summary: "end a running Signet: no new sessions, open calls finish",
  description: [
    "As SIGTERM does, however that Signet was started, and returns when nobody answers any more. A",
    "second one ends it at once.",
  ],
  arguments: [],
  examples: ["signet stop", "signet stop --admin http://signet:9090 --admin-token-file admin"],
  settings: ADMIN_SETTINGS,
  own: [ADMIN_FLAG],
  run,
};
