// `signet` as operators run it, once: the real program, from source or the binary named by SIGNET_BIN.
import { fileURLToPath } from "node:url";
import { runBounded } from "../../scripts/bounded_child.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface CliOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Permission bits hold for it, as they do for an ordinary user: of root it needs `setpriv`. */
  readonly isOrdinary?: boolean;
}

const BYPASSES = "-dac_override,-dac_read_search";
const LIKE_OTHERS = [`--bounding-set=${BYPASSES}`, `--inh-caps=${BYPASSES}`];

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
  const self = SIGNET_BIN ?? Deno.execPath();
  const [program, words] = options.isOrdinary && Deno.uid() === 0 ? ["setpriv", [...LIKE_OTHERS, self]] : [self, []];
  const { code, stdout: out, stderr: err } = await runBounded(program, {
    what: `signet ${args[0]}`,
    deadlineMs: 60_000,
    args: [
      ...words,
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
