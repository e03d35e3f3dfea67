// The executable of a checkout, made for a run by the checkout's own scripts.
import { runToEnd } from "./process.ts";

/** @returns its path; undefined, and a line in the log, where it cannot be made */
export async function makeExecutable(
  folder: string,
  { credentials, log }: { readonly credentials: { readonly directory: string }; readonly log: (line: string) => void },
): Promise<string | undefined> {
  const out = await Deno.makeTempDir({ dir: credentials.directory, prefix: "executable_" });
  const target = `linux-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;
  const options = ["--runtime", "bun", "--target", target, "--out", out];
  const script = `${folder}/scripts/compile.ts`;
  try {
    await runToEnd([Deno.execPath(), "run", "-A", `--config=${folder}/deno.json`, script, ...options]);
    return `${out}/signet-${target}`;
  } catch (error) {
    log(`no executable of ${folder}: ${String(error).split("\n").slice(0, 3).join(" ")}`);
    return undefined;
  }
}
