// Who runs on this machine and belongs to whom, read from /proc (Linux): so that nothing a server started survives it.
// A process is known for ours by its group, by its parents, or by a mark in its environment that all its descendants
// inherit wherever they go: it names the Signet that made it by process id and start time, which never come again.
// Where /proc cannot be read (other systems, or not permitted), or is of another process namespace than this process's
// (one was made and no /proc mounted in it), the process group alone must do: there a number is another process's.
import { readlinkSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { parseStat, type ProcessStat, readOwnStat } from "../../platform/process/proc_stat.ts";

/** The variable that holds the mark. Not `SIGNET_…`: a server may be a Signet itself, and that namespace is its settings'. */
export const MARK_VARIABLE = "_MCP_PROCESS_OF";

export interface ProcessTable {
  /** Names this Signet; undefined where it cannot be told apart from others. */
  readonly owner: string | undefined;
  /**
   * All processes; undefined where they cannot be listed.
   * @param sinceMs a list begun at this time of `performance.now()` or later will do; default: now
   */
  list(sinceMs?: number): Promise<readonly ProcessStat[] | undefined>;
  /** One process; undefined if there is none of this id, or it may not be read. */
  find(pid: number): Promise<ProcessStat | undefined>;
  /** The mark of a process, read since the last list; undefined if it has none, or it may not be read. */
  markOf(pid: number): Promise<string | undefined>;
}

async function readEntry(folder: string, pid: string | number): Promise<ProcessStat | undefined> {
  try {
    return parseStat(await readFile(`${folder}/${pid}/stat`, "utf8"));
  } catch {
    return undefined; // it has ended meanwhile
  }
}

async function listProcesses(folder: string): Promise<readonly ProcessStat[] | undefined> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch {
    return undefined;
  }
  const pids = names.filter((name) => /^\d+$/.test(name));
  const entries = await Promise.all(pids.map((pid) => readEntry(folder, pid)));
  return entries.filter((entry) => entry !== undefined);
}

/** Process ids mean something only within their namespace: a container's are another machine's. */
function ownerName(folder: string): string | undefined {
  try {
    const namespace = /\d+/.exec(readlinkSync(`${folder}/self/ns/pid`))?.[0];
    const own = readOwnStat(folder);
    return namespace === undefined || own === undefined ? undefined : `${namespace}.${own.pid}.${own.startedAt}`;
  } catch {
    return undefined;
  }
}

/** The processes of this machine. Lists are shared by those who ask at about the same time. */
export class ProcFilesystem implements ProcessTable {
  readonly #folder: string;
  readonly owner: string | undefined;
  #listing: Promise<readonly ProcessStat[] | undefined> | undefined;
  #listedAtMs = -Infinity;
  /** Read once a list: when many servers end at a time, each looks at every process. */
  #marks = new Map<number, Promise<string | undefined>>();

  constructor(folder = "/proc") {
    this.#folder = folder;
    this.owner = ownerName(folder);
  }

  list(sinceMs = performance.now()): Promise<readonly ProcessStat[] | undefined> {
    if (this.owner === undefined) return Promise.resolve(undefined);
    if (this.#listing === undefined || this.#listedAtMs < sinceMs) {
      this.#listing = listProcesses(this.#folder);
      this.#listedAtMs = performance.now();
      this.#marks = new Map();
    }
    return this.#listing;
  }

  find(pid: number): Promise<ProcessStat | undefined> {
    return this.owner === undefined ? Promise.resolve(undefined) : readEntry(this.#folder, pid);
  }

  markOf(pid: number): Promise<string | undefined> {
    let mark = this.#marks.get(pid);
    if (mark === undefined) this.#marks.set(pid, mark = readMark(this.#folder, pid));
    return mark;
  }
}

async function readMark(folder: string, pid: number): Promise<string | undefined> {
  try {
    const environment = await readFile(`${folder}/${pid}/environ`, "utf8");
    const found = environment.split("\0").find((entry) => entry.startsWith(`${MARK_VARIABLE}=`));
    return found?.slice(MARK_VARIABLE.length + 1);
  } catch {
    return undefined;
  }
}

/** The mark of one server's processes: whose they are, and which. */
export function formatMark(table: ProcessTable, own: string): string {
  return `${table.owner ?? "0.0.0"}.${own}`;
}

/** Every process below `pid`, itself included, by their parents. */
function descendantsOf(pid: number, entries: readonly ProcessStat[]): Set<number> {
  const family = new Set([pid]);
  for (let grown = true; grown;) {
    grown = false;
    for (const entry of entries) {
      if (family.has(entry.pid) || !family.has(entry.parent)) continue;
      family.add(entry.pid);
      grown = true;
    }
  }
  return family;
}

/**
 * The living processes of a server started as leader of the group `pid`: those of its group, below it, or marked as its
 * own. Undefined where they cannot be listed.
 * @param since start time of the leader, if known: what is older cannot belong to it, so its mark is not read
 */
export async function membersOf(
  table: ProcessTable,
  server: { readonly pid: number; readonly mark: string | undefined; readonly since: number },
  sinceMs?: number,
): Promise<number[] | undefined> {
  const entries = await table.list(sinceMs);
  if (entries === undefined) return undefined;
  const family = descendantsOf(server.pid, entries);
  const members: number[] = [];
  for (const entry of entries) {
    if (entry.zombie || entry.startedAt < server.since) continue;
    const isMember = entry.group === server.pid || family.has(entry.pid) ||
      (server.mark !== undefined && await table.markOf(entry.pid) === server.mark);
    if (isMember) members.push(entry.pid);
  }
  return members;
}

/**
 * The living processes whose Signet has ended without ending them: it was killed, and so could not.
 * Only marks of this very process namespace count.
 */
export async function orphansOf(table: ProcessTable): Promise<number[]> {
  const namespace = table.owner?.split(".", 1)[0];
  const entries = await table.list();
  if (namespace === undefined || entries === undefined) return [];
  const alive = new Set(entries.filter(({ zombie }) => !zombie).map(({ pid, startedAt }) => `${pid}.${startedAt}`));
  const orphans: number[] = [];
  for (const { pid, zombie } of entries) {
    if (zombie) continue;
    const [owner, ownerPid, ownerStart] = (await table.markOf(pid))?.split(".") ?? [];
    if (owner === namespace && !alive.has(`${ownerPid}.${ownerStart}`)) orphans.push(pid);
  }
  return orphans;
}
