// How operators' commands show what they found: for people on a terminal, one JSON value a line otherwise.
import { type OwnFlag, ownValue } from "../../config/flags.ts";
import { boolean } from "../../config/values/kinds.ts";
import { escapeUnsafe } from "../../observe/escape.ts";
import type { CommandContext } from "../command.ts";
import { styleFor, wrap } from "./text.ts";

export const JSON_FLAG: OwnFlag<boolean> = {
  name: "json",
  doc: "One JSON value a line, as when the output is no terminal",
  kind: boolean,
  isFlag: true,
};

/** Whether JSON was asked for; on a terminal only if it was. */
export function wantsJson(context: CommandContext): boolean {
  return ownValue(context.flags, JSON_FLAG) ?? !context.stdoutIsTerminal;
}

/** Of a command that shows JSON only where it is asked to, whoever reads it. @param doc of one that says more by it */
export function jsonIfAsked(doc = "One JSON value a line"): OwnFlag<boolean> {
  return { name: "json", doc, kind: boolean, isFlag: true };
}

/** One value as a line: also where a terminal shows it, which names that clients and servers chose could drive (P1). */
export function jsonLine(value: unknown): string {
  return `${escapeUnsafe(JSON.stringify(value))}\n`;
}

export function printJson(context: CommandContext, value: unknown): void {
  context.stdout(jsonLine(value));
}

/** What is to be known besides the answer. On a line of its own where no terminal is: a script may look for it. */
export function printNote(context: CommandContext, note: string): void {
  const { columns } = styleFor(context.stderrIsTerminal, context.env, context.stdoutColumns);
  context.stderr(`${wrap(note, context.stderrIsTerminal ? columns : Infinity).join("\n")}\n`);
}
