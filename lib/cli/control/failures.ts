// What a control refuses, as a failure of the command: the exit code says whether asking otherwise, or again, would help.
import { SignetError } from "../../errors.ts";
import { StoreError } from "../../store/store.ts";
import { CommandFailure, EXIT, type ExitCode } from "../command.ts";

/** Of an HTTP status, or of the status an error would have. */
export function exitCodeOf(status: number): ExitCode {
  if (status >= 500) return EXIT.unreachable;
  // What was asked for is not there, or is not to be had now: 404, 429.
  return status === 404 || status === 429 ? EXIT.failedCheck : EXIT.usage;
}

/** @throws CommandFailure in place of what the control throws; anything else is a bug and goes on */
export async function asCommand<T>(attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof SignetError) {
      // A store's own words are closer to the cure.
      if (error.cause instanceof StoreError) throw storeFailure(error.cause);
      throw new CommandFailure(exitCodeOf(error.kind.status), error.message, error.detail.remedy ?? "");
    }
    if (error instanceof StoreError) throw storeFailure(error);
    throw error;
  }
}

function storeFailure({ problem, remedy }: StoreError): CommandFailure {
  return new CommandFailure(EXIT.unreachable, problem, remedy);
}
