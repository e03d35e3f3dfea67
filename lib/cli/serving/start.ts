// What keeps Signet from starting, as a failure of the command: what was found, and the setting to change.
import type { ListenError } from "../../app/running_app.ts";
import { systemFault } from "../../platform/faults/system_fault.ts";
import { CommandFailure, EXIT } from "../command.ts";
import { asCommand } from "../control/failures.ts";

/** Why a listener could not be opened, for the errors an operator can cure; FLAG is the setting. */
const LISTEN_FAULTS: Readonly<Partial<Record<string, readonly [found: string, remedy: string]>>> = {
  AddrInUse: ["the address is in use", "Stop what listens there, or choose another FLAG."],
  AddrNotAvailable: ["this machine has no such address", "Choose an address of this machine for FLAG."],
  NotFound: ["the name does not resolve", "Write an IP address or a name that this machine resolves for FLAG."],
  PermissionDenied: ["the system forbids it", "Ports below 1024 need a privilege: choose another FLAG."],
};

/** @throws CommandFailure in place of what keeps `start` from listening; ConfigError; what is a bug goes on */
export async function startAsCommand<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await asCommand(start);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { name, message, cause } = error;
    // By its name: the class is in the part of the program that is loaded only to serve.
    const [attempt, flag, fault] = name === "ListenError"
      ? [message, (error as ListenError).flag, cause]
      : ["starting to listen", "--listen or --admin", error];
    const [found, remedy] = LISTEN_FAULTS[listenFault(fault) ?? ""] ?? [];
    if (found !== undefined && remedy !== undefined) {
      throw new CommandFailure(EXIT.unreachable, `${attempt}: ${found}`, remedy.replace("FLAG", flag));
    }
    if (name !== "ListenError") throw error;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(
      EXIT.unreachable,
      `${attempt}: ${said}`,
      `See whether ${flag}, or a file it needs, is right.`,
    );
  }
}

function listenFault(fault: unknown): string | undefined {
  // Deno says it in words alone.
  if (fault instanceof Error && /lookup address|getaddrinfo|not known|ENOTFOUND|resolve/i.test(fault.message)) {
    return "NotFound";
  }
  // And Bun of a name that leads nowhere no more than that, of all else with a code.
  const { code, message } = (fault ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (code === undefined && /^Failed to listen at \S*[^\d.:]/.test(String(message))) return "NotFound";
  const known = systemFault(fault);
  return known === "NotFound" ? undefined : known;
}
