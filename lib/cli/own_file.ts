// A file that a command is told of by a flag or word of its own: read, or a failure in words. What settings name is looked
// at before (`config/named/named_files.ts`).
import { explainReadError } from "../config/named/read_error.ts";
import { type CommandContext, CommandFailure, EXIT } from "./command.ts";

/** @throws CommandFailure if it cannot be read */
export async function readOwnFile(
  context: Pick<CommandContext, "readTextFile">,
  { path, flag }: { readonly path: string; readonly flag: string },
): Promise<string> {
  try {
    return await context.readTextFile(path);
  } catch (error) {
    const { problem, remedy } = explainReadError(error, path);
    throw new CommandFailure(EXIT.usage, `--${flag} ${path}: ${problem}`, remedy);
  }
}
