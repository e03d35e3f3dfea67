// `signet` as operators run it, once: the real program, from source or the binary named by SIGNET_BIN.
import { fileURLToPath } from "node:url";

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
  const child = new Deno.Command(SIGNET_BIN ?? Deno.execPath(), {
    args: [
      ...(SIGNET_BIN === undefined
        ? ["run", "-A", "--preload", `${ROOT}tests/support/poison.ts`, `${ROOT}main.ts`]
        : []),
      ...args,
    ],
    cwd: ROOT,
    clearEnv: true,
    env: { PATH, HOME, ...(DENO_DIR === undefined ? {} : { DENO_DIR }), NO_COLOR: "1", ...options.env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // A command that does not read has closed its end by then.
  await writer.write(new TextEncoder().encode(options.stdin ?? "")).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const out = new TextDecoder().decode(stdout);
  return {
    code,
    out,
    err: new TextDecoder().decode(stderr),
    json: () => out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)),
  };
}
