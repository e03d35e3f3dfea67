// `signet keys new | list`: makes a key, or tells which keys a configuration has, by id and never by content.
import { type Command, type CommandContext, CommandFailure, EXIT, type ExitCode } from "../command.ts";
import { printable } from "../screen/text.ts";

async function printNewKey(context: CommandContext): Promise<ExitCode> {
  const { generateKey } = await import("../../envelope/key_ring.ts");
  context.stdout(`${generateKey((length) => context.random(length))}\n`);
  if (context.stdoutIsTerminal) {
    context.stderr("Put it first in the key file, before the older keys: the first key seals, all open.\n");
  }
  return EXIT.done;
}

async function listKeys(context: CommandContext): Promise<ExitCode> {
  const { requireKeys } = await import("../configuration.ts");
  const { ring, source } = await requireKeys(
    context,
    new CommandFailure(
      EXIT.failedCheck,
      "listing the keys: none is configured",
      "Make one with `signet keys new`, then set --key-file or MCP_ENCRYPTION_KEY.",
    ),
  );
  for (const key of ring.keys) {
    const does = key === ring.active ? "seals and opens" : "opens";
    context.stdout(`${key.id}  ${does}  ${printable(source)}\n`);
  }
  return EXIT.done;
}

function run(context: CommandContext): Promise<ExitCode> {
  return context.flags.positionals[0] === "new" ? printNewKey(context) : listKeys(context);
}

export const keys: Command = {
  name: "keys",
  summary: "make a key, or list the ids of those configured",
  description: [
    "new prints one base64 key of 32 random bytes. list tells which key seals and which open, by id.",
    "To rotate: put the new key on the first line of the key file, then send SIGHUP; remove the old",
    "one when the last session it sealed has expired (--session-ttl).",
  ],
  arguments: [{ name: "ACTION", choices: ["new", "list"] }],
  examples: ["(umask 077; signet keys new > signet.key)", "signet keys list --key-file signet.key"],
  settings: ["keyFile", "unsafeFiles"],
  actions: {
    new: { arguments: [], settings: [] },
    list: { arguments: [], settings: ["keyFile", "unsafeFiles"] },
  },
  run,
};
