// An executable by Bun: Deno bundles the program (so its lock file and cache stay the one truth, and there is no
// node_modules) into a file for each part that is loaded by itself, Bun puts those files behind its runtime. What a command
// does not need is neither read nor run: that is a third of a start.
// The executable is Signet and nothing else: it loads no .env and no bunfig.toml, and the variables by which Bun's runtime
// would become something else are renamed in it to names that no environment can hold.
import { resolve } from "node:path";
import { BUN_VERSION, bunCache, requireBun } from "./bun.ts";
import { assertSelfContained, type Embedded, packagesOf } from "./compile_contents.ts";
import { fileNameOf, type Target } from "./compile_targets.ts";

/**
 * Variables that Bun looks at before the program starts; whatever begins with one of these names is meant:
 * BUN_BE_BUN turns the executable into `bun`, BUN_OPTIONS adds flags (--preload runs foreign code), BUN_INSPECT… opens a
 * debugger. (The prefix of BUN_JSC_…, the engine's options, is compared by machine code and cannot be renamed: with such
 * a variable Signet refuses to start, see lib/platform/runtime/runtime_variables.ts.)
 */
const SWITCHED_OFF: readonly string[] = ["BUN_BE_BUN", "BUN_OPTIONS", "BUN_INSPECT"];

export interface Bundle {
  /** Name of a file → its code. */
  readonly files: ReadonlyMap<string, string>;
  readonly packages: readonly Embedded[];
}

/** The file that begins. */
export const MAIN = "main.js";

async function run(command: string, args: readonly string[], options: { cwd: string; what: string }): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: options.cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success) throw new Error(`${options.what} failed:\n${output.trim()}`);
  return output;
}

/** How packages of CommonJS get at built-in modules, in the part that all parts import; few starts have such a package. */
const REQUIRE = [
  'import { createRequire as __deno_internal_createRequire } from "node:module";',
  "var __require = __deno_internal_createRequire(import.meta.url);",
].join("\n");
/** The same without `node:module`, which takes half a megabyte. */
const REQUIRE_BUILT_IN = "var __require = (name) => process.getBuiltinModule(name);";

/** The program in its parts. @throws Error if anything gets in that has no place in it */
export async function bundleProgram(root: string): Promise<Bundle> {
  const folder = await Deno.makeTempDir({ prefix: "signet_bundle_" });
  try {
    const options = ["--quiet", "--lock=deno.lock", "--frozen-lockfile", "--platform", "deno"];
    const args = ["bundle", ...options, "--code-splitting", "--sourcemap", "external", "--outdir", folder, "main.ts"];
    await run(Deno.execPath(), args, { cwd: root, what: "deno bundle" });
    const files = new Map<string, string>();
    const sources = new Set<string>();
    const own = await Deno.realPath(folder);
    for await (const { name } of Deno.readDir(folder)) {
      const text = await Deno.readTextFile(`${folder}/${name}`);
      if (!name.endsWith(".map")) files.set(name, text.replace(REQUIRE, REQUIRE_BUILT_IN));
      else for (const source of (JSON.parse(text) as { sources: string[] }).sources) sources.add(resolve(own, source));
    }
    for (const code of files.values()) assertSelfContained(code, files);
    return { files, packages: packagesOf([...sources], await Deno.realPath(root)) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The runtime for a target, as npm has it. */
async function runtimeFor({ bunPackage, name }: Target): Promise<string> {
  const file = name.startsWith("windows") ? "bun.exe" : "bun";
  const folder = `${bunCache()}/runtimes/${name}`;
  const path = `${folder}/package/bin/${file}`;
  if (await Deno.stat(path).then(() => true, () => false)) return path;
  await Deno.mkdir(folder, { recursive: true });
  const what = `getting ${bunPackage}@${BUN_VERSION} from npm`;
  const packed = await run("npm", ["pack", "--silent", `${bunPackage}@${BUN_VERSION}`], { cwd: folder, what });
  const archive = packed.trim().split("\n").at(-1)!;
  await run("tar", ["-xzf", archive], { cwd: folder, what: "unpacking it" });
  await Deno.remove(`${folder}/${archive}`);
  return path;
}

/**
 * Renames variables in a program's bytes, same length: a first byte of NUL is in no environment.
 * @throws Error if one does not occur: then nobody knows what this runtime looks at
 */
export function switchOff(program: Uint8Array, names: readonly string[]): void {
  for (const name of names) {
    const wanted = new TextEncoder().encode(name);
    let count = 0;
    for (let at = indexOf(program, wanted, 0); at >= 0; at = indexOf(program, wanted, at + 1)) {
      program[at] = 0;
      count++;
    }
    if (count === 0) throw new Error(`switching ${name} off: it does not occur in the runtime`);
  }
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(wanted[0]!, from); at >= 0; at = bytes.indexOf(wanted[0]!, at + 1)) {
    let length = 1;
    while (length < wanted.length && bytes[at + length] === wanted[length]) length++;
    if (length === wanted.length) return at;
  }
  return -1;
}

/** Builds one target. @returns the executable's path */
export async function compileByBun(
  target: Target,
  options: { bundle: Bundle; out: string; commit: string },
): Promise<string> {
  const { bundle, out, commit } = options;
  const bun = await requireBun();
  const path = `${out}/${fileNameOf(target)}`;
  const folder = await Deno.makeTempDir({ prefix: "signet_compile_" });
  try {
    const facts = { commit, target: target.name, switchedOff: SWITCHED_OFF };
    for (const [name, code] of bundle.files) await Deno.writeTextFile(`${folder}/${name}`, code);
    // Ahead of all others: a module is run after those that it imports.
    await Deno.writeTextFile(`${folder}/facts.js`, `globalThis.signetBuild=${JSON.stringify(facts)};\n`);
    await Deno.writeTextFile(`${folder}/signet.mjs`, `import "./facts.js";\nimport "./${MAIN}";\n`);
    const runtime = await Deno.readFile(await runtimeFor(target));
    switchOff(runtime, SWITCHED_OFF);
    await Deno.writeFile(`${folder}/runtime`, runtime, { mode: 0o755 });
    await run(bun, [
      ...["build", "--compile", `--target=${target.bun}`, `--compile-executable-path=${folder}/runtime`],
      ...["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"],
      ...[
        "--splitting",
        "--minify",
        "--keep-names",
        "--bytecode",
        "--format=esm",
        "--outfile",
        path,
        `${folder}/signet.mjs`,
      ],
    ], { cwd: folder, what: `bun build --compile for ${target.name}` });
    return path;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
