// `signet explain [CODE]`: what a code or an event of the log means, and what to do (docs/behaviour.md V4). A number is an
// HTTP status or a JSON-RPC code: all that have it are explained.
import { closest } from "../../config/closest.ts";
import { ownValue } from "../../config/flags.ts";
import { type Command, type CommandContext, CommandFailure, EXIT, type ExitCode } from "../command.ts";
import type { Explained } from "../explained/table.ts";
import { jsonIfAsked, printJson } from "../screen/output.ts";
import { printable, styleFor, wrap } from "../screen/text.ts";

const JSON_FLAG = jsonIfAsked();
const MOST_COLUMNS = 100;

function titleOf({ name, answer }: Explained): string {
  if (answer === undefined) return name;
  return `${name}  (HTTP ${answer.status}, JSON-RPC ${answer.rpcCode}: ${answer.publicMessage})`;
}

function formatOne(context: CommandContext, explained: Explained): string {
  const style = styleFor(context.stdoutIsTerminal, context.env);
  const width = Math.min(context.stdoutColumns ?? MOST_COLUMNS, MOST_COLUMNS);
  const [first = "", ...more] = wrap(titleOf(explained), width);
  const paragraphs = [explained.meaning, explained.cure].filter((text) => text !== "");
  return [
    ...[style.bold(first), ...more],
    ...paragraphs.flatMap((text) => wrap(text, width - 2).map((line) => `  ${line}`)),
    "",
  ].join("\n");
}

type Table = typeof import("../explained/table.ts");

function formatList(context: CommandContext, { EXPLAINED, KINDS }: Table): string {
  const style = styleFor(context.stdoutIsTerminal, context.env);
  const width = Math.min(context.stdoutColumns ?? MOST_COLUMNS, MOST_COLUMNS);
  const blocks = Object.entries(KINDS).map(([kind, heading]) => {
    const names = EXPLAINED.filter((explained) => explained.kind === kind).map(({ name }) => name);
    const lines = kind === "event"
      ? names.flatMap((name) => wrap(name, width - 4).map((line, index) => `${index === 0 ? "  " : "    "}${line}`))
      : wrap(names.join(", "), width - 2).map((line) => `  ${line}`);
    return [...wrap(heading, width).map((line) => style.bold(line)), ...lines, ""].join("\n");
  });
  return [...blocks, ...wrap("`signet explain NAME` tells what it means and what to do.", width), ""].join("\n");
}

function notFound(asked: string, { EXPLAINED, plain }: Table): CommandFailure {
  const near = closest(plain(asked), EXPLAINED.map(({ name }) => name));
  const remedy = near === undefined
    ? "`signet explain` lists all there are."
    : `Did you mean \`signet explain ${/\s/.test(near) ? JSON.stringify(near) : near}\`?`;
  const shown = /^[\w .:;,'-]{1,64}$/.test(asked) ? ` "${printable(asked)}"` : "";
  return new CommandFailure(EXIT.failedCheck, `there is nothing of the name${shown} to explain`, remedy);
}

async function run(context: CommandContext): Promise<ExitCode> {
  const table = await import("../explained/table.ts");
  const asked = context.flags.positionals.join(" ");
  const found = asked === "" ? table.EXPLAINED : table.findExplained(asked);
  if (found.length === 0) throw notFound(asked, table);
  if (ownValue(context.flags, JSON_FLAG) === true) {
    for (const { kind, name, answer, meaning, cure } of found) {
      printJson(context, { kind, name, status: answer?.status, rpcCode: answer?.rpcCode, meaning, cure });
    }
  } else if (asked === "") context.stdout(formatList(context, table));
  else context.stdout(found.map((one) => formatOne(context, one)).join("\n"));
  return EXIT.done;
}

export const explain: Command = {
  name: "explain",
  summary: "tell what a code or an event of the log means, and what to do",
  description: [
    "CODE is a code, an outcome, the text of a log line's event, an HTTP status or a JSON-RPC code.",
    "Without one all are listed. Exit code 1 if there is nothing of that name.",
  ],
  arguments: [{ name: "CODE", optional: true, many: true }],
  examples: [
    "signet explain",
    "signet explain owner_mismatch",
    'signet explain "session not resurrected"',
    "signet explain 404",
  ],
  settings: [],
  own: [JSON_FLAG],
  run,
};
