// Whoever started this program on somebody's behalf: npx, npm, a task of Deno's. A signal to one of them need not reach
// this process, so that its end is looked for. Linux alone tells: elsewhere, and without a launcher, nothing is watched (P7).
import { readFileSync } from "node:fs";
import process from "node:process";

const EVERY_MS = 500;
/** More are no chain of launchers. */
const MOST = 8;
/** Programs that start others for people, and the shells they do it by; a person's own shell has no `-c`. */
const LAUNCHER =
  /^(?:\S*\/)?(?:npm|npx|pnpm|yarn|node|nodejs|deno|bun|bunx)(?:\0|$|\s)|^(?:\S*\/)?(?:sh|bash|dash)\0-c\0/;

interface Ancestor {
  readonly pid: number;
  readonly startedAt: string;
}

/** Calls `handler` once, when one of the launchers has ended; answers how to stop looking. */
export function onLauncherGone(
  env: Readonly<Record<string, string | undefined>>,
  handler: () => void,
): () => void {
  // Set by npm and by tasks of Deno's for what they start, and inherited.
  const launched = env["INIT_CWD"] !== undefined || env["npm_command"] !== undefined ||
    env["npm_execpath"] !== undefined;
  const launchers = launched ? launchersOf(process.ppid) : [];
  if (launchers.length === 0) return () => {};
  const timer = setInterval(() => {
    if (launchers.every(({ pid, startedAt }) => statOf(pid)?.startedAt === startedAt)) return;
    clearInterval(timer);
    handler();
  }, EVERY_MS);
  return () => clearInterval(timer);
}

function launchersOf(parent: number): Ancestor[] {
  const found: Ancestor[] = [];
  for (let pid = parent; pid > 1 && found.length < MOST;) {
    const stat = statOf(pid);
    if (stat === undefined || !LAUNCHER.test(commandOf(pid))) break;
    found.push({ pid, startedAt: stat.startedAt });
    pid = stat.parent;
  }
  return found;
}

/** `pid (name) state ppid … starttime …`; undefined for one that has ended, reaped or not. */
function statOf(pid: number): { parent: number; startedAt: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return { parent: Number(fields[1]), startedAt: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
