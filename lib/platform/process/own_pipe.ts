// Another descriptor for the pipe behind one of this process: what is set there holds for nothing that others have of the
// pipe, which a shell gives to several programs.
import { constants, fstatSync, openSync } from "node:fs";

/**
 * A descriptor to write to the same pipe, which is never waited for: a full one answers EAGAIN. Undefined where `descriptor`
 * is no pipe, or the system lets nobody open it again (no Linux, no /proc, a pipe of another user's).
 */
export function reopenPipe(descriptor: number): number | undefined {
  try {
    if (!fstatSync(descriptor).isFIFO()) return undefined;
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}
