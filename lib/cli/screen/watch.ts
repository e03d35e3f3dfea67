// Looking again and again until somebody has seen enough: what `--watch` does. On a terminal each view takes the place of
// the last, on the other screen, so that nothing of it is left behind; elsewhere one follows the other.
import { type OwnFlag, ownValue } from "../../config/flags.ts";
import { boolean } from "../../config/values/kinds.ts";
import { duration } from "../../config/values/quantities.ts";
import { HOUR, SECOND } from "../../config/values/units.ts";
import { SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { type CommandContext, CommandFailure, EXIT, type ExitCode } from "../command.ts";
import { printed, sentence, styleFor } from "./text.ts";

export const WATCH_FLAG: OwnFlag<boolean> = {
  name: "watch",
  doc: "Look again and again, until Ctrl-C",
  kind: boolean,
  isFlag: true,
};
export const EVERY_FLAG: OwnFlag<number> = {
  name: "every",
  doc: "How long between two looks of --watch [2s]",
  kind: duration({ min: SECOND / 5, max: HOUR }),
};
const EVERY_MS = 2 * SECOND;

const OTHER_SCREEN = "\x1b[?1049h\x1b[?25l";
const OWN_SCREEN = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

/** One view, whole; asked for anew at each look. @throws CommandFailure */
export type Look = () => Promise<string>;

/** Looks once, or with --watch until a signal comes or nobody reads any more. Exit code 0 in the latter case. */
export async function lookOrWatch(context: CommandContext, look: Look): Promise<ExitCode> {
  if (ownValue(context.flags, WATCH_FLAG) !== true) {
    context.stdout(await look());
    return EXIT.done;
  }
  const stopped = Promise.withResolvers<void>();
  const forget = (["SIGINT", "SIGTERM"] as const).map((name) => context.onSignal(name, () => stopped.resolve()));
  forget.push(context.onStdoutGone(() => stopped.resolve()));
  const everyMs = ownValue(context.flags, EVERY_FLAG) ?? EVERY_MS;
  if (context.stdoutIsTerminal) context.drive(OTHER_SCREEN);
  try {
    let watching = true;
    stopped.promise.then(() => watching = false);
    while (watching) {
      const view = await Promise.race([lookAgain(look), stopped.promise]);
      if (view === undefined) break;
      show(context, view);
      if (context.stdoutIsGone?.() === true) break;
      await pauseOrStop(everyMs, stopped.promise);
    }
  } finally {
    for (const unsubscribe of forget) unsubscribe();
    if (context.stdoutIsTerminal) context.drive(OWN_SCREEN);
  }
  return EXIT.done;
}

/** Whoever watches wants to see it come back: nobody answering ends nothing. */
async function lookAgain(look: Look): Promise<string> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.exitCode !== EXIT.unreachable) throw error;
    return `${sentence(error.message)} ${sentence(error.remedy)}\n`;
  }
}

function show(context: CommandContext, view: string): void {
  if (!context.stdoutIsTerminal) return context.stdout(view);
  const rows = context.terminalSize?.()?.rows;
  const lines = view.trimEnd().split("\n");
  // The last line stays free: writing into it could scroll.
  const shown = rows === undefined ? lines : lines.slice(0, Math.max(1, rows - 1));
  const style = styleFor(true, context.env);
  context.drive(HOME + shown.map((line) => `${printed(line, style)}${CLEAR_LINE}\n`).join("") + CLEAR_BELOW);
}

async function pauseOrStop(ms: number, stopped: Promise<void>): Promise<void> {
  const passed = Promise.withResolvers<void>();
  const cancel = SYSTEM_TIMERS.after(ms, passed.resolve);
  await Promise.race([passed.promise, stopped]);
  cancel();
}

/** What is made for a page has so many columns in a file, which has none of its own. */
export const FILE_COLUMNS = 98;

/** Characters in a line: of the terminal as it is now, else as it was, else of a file. */
export function columnsOf(context: CommandContext, ofFile: number): number {
  if (!context.stdoutIsTerminal) return ofFile;
  return context.terminalSize?.()?.columns ?? context.stdoutColumns ?? ofFile;
}
