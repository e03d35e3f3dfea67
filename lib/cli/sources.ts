// Where a command's settings come from: its flags, and the machine's environment and files.
import type { Sources } from "../config/load.ts";
import type { CommandContext } from "./command.ts";

export function sourcesOf(context: CommandContext): Sources {
  const { isOwnFile, checkWritable, foreignHands } = context;
  return {
    flags: context.flags,
    env: context.env,
    readTextFile: (path) => context.readTextFile(path),
    fileMode: (path) => context.fileMode(path),
    now: () => context.now(),
    ...(isOwnFile === undefined ? {} : { isOwnFile }),
    ...(checkWritable === undefined ? {} : { checkWritable }),
    ...(foreignHands === undefined ? {} : { foreignHands }),
  };
}
