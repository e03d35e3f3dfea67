// `deno task compile`: self-contained executables, by default one for this machine. See `--help`.
// Refuses to build when anything but main.ts, lib and the program's packages would be embedded, and checks afterwards
// what got in. Beside each executable lies what it consists of (CycloneDX), and SHA256SUMS over all of them.
import { basename, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { BUN_VERSION } from "./bun.ts";
import { type Bundle, bundleProgram, compileByBun } from "./compile_bun.ts";
import { type Embedded, findForeign } from "./compile_contents.ts";
import { compileByDeno, RuntimeUnavailableError } from "./compile_deno.ts";
import { type Maker, type Target, targetNamed, TARGETS, thisTarget } from "./compile_targets.ts";
import { readModuleGraph } from "./module_graph.ts";
import { sbomText } from "./sbom.ts";
import { writeSums } from "./sums.ts";

const HELP = `Makes executables of Signet.

  deno task compile [--target NAME …] [--all] [--runtime deno|bun] [--stdio] [--out dist]

  --target NAME   ${TARGETS.map(({ name }) => name).join(", ")}; default: this machine's
  --all           all of them
  --runtime NAME  deno: by \`deno compile\`, which downloads Deno's runtime; bun: by Bun, which comes from npm.
                  Default: Deno's where it can be had, else Bun's
  --stdio         with Deno: an executable that may start programs (Bun's always may)
  --out FOLDER    default: dist
`;

interface Job {
  readonly root: string;
  readonly out: string;
  readonly maker: Maker | undefined;
  readonly stdio: boolean;
  readonly commit: string;
  /** Made once, when it is needed. */
  bundle(): Promise<Bundle>;
}

interface Made {
  readonly path: string;
  readonly maker: Maker;
}

async function make(target: Target, job: Job): Promise<Made> {
  const { root, out, maker, stdio, commit } = job;
  if (maker !== "bun") {
    try {
      return { path: await compileByDeno(target, { root, out, purpose: stdio ? "stdio" : "http" }), maker: "deno" };
    } catch (error) {
      if (maker === "deno" || !(error instanceof RuntimeUnavailableError)) throw error;
      console.error(`${target.name}: ${error.message}; made with Bun ${BUN_VERSION} from npm instead of Deno`);
    }
  }
  return { path: await compileByBun(target, { bundle: await job.bundle(), out, commit }), maker: "bun" };
}

async function describe({ path, maker }: Made, target: Target, job: Job): Promise<string> {
  const { root, commit } = job;
  const { version } = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
  const runtime: Embedded = maker === "bun"
    ? { name: "bun", version: BUN_VERSION }
    : { name: "deno", version: Deno.version.deno };
  const { packages } = await job.bundle();
  const lock = JSON.parse(await Deno.readTextFile(`${root}/deno.lock`));
  const file = `${job.out}/sbom-${basename(path)}.cdx.json`;
  await Deno.writeTextFile(file, sbomText({ version, commit, target: target.name, runtime, packages, lock }));
  return file;
}

/** The commit of the source, and whether the working tree differs from it. */
async function commitOf(root: string): Promise<string> {
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", { args, cwd: root, stderr: "null" }).output();
    if (!success) throw new Error("no repository");
    return new TextDecoder().decode(stdout).trim();
  };
  try {
    const changed = await git("status", "--porcelain", "--untracked-files=no");
    return await git("rev-parse", "HEAD") + (changed === "" ? "" : "-changed");
  } catch {
    return "unknown";
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      target: { type: "string", multiple: true, default: [] },
      all: { type: "boolean", default: false },
      runtime: { type: "string" },
      stdio: { type: "boolean", default: false },
      out: { type: "string", default: "dist" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const { runtime: maker } = values;
  if (maker !== undefined && maker !== "deno" && maker !== "bun") throw new Error("--runtime: want deno or bun");
  const root = resolve(import.meta.dirname ?? ".", "..");
  const foreign = findForeign(await readModuleGraph([`${root}/main.ts`], { config: `${root}/deno.json` }), root);
  if (foreign.length > 0) throw new Error(foreign.join("\n"));
  const named = values.target.map(targetNamed);
  const targets = values.all ? TARGETS : named.length > 0 ? named : [await thisTarget()];
  const out = resolve(values.out);
  await Deno.mkdir(out, { recursive: true });
  let bundle: Promise<Bundle> | undefined;
  const commit = await commitOf(root);
  const job: Job = {
    ...{ root, out, maker, commit },
    stdio: values.stdio,
    bundle: () => bundle ??= bundleProgram(root),
  };
  return await makeAll(targets, job);
}

async function makeAll(targets: readonly Target[], job: Job): Promise<number> {
  const paths: string[] = [];
  let failed = 0;
  for (const target of targets) {
    try {
      const made = await make(target, job);
      paths.push(made.path, await describe(made, target, job));
      const megabytes = ((await Deno.stat(made.path)).size / 1e6).toFixed(1);
      console.log(
        `${target.name.padEnd(16)} ${megabytes.padStart(6)} MB  ${made.maker}  ${relative(Deno.cwd(), made.path)}`,
      );
    } catch (error) {
      failed++;
      console.error(`compile: ${target.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  await writeSums(job.out, paths);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(`compile: ${error instanceof Error ? error.message : error}`);
    Deno.exit(2);
  }
}
