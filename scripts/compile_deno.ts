// An executable by `deno compile`: permissions are baked in, and the list below is all the program can ever do.
// Refuses what Deno says it embedded beyond main.ts, lib and the packages of the program.
import { isOwnFile, notAllowed, RUNTIME_PACKAGES } from "./compile_contents.ts";
import { embeddedPaths } from "./compile_listing.ts";
import { fileNameOf, type Target } from "./compile_targets.ts";
import { V8_FLAGS } from "./v8_flags.ts";

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
export function permissionFlags(triple: string, purpose: Purpose = "http"): string[] {
  if (purpose === "stdio") return ["--allow-all", "--no-prompt"];
  const writable = writablePaths(triple);
  return [
    // Listens on and connects to addresses that only the configuration knows: clients, MCP servers, JWKS.
    "--allow-net",
    // Configuration, key, certificate and JWKS files, wherever the operator keeps them.
    "--allow-read",
    // Who it runs as: files of others are not trusted. This machine's name, as syslog messages want it.
    "--allow-sys=uid,hostname",
    // All of it, not a list: a misspelt SIGNET_… name has to be seen to be reported.
    "--allow-env",
    // Deno wants write permission for a unix socket, even to connect to one. State files and audit logs besides.
    ...(writable.length > 0 ? [`--allow-write=${writable.join(",")}`] : []),
    "--deny-import",
    // A server has nobody to ask: what is not allowed fails.
    "--no-prompt",
  ];
}

/** Where sockets and state files live by convention; paths are only known at run time, so this is the narrowest bound. */
function writablePaths(triple: string): string[] {
  if (triple.includes("linux")) return ["/run", "/var/run", "/var/lib/signet", "/var/log/signet"];
  return triple.includes("apple") ? ["/var/run", "/private/var/run"] : [];
}

/**
 * --no-code-cache: the cache would be written to the temp folder, which a hardened unit does not have and where another
 * user of the machine could plant one. --exclude-unused-npm: without it every package of deno.lock gets embedded.
 * --unstable-net: only Deno.listenTls with reusePort needs it, to swap certificates without losing a connection.
 */
const COMPILE_FLAGS = [
  "--lock=deno.lock",
  "--frozen",
  "--no-code-cache",
  "--exclude-unused-npm",
  "--unstable-net",
  V8_FLAGS,
];

/** What the listing of `deno compile` shows that has no place in the program. @throws Error if there is no listing */
export function findForeignEmbedded(output: string): string[] {
  return embeddedPaths(output).flatMap((path) => {
    const inPackages = /^\.deno_compile_node_modules\/[^/]+\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
    if (inPackages === undefined) return isOwnFile(path) ? [] : [`${path} got embedded: it is neither main.ts nor lib`];
    return RUNTIME_PACKAGES.includes(inPackages) ? [] : [`the package ${inPackages} got embedded: ${notAllowed}`];
  });
}

/** Deno's runtime for the target is not on this machine and could not be had. */
export class RuntimeUnavailableError extends Error {
  override readonly name = "RuntimeUnavailableError";
}

/**
 * Builds one target from the project at `root`.
 * @returns the executable's path
 * @throws RuntimeUnavailableError; Error with Deno's output if it fails otherwise, or embeds too much
 */
export async function compileByDeno(
  target: Target,
  options: { root: string; out: string; purpose?: Purpose; env?: Record<string, string> },
): Promise<string> {
  const { purpose = "http" } = options;
  const triple = target.deno;
  if (triple === undefined) throw new RuntimeUnavailableError("Deno has no runtime for it");
  const path = `${options.out}/${fileNameOf(target, purpose === "stdio" ? "signet-stdio" : "signet")}`;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["compile", ...COMPILE_FLAGS, ...permissionFlags(triple, purpose)],
      ...["--target", triple, "--output", path, "main.ts"],
    ],
    cwd: options.root,
    env: { NO_COLOR: "1", ...options.env },
  }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (code !== 0) throw failureOf(triple, code, output);
  const foreign = findForeignEmbedded(output);
  if (foreign.length > 0) {
    await Deno.remove(path);
    throw new Error(`${target.name}: ${foreign.join("\n")}`);
  }
  return path;
}

function failureOf(triple: string, code: number, output: string): Error {
  const url = /error sending request for url \((\S+?)\)|Download (https?:\S*denort\S*)/.exec(output);
  if (/denort/.test(output) && /Setting up base binary|error sending request/.test(output)) {
    return new RuntimeUnavailableError(`${url?.[1] ?? url?.[2] ?? "denort"} could not be downloaded`);
  }
  return new Error(`deno compile for ${triple} ended with ${code}:\n${output.trim()}`);
}
