// Instructions that a process has run while a load lasted, by `perf stat`: where the machine counts them, they are the
// figure that can be repeated on a busy one. Many virtual machines do not.
import { findProgram } from "../programs.ts";

const EVENTS = "instructions:u,instructions:k";

/** What `perf stat -x,` has counted in all; undefined if an event is not counted here. */
export function countIn(report: string): number | undefined {
  const lines = report.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const counts = lines.map((line) => Number(line.split(",")[0]));
  return counts.length === 0 || counts.some(Number.isNaN) ? undefined : counts.reduce((sum, count) => sum + count, 0);
}

export interface InstructionCounter {
  /** `command`, with what `pid` does meanwhile counted. */
  around(pid: number, command: readonly string[]): string[];
  /** Of the last command around that process. */
  read(pid: number): Promise<number | undefined>;
}

/** Undefined where instructions cannot be counted. */
export async function instructionCounter(directory: string): Promise<InstructionCounter | undefined> {
  const perf = await findProgram("perf");
  if (perf === undefined) return undefined;
  const pathOf = (pid: number) => `${directory}/instructions_${pid}`;
  const counting = (pid: number) => ["stat", "-x", ",", "-o", pathOf(pid), "-e", EVENTS];
  const read = async (pid: number) => countIn(await Deno.readTextFile(pathOf(pid)).catch(() => ""));
  const { pid } = Deno;
  await new Deno.Command(perf, { args: [...counting(pid), "--", "true"], stdout: "null", stderr: "null" }).output();
  if (!(await read(pid) ?? 0 > 0)) return undefined;
  return { around: (pid, command) => [perf, ...counting(pid), "-p", String(pid), "--", ...command], read };
}
