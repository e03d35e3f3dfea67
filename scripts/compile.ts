// `deno task compile [--target TRIPLE …] [--all] [--stdio] [--out dist]`: self-contained executables, by default for this
// machine and for MCP servers over HTTP.
// Refuses to build when anything but main.ts, lib and the packages named here would be embedded, and checks afterwards
// what Deno says it did embed. Permissions are baked in: the list below is all the program can ever do.
import { parseArgs } from "node:util";
import { relative, resolve } from "node:path";
import { embeddedPaths } from "./compile_listing.ts";
import { type ModuleGraph, readModuleGraph } from "./module_graph.ts";
import { V8_FLAGS } from "./v8_flags.ts";

export const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
  "aarch64-pc-windows-msvc",
] as const;
export type Target = typeof TARGETS[number];

/** npm packages the program may consist of, with those they need. What tests and scripts use must never be here. */
export const RUNTIME_PACKAGES: readonly string[] = [
  "@noble/ciphers",
  "@noble/hashes",
  "base-x",
  "jose",
  "lru-cache",
  "oauth4webapi",
  "yaml",
  "zod",
];

/** What an executable is for. Two, so that one which starts no programs need not be able to. */
export type Purpose = "http" | "stdio";

/**
 * The least that works, with reasons. Absent on purpose where servers are reached over HTTP: run, ffi, most of sys, and import:
 * nothing is loaded that was not embedded.
 *
 * Where servers are programs it is everything. Which program is known at run time only, and one that may start any
 * program is bound by no permission of its own; and Deno lets nobody read /proc with less (not even `-A` with a `--deny`),
 * by which the processes of a server are found that have left its group, and those of a Signet that was killed. What
 * bounds such a Signet and its servers is the system: users, limits, units, containers.
 */
export function permissionFlags(target: Target, purpose: Purpose = "http"): string[] {
  if (purpose === "stdio") return ["--allow-all", "--no-prompt"];
  const writable = writablePaths(target);
  return [
    // Listens on and connects to addresses that only the configuration knows: clients, MCP servers, JWKS.
    "--allow-net",
    // Configuration, key, certificate and JWKS files, wherever the operator keeps them.
    // Who it runs as: files of others are not trusted.
    "--allow-sys=uid",
    "--allow-read",
    // All of it, not a list: a misspelt SIGNET_… name has to be seen to be reported.
    "--allow-env",
    // Deno wants write permission for a unix socket, even to connect to one. Nothing else is ever written there.
    ...(writable.length > 0 ? [`--allow-write=${writable.join(",")}`] : []),
    "--deny-import",
    // A server has nobody to ask: what is not allowed fails.
    "--no-prompt",
  ];
}

/** Where sockets and state files live by convention; paths are only known at run time, so this is the narrowest bound. */
function writablePaths(target: Target): string[] {
  if (target.includes("linux")) return ["/run", "/var/run", "/var/lib/signet"];
  return target.includes("apple") ? ["/var/run", "/private/var/run"] : [];
}

/**
 * --no-code-cache: the cache would be written to the temp folder, which a hardened unit does not have and where another
 * user of the machine could plant one. --exclude-unused-npm: without it every package of deno.lock gets embedded.
 * --unstable-net: only Deno.listenTls with reusePort needs it, to swap certificates without losing a connection.
 */
const COMPILE_FLAGS = ["--frozen", "--no-code-cache", "--exclude-unused-npm", "--unstable-net", V8_FLAGS];

/** Everything of the module graph that has no place in the program; empty when all is well. */
export function findForeign(graph: ModuleGraph, root: string): string[] {
  const problems = [...graph.problems];
  for (const [path, imports] of graph.modules) {
    const file = relative(root, path).replaceAll("\\", "/");
    if (!isOwnFile(file)) problems.push(`${file} is reached from main.ts: move what is needed of it into lib`);
    for (const { target, line, typeOnly } of imports) {
      if (typeOnly || graph.modules.has(target) || target.startsWith("node:")) continue;
      const name = /^npm:\/?((?:@[^/@]+\/)?[^/@]+)/.exec(target)?.[1];
      if (name === undefined) problems.push(`${file}:${line} imports ${target}: only npm: and node: can be embedded`);
      else if (!RUNTIME_PACKAGES.includes(name)) problems.push(`${file}:${line} imports ${name}: ${notAllowed}`);
    }
  }
  return problems;
}

/** What the listing of `deno compile` shows that has no place in the program. @throws Error if there is no listing */
export function findForeignEmbedded(output: string): string[] {
  return embeddedPaths(output).flatMap((path) => {
    const inPackages = /^\.deno_compile_node_modules\/[^/]+\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
    if (inPackages === undefined) return isOwnFile(path) ? [] : [`${path} got embedded: it is neither main.ts nor lib`];
    return RUNTIME_PACKAGES.includes(inPackages) ? [] : [`the package ${inPackages} got embedded: ${notAllowed}`];
  });
}

const isOwnFile = (file: string) => file === "main.ts" || file.startsWith("lib/");
const notAllowed = "not one of RUNTIME_PACKAGES in scripts/compile.ts. If the program needs it, add it there and to " +
  "the README's dependencies; if only tests do, keep it out of lib";

export interface Compiled {
  readonly target: Target;
  readonly path: string;
  readonly bytes: number;
}

/** Builds one target from the project at `root`. @throws Error with Deno's output if it fails or embeds too much */
export async function compileTarget(
  target: Target,
  options: { root: string; out: string; purpose?: Purpose; env?: Record<string, string> },
): Promise<Compiled> {
  const { purpose = "http" } = options;
  const name = purpose === "stdio" ? "signet-stdio" : "signet";
  const path = `${options.out}/${name}-${target}${target.includes("windows") ? ".exe" : ""}`;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      ...COMPILE_FLAGS,
      ...permissionFlags(target, purpose),
      "--target",
      target,
      "--output",
      path,
      "main.ts",
    ],
    cwd: options.root,
    env: { NO_COLOR: "1", ...options.env },
  }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (code !== 0) throw new Error(`deno compile for ${target} ended with ${code}:\n${output.trim()}`);
  const foreign = findForeignEmbedded(output);
  if (foreign.length > 0) {
    await Deno.remove(path);
    throw new Error(`${target}: ${foreign.join("\n")}`);
  }
  return { target, path, bytes: (await Deno.stat(path)).size };
}

function chooseTargets(wanted: readonly string[], all: boolean): Target[] {
  if (all) return [...TARGETS];
  const names = wanted.length > 0 ? wanted : [Deno.build.target];
  return names.map((name) => {
    const found = TARGETS.find((target) => target === name);
    if (found === undefined) throw new Error(`cannot compile for ${name}: want one of ${TARGETS.join(", ")}`);
    return found;
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      target: { type: "string", multiple: true, default: [] },
      all: { type: "boolean", default: false },
      stdio: { type: "boolean", default: false },
      out: { type: "string", default: "dist" },
    },
  });
  const root = resolve(import.meta.dirname ?? ".", "..");
  const targets = chooseTargets(values.target, values.all);
  const foreign = findForeign(await readModuleGraph([`${root}/main.ts`], { config: `${root}/deno.json` }), root);
  if (foreign.length > 0) {
    foreign.forEach((problem) => console.error(`compile: ${problem}`));
    return 1;
  }
  const out = resolve(values.out);
  await Deno.mkdir(out, { recursive: true });
  let failed = 0;
  for (const target of targets) {
    try {
      const { path, bytes } = await compileTarget(target, { root, out, purpose: values.stdio ? "stdio" : "http" });
      console.log(`${target.padEnd(26)} ${(bytes / 1e6).toFixed(1).padStart(6)} MB  ${relative(root, path)}`);
    } catch (error) {
      failed++;
      console.error(String(error instanceof Error ? error.message : error));
    }
  }
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
