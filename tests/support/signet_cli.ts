// `signet` as operators run it, once: the real program, from source or the binary named by SIGNET_BIN.
import { fileURLToPath } from "node:url";
import { runBounded } from "../../scripts/bounded_child.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface CliOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Standard output as JSON lines. */
  json<T>(): T[];
}

/** Runs one command to its end. */
export async function signetCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { SIGNET_BIN, PATH = "", HOME = "", DENO_DIR } = Deno.env.toObject();
  const { code, stdout: out, stderr: err } = await runBounded(SIGNET_BIN ?? Deno.execPath(), {
    what: `signet ${args[0]}`,
    deadlineMs: 60_000,
    args: [
      ...(SIGNET_BIN === undefined
        ? ["run", "-A", "--preload", `${ROOT}tests/support/poison.ts`, `${ROOT}main.ts`]
        : []),
      ...args,
    ],
    cwd: ROOT,
    clearEnv: true,
    env: { PATH, HOME, ...(DENO_DIR === undefined ? {} : { DENO_DIR }), NO_COLOR: "1", ...options.env },
    stdin: options.stdin ?? "",
  });
  return {
    code,
    out,
    err,
    json: () => out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)),
  };
}
