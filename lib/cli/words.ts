// A word a command was given: as an argument, or on standard input where no process list shows it.
import { type CommandContext, CommandFailure, EXIT } from "./command.ts";

export interface WordOptions {
  /** For messages: `session id`. */
  readonly what: string;
  /** For messages: `signet inspect`. */
  readonly command: string;
}

/**
 * The `index`th argument, or all of standard input where that is `-`; without blanks around it.
 * @throws CommandFailure if it is blank
 */
export async function readWord(context: CommandContext, index: number, options: WordOptions): Promise<string> {
  const argument = context.flags.positionals[index];
  const text = (argument === "-" ? await context.readStdin() : argument ?? "").trim();
  if (text !== "") return text;
  const { what, command } = options;
  throw new CommandFailure(
    EXIT.usage,
    argument === "-" ? `standard input holds no ${what}` : `there is no ${what}`,
    `Write \`${command} ${
      what.toUpperCase().replaceAll(" ", "_")
    }\`, or \`${command} -\` and give it on standard input.`,
  );
}
