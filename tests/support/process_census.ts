// Who is left: every living process that carries a test's token, in its environment or its command line, wherever it has
// moved since. Independent of how Signet finds processes: it looks for a variable of the test's own.

export const CENSUS_VARIABLE = "CENSUS_TOKEN";

/** Whether this system lists its processes. */
export const HAS_CENSUS = Deno.build.os === "linux";

export interface Counted {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly command: string;
}

function inspect(pid: string, token: string): Counted | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    const command = Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
    const environment = Deno.readTextFileSync(`/proc/${pid}/environ`);
    if (!command.includes(token) && !environment.includes(`${CENSUS_VARIABLE}=${token}`)) return undefined;
    return { pid: Number(pid), parent: Number(fields[1]), group: Number(fields[2]), command };
  } catch {
    return undefined; // it has ended meanwhile, or belongs to somebody else
  }
}

/** Every living process with the token, except this one. */
export function census(token: string): Counted[] {
  const found: Counted[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    const counted = inspect(name, token);
    if (counted !== undefined) found.push(counted);
  }
  return found;
}

/** Waits until nobody is left; fails after `patienceMs` with those who are. */
export async function nobodyLeft(token: string, patienceMs = 30_000): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (let left = census(token); left.length > 0; left = census(token)) {
    if (Date.now() > deadline) {
      for (const { pid } of left) end(pid); // what a test finds, it does not leave behind either
      throw new Error(`waiting until no process is left: found ${JSON.stringify(left)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function end(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended at this very moment.
  }
}
