// Other programs that packing uses, run to their end with a deadline.
import { runBounded } from "../bounded_child.ts";
import { withoutSettings } from "../without_settings.ts";

export interface ToolOptions {
  /** For messages: `unpacking libc6`. */
  readonly what: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 300_000;

/** What it printed. @throws Error with what it said, if it cannot be run or fails */
export async function runTool(command: string, args: readonly string[], options: ToolOptions): Promise<string> {
  const { what, cwd, env } = options;
  const { code, stdout, stderr } = await runBounded(command, {
    ...{ what: `${command} (${what})`, args: [...args], deadlineMs: DEADLINE_MS },
    // It may be Signet that runs.
    clearEnv: true,
    env: { ...withoutSettings(), LC_ALL: "C.UTF-8", ...env },
    ...(cwd === undefined ? {} : { cwd }),
  }).catch((cause) => {
    if (cause instanceof Deno.errors.NotFound) throw new Error(`${what}: ${command} is not installed`, { cause });
    throw cause;
  });
  if (code !== 0) throw new Error(`${what}: ${command} ended with ${code}:\n${(stderr || stdout).trim()}`);
  return stdout;
}
