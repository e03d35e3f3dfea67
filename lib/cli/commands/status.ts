// `signet status [--watch]`: a running Signet at a glance, as GET /state on its admin listener tells it.
import type { StateAnswer } from "../../admin/state_view.ts";
import { ownValue } from "../../config/flags.ts";
import type { Command, CommandContext, ExitCode } from "../command.ts";
import { ADMIN_FLAG, ADMIN_SETTINGS } from "../control/admin_target.ts";
import { asCommand } from "../control/failures.ts";
import { remoteControl } from "../control/open_control.ts";
import { jsonIfAsked, jsonLine } from "../screen/output.ts";
import { styleFor } from "../screen/text.ts";
import { columnsOf, EVERY_FLAG, FILE_COLUMNS, lookOrWatch, WATCH_FLAG } from "../screen/watch.ts";

const JSON_FLAG = jsonIfAsked("One JSON value a line, one a look");

async function run(context: CommandContext): Promise<ExitCode> {
  const [control, { formatStatus }] = await Promise.all([
    remoteControl(context, "asking for its state"),
    import("../screen/status_view.ts"),
  ]);
  const json = ownValue(context.flags, JSON_FLAG) === true;
  let before: StateAnswer | undefined;
  return await lookOrWatch(context, async () => {
    const state = await asCommand(() => control.state());
    const style = styleFor(context.stdoutIsTerminal, context.env);
    const view = json
      ? jsonLine(state)
      : formatStatus(state, { style, width: columnsOf(context, FILE_COLUMNS), before });
    before = state;
    return view;
  });
}

export const status: Command = {
  name: "status",
  summary: "show a running Signet at a glance; with --watch again and again",
  description: [
    "Requests, latency, refusals by reason, what is in use of each limit, the MCP servers behind.",
    "With --watch there are rates, too. With the admin token the servers' addresses are shown.",
  ],
  arguments: [],
  examples: ["signet status", "signet status --watch", "signet status --admin http://signet:9090 --json"],
  settings: ADMIN_SETTINGS,
  own: [WATCH_FLAG, EVERY_FLAG, JSON_FLAG, ADMIN_FLAG],
  run,
};
