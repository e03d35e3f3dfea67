// Whoever started this program on somebody's behalf: npx, npm, a task of Deno's. A signal to one of them need not reach
// this process, so that its end is looked for. Linux alone tells, in a /proc of its own: elsewhere, and without a launcher,
// nothing is watched (P7).
import { readFileSync } from "node:fs";
import { type ProcessStat, readOwnStat, readStat } from "./proc_stat.ts";

const EVERY_MS = 500;
/** More are no chain of launchers. */
const MOST = 8;
/** Programs that start others for people, and the shells they do it by; a person's own shell has no `-c`. */
const LAUNCHER =
  /^(?:\S*\/)?(?:npm|npx|pnpm|yarn|node|nodejs|deno|bun|bunx)(?:\0|$|\s)|^(?:\S*\/)?(?:sh|bash|dash)\0-c\0/;

/**
 * Calls `handler` once, when one of the launchers has ended; answers how to stop looking.
 * @param folder where /proc is
 */
export function onLauncherGone(
  env: Readonly<Record<string, string | undefined>>,
  handler: () => void,
  folder = "/proc",
): () => void {
  // Set by npm and by tasks of Deno's for what they start, and inherited.
  const launched = env["INIT_CWD"] !== undefined || env["npm_command"] !== undefined ||
    env["npm_execpath"] !== undefined;
  const launchers = launched ? launchersIn(folder) : [];
  if (launchers.length === 0) return () => {};
  const timer = setInterval(() => {
    if (launchers.every(({ pid, startedAt }) => livingIn(folder, pid)?.startedAt === startedAt)) return;
    clearInterval(timer);
    handler();
  }, EVERY_MS);
  return () => clearInterval(timer);
}

function launchersIn(folder: string): ProcessStat[] {
  const found: ProcessStat[] = [];
  for (let pid = readOwnStat(folder)?.parent ?? 0; pid > 1 && found.length < MOST;) {
    const stat = livingIn(folder, pid);
    if (stat === undefined || !LAUNCHER.test(commandOf(folder, pid))) break;
    found.push(stat);
    pid = stat.parent;
  }
  return found;
}

/** Undefined for one that has ended, reaped or not. */
function livingIn(folder: string, pid: number): ProcessStat | undefined {
  const stat = readStat(folder, pid);
  return stat?.zombie === false ? stat : undefined;
}

function commandOf(folder: string, pid: number): string {
  try {
    return readFileSync(`${folder}/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
