// `deno task cov [FILES…]`: runs the tests with coverage, child processes that run main.ts included, and prints what of
// main.ts and lib they reach. The raw data stays in coverage/ for `deno coverage --lcov` and the like.
import { resolve } from "node:path";

const root = resolve(import.meta.dirname ?? ".", "..");
const directory = `${root}/coverage`;

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  return (await new Deno.Command(Deno.execPath(), { args: [...args], cwd: root, env }).spawn().status).code;
}

await Deno.remove(directory, { recursive: true }).catch((error) => {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
});
// The variable reaches the programs the end-to-end tests start; the flag is for the test runner itself.
const tested = await run([
  "test",
  "-A",
  "--lock=tests/deno.lock",
  "--frozen",
  `--coverage=${directory}`,
  ...(Deno.args.length > 0 ? Deno.args : ["tests"]),
], {
  DENO_COVERAGE_DIR: directory,
});
const reported = await run(["coverage", directory, String.raw`--include=/(main\.ts|lib/.*\.ts)$`]);
Deno.exit(tested || reported);
