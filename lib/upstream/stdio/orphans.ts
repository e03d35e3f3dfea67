// What an earlier Signet could not end because it was killed outright (SIGKILL, out of memory): found by the mark that
// every descendant of its servers carries, and ended at the next start (docs/behaviour.md B2).
//
// What is promised when Signet is killed: its servers lose their stdin at once, which ends well-behaved ones; on Linux
// with `setpriv` the kernel kills each server's own process; whatever those have started and left behind ends when the
// next Signet starts in the same process namespace, provided it may read /proc.
import type { Logger } from "../../observe/log.ts";
import { signalProcess } from "../../platform/process/signals.ts";
import { pause, type Timers } from "../../platform/time/timers.ts";
import { orphansOf, type ProcessTable } from "./process_table.ts";

export interface OrphanHunt {
  readonly table: ProcessTable;
  readonly timers: Timers;
  readonly log: Logger;
}

/** A process that starts others faster than they are found is not chased for ever. */
const MAX_ROUNDS = 50;
const PAUSE_MS = 20;

/** Ends processes of servers whose Signet is gone; answers how many there were. */
export async function endOrphans({ table, timers, log }: OrphanHunt): Promise<number> {
  const ended = new Set<number>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const orphans = await orphansOf(table);
    if (orphans.length === 0) break;
    for (const pid of orphans) {
      ended.add(pid);
      // One that is another user's is found again, and counted but once.
      signalProcess(pid, "SIGKILL");
    }
    await pause(PAUSE_MS, timers);
  }
  if (ended.size > 0) log.warn("ended processes of a Signet that was killed", { processes: ended.size });
  return ended.size;
}
