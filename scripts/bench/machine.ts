// What the kernel knows of a process and of the machine: CPU time, resident memory, cores. Linux only (proc(5)).

/** Clock ticks a second of /proc/PID/stat; fixed at 100 on every Linux that Deno runs on. */
const TICKS_PER_SECOND = 100;

/**
 * utime + stime of one /proc/PID/stat line, in µs. The command name may hold blanks and brackets, so fields count from
 * the last `)`.
 */
export function cpuMicrosOfStat(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!Number.isFinite(ticks)) throw new Error(`cannot read CPU time: want utime and stime in a /proc/PID/stat line`);
  return ticks * (1e6 / TICKS_PER_SECOND);
}

/** `pid` and all its descendants. */
export async function processTree(pid: number): Promise<number[]> {
  const pids = [pid];
  for (let at = 0; at < pids.length; at++) {
    for await (const task of readDir(`/proc/${pids[at]}/task`)) {
      const children = await readText(`/proc/${pids[at]}/task/${task}/children`);
      for (const child of children.split(" ")) if (child.trim() !== "") pids.push(Number(child));
    }
  }
  return pids;
}

/** CPU time a process and its descendants have used so far, in µs; processes named in `except` are left out. */
export async function cpuMicros(pid: number, except: readonly number[] = []): Promise<number> {
  let sum = 0;
  for (const each of await processTree(pid)) {
    if (except.includes(each)) continue;
    sum += await ofThreads(each) ?? await ofStat(each);
  }
  return sum;
}

/** What each thread of a process had used when it was last seen, in ns: one that ends takes its time with it. */
const seen = new Map<number, Map<string, number>>();

/**
 * To the nanosecond, where /proc/PID/stat tells hundredths of a second: a short round needs it. Compilers' and collectors'
 * threads come and go; what one has used since it was last seen here is lost, and nothing else.
 */
async function ofThreads(pid: number): Promise<number | undefined> {
  const threads = seen.get(pid) ?? new Map<string, number>();
  let isThere = false;
  for await (const task of readDir(`/proc/${pid}/task`)) {
    const first = (await readText(`/proc/${pid}/task/${task}/schedstat`)).split(" ")[0] ?? "";
    if (first === "") continue;
    isThere = true;
    threads.set(task, Number(first));
  }
  if (!isThere) return undefined;
  seen.set(pid, threads);
  return threads.values().reduce((sum, nanos) => sum + nanos, 0) / 1000;
}

async function ofStat(pid: number): Promise<number> {
  const stat = await readText(`/proc/${pid}/stat`);
  return stat === "" ? 0 : cpuMicrosOfStat(stat);
}

/** Resident memory of a process and its descendants, in KiB. Pages they share are counted once for each, as `ps` does. */
export async function residentKiB(pid: number): Promise<number> {
  let sum = 0;
  for (const each of await processTree(pid)) {
    sum += Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readText(`/proc/${each}/status`))?.[1] ?? 0);
  }
  return sum;
}

/**
 * Memory of one process in KiB with pages it shares counted by its share (Pss, proc_pid_smaps_rollup(5)), so that a
 * hundred processes of one program add up to what they take.
 */
export async function proportionalKiB(pid: number): Promise<number> {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(await readText(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

/** The kernel keeps nothing of the file in memory from now on, unless a process has it mapped. */
export async function forgetPages(file: string): Promise<void> {
  // What is not on the disk yet stays; then no data is read (`count=0`), and the cache of all of it is given up.
  for (const command of [["sync", file], ["dd", `if=${file}`, "iflag=nocache", "count=0"]] as const) {
    const [program, ...args] = command;
    const { success, stderr } = await new Deno.Command(program, { args, stdout: "null", stderr: "piped" }).output();
    if (!success) throw new Error(`taking ${file} out of the page cache: ${new TextDecoder().decode(stderr).trim()}`);
  }
}

/** The file a process runs, or undefined once it has ended. */
export const programOf = (pid: number): Promise<string | undefined> =>
  Deno.readLink(`/proc/${pid}/exe`).catch(() => undefined);

export const cores = (): number => navigator.hardwareConcurrency;

/**
 * The command line that keeps `role` on its core: the proxy under test has one for itself, everything else shares the
 * rest. On a machine with one core nothing is pinned.
 */
export function pinned(role: "proxy" | "load", command: readonly string[]): string[] {
  if (cores() < 2) return [...command];
  return ["taskset", "-c", role === "proxy" ? "0" : `1-${cores() - 1}`, ...command];
}

/** Wall clock in ms with a fraction, comparable between processes of this machine. */
export const wallMs = (): number => performance.timeOrigin + performance.now();

/** First line for a report: what was measured on. */
export async function describeMachine(): Promise<string> {
  const model = /^model name\s*:\s*(.+)$/m.exec(await readText("/proc/cpuinfo"))?.[1] ?? "unknown CPU";
  const kernel = /^\d+\.\d+/.exec(await readText("/proc/sys/kernel/osrelease"))?.[0] ?? "";
  const load = (await readText("/proc/loadavg")).split(" ")[0];
  return `${cores()} × ${model.trim()}, Linux ${kernel}, load average at the start ${load}`;
}

async function readText(path: string): Promise<string> {
  // A process may end between being listed and being read.
  return await Deno.readTextFile(path).catch(() => "");
}

async function* readDir(path: string): AsyncGenerator<string> {
  try {
    for await (const entry of Deno.readDir(path)) yield entry.name;
  } catch {
    // The process has ended.
  }
}
