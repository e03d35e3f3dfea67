// `signet tap HASH`: one session of a running Signet, as it is used: method, name, outcome, time of every exchange, and
// nothing of what was said.
import type { TapEvent } from "../../admin/live_api.ts";
import { ConfigError } from "../../errors.ts";
import { type Command, type CommandContext, CommandFailure, EXIT, type ExitCode } from "../command.ts";
import { ADMIN_FLAG, ADMIN_SETTINGS } from "../control/admin_target.ts";
import { asCommand } from "../control/failures.ts";
import { remoteControl } from "../control/open_control.ts";
import { JSON_FLAG, printJson, wantsJson } from "../screen/output.ts";
import { printable, type Style, styleFor } from "../screen/text.ts";
import { columnsOf } from "../screen/watch.ts";
import { readWord } from "../words.ts";
import { sessionHash } from "./session_hash.ts";

/** How `tap` ends by itself. */
interface Ended {
  readonly ended: string;
}

/** @throws ConfigError if it is none: a whole id, say, which has no business in an address */
async function readHash(context: CommandContext): Promise<string> {
  const read = sessionHash.parse(await readWord(context, 0, { what: "hash", command: "signet tap" }));
  if ("value" in read) return read.value;
  throw new ConfigError([{ place: "signet tap", ...read }]);
}

async function run(context: CommandContext): Promise<ExitCode> {
  const hash = await readHash(context);
  const control = await remoteControl(context, "watching a session");
  const stopped = new AbortController();
  const forget = (["SIGINT", "SIGTERM"] as const).map((name) => context.onSignal(name, () => stopped.abort()));
  forget.push(context.onStdoutGone(() => stopped.abort()));
  try {
    const events = await asCommand(() => control.tap(hash, stopped.signal));
    let last: TapEvent | Ended | undefined;
    for await (const event of events) {
      show(context, last = event as TapEvent | Ended);
      if (context.stdoutIsGone?.() === true) return EXIT.done;
    }
    if (stopped.signal.aborted || (last !== undefined && "ended" in last)) return EXIT.done;
    const remedy = "See whether it still runs: `signet status`.";
    throw new CommandFailure(EXIT.unreachable, "watching a session: Signet has ended, or the connection to it", remedy);
  } catch (error) {
    // Also before there was an answer.
    if (stopped.signal.aborted) return EXIT.done;
    throw error;
  } finally {
    for (const unsubscribe of forget) unsubscribe();
  }
}

function show(context: CommandContext, event: TapEvent | Ended): void {
  if (wantsJson(context)) return printJson(context, event);
  const style = styleFor(context.stdoutIsTerminal, context.env);
  if ("ended" in event) return context.stdout(`${style.dim("the session has ended")}: ${printable(event.ended)}\n`);
  context.stdout(formatEvent(event, style, columnsOf(context, Infinity)) + "\n");
}

/** `12:34:56  tools/call query  200  3.4ms`; what finds no room in a line is left out, from the right. */
export function formatEvent(event: TapEvent, style: Style, width: number): string {
  const { atMs, ms, method, name, member, bytesIn, bytesOut } = event;
  const outcome = outcomeOf(event);
  const time = new Date(atMs).toISOString().slice(11, 19);
  const what = [printable(method), ...(name === undefined ? [] : [printable(name)])].join(" ");
  const took = event.stream === true ? "stream" : ms >= 1000 ? `${(ms / 1000).toFixed(1)}s` : `${ms}ms`;
  const fixed = [time, outcome.text, took];
  const room = width - fixed.reduce((sum, text) => sum + text.length + 2, 0);
  const shown = what.length <= room ? what : `${what.slice(0, Math.max(1, room - 1))}…`;
  const more = [...(member === undefined ? [] : [`at ${printable(member)}`]), `${bytesIn}→${bytesOut} B`].join("  ");
  const line = `${style.dim(time)}  ${shown}  ${outcome.bad ? style.danger(outcome.text) : outcome.text}  ${took}`;
  const length = time.length + shown.length + outcome.text.length + took.length + 6;
  return length + 2 + more.length <= width ? `${line}  ${style.dim(more)}` : line;
}

function outcomeOf(event: TapEvent): { readonly text: string; readonly bad: boolean } {
  const { status, rpcCode, isError, refusal, cutBy, revived, rerun } = event;
  const parts = [
    status === 0 ? "no answer" : `${status}`,
    ...(refusal === undefined ? [] : [printable(refusal)]),
    ...(rpcCode === undefined || refusal !== undefined ? [] : [`${rpcCode}`]),
    ...(isError === true ? ["isError"] : []),
    ...(cutBy === undefined ? [] : [`cut by ${printable(cutBy)}`]),
    ...(revived === true ? ["brought back"] : []),
    ...(rerun === true ? ["run again"] : []),
  ];
  return { text: parts.join(" "), bad: status >= 400 || status === 0 || rpcCode !== undefined || isError === true };
}

export const tap: Command = {
  name: "tap",
  summary: "watch one session: method, name, outcome, time of its exchanges",
  description: [
    "HASH is what `signet sessions` and the log call the session. Nothing of what is said is shown: no",
    "arguments, no answers. Ends with the session, or by Ctrl-C.",
  ],
  arguments: [{ name: "HASH" }],
  examples: [
    "signet tap 3f2a9c01d4e5",
    "signet tap 3f2a9c01d4e5 --admin http://signet:9090 --admin-token-file admin --json",
  ],
  settings: ADMIN_SETTINGS,
  own: [JSON_FLAG, ADMIN_FLAG],
  run,
};
