// How operators' commands show what they found: for people on a terminal, one JSON value a line otherwise.
import { type OwnFlag, ownValue } from "../../config/flags.ts";
import { boolean } from "../../config/values/kinds.ts";
import { escapeUnsafe } from "../../observe/escape.ts";
import type { CommandContext } from "../command.ts";

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
