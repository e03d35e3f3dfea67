// Ends all that a server has started and that is left of it: SIGTERM, then SIGKILL, each to everything (docs/behaviour.md B2).
import process from "node:process";
import { signalProcess } from "../../platform/process/signals.ts";
import { Patience, pause, type Timers } from "../../platform/time/timers.ts";
import { membersOf, type ProcessTable } from "./process_table.ts";

/** The processes of one server. */
export interface ServerFamily {
  readonly table: ProcessTable;
  readonly timers: Timers;
  /** Of the server's own process, the leader of its group. */
  readonly pid: number;
  /** The mark in its environment. */
  readonly mark: string;
  /** As of `membersOf`. */
  readonly since: number;
}

/** A process that the kernel cannot end (it waits for a dead disk) is given up and reported after this many ms. */
const GIVE_UP_MS = 10_000;
const POLL_MS = 20;
/** Servers that end at the same time share a look at the machine's processes. */
const SHARED_LOOK_MS = 20;

/** @param killAfterMs between SIGTERM and SIGKILL. @returns false if something is left that cannot be ended */
export async function endAll(family: ServerFamily, killAfterMs: number): Promise<boolean> {
  return await endsAfter(family, "SIGTERM", killAfterMs) || await endsAfter(family, "SIGKILL", GIVE_UP_MS);
}

/** Signals what is left, and waits for it. What is started meanwhile gets the signal too. */
async function endsAfter(family: ServerFamily, signal: "SIGTERM" | "SIGKILL", patienceMs: number): Promise<boolean> {
  const { timers } = family;
  const signalled = new Set<number>();
  const patience = new Patience(patienceMs, timers);
  for (let wait = POLL_MS;; wait = Math.min(wait * 1.5, 10 * POLL_MS)) {
    // A look may miss what is being started while it looks: only the second that finds nobody is believed.
    const left = await leftOf(family, performance.now() - SHARED_LOOK_MS);
    if (left.length === 0 && (await leftOf(family, performance.now())).length === 0) return true;
    for (const pid of left) {
      if (signalled.has(pid) && signal === "SIGTERM") continue;
      signalled.add(pid);
      signalProcess(pid, signal);
    }
    if (patience.leftMs === 0) return false;
    await pause(wait, timers);
  }
}

/** Ids of what is left; a negative one stands for the whole group, where its members cannot be told. */
async function leftOf({ table, pid, mark, since }: ServerFamily, sinceMs: number): Promise<readonly number[]> {
  const known = { pid, mark: table.owner === undefined ? undefined : mark, since };
  const members = await membersOf(table, known, sinceMs);
  if (members !== undefined) return members;
  return groupExists(pid) ? [-pid] : [];
}

/** Whether any process of the group exists; a zombie counts until its parent has reaped it. */
function groupExists(pid: number): boolean {
  try {
    return process.kill(-pid, 0);
  } catch (error) {
    return (error as { code?: unknown }).code === "EPERM";
  }
}
