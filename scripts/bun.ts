// `deno run -A scripts/bun.ts`: installs it and says where.
// Bun, which the executable is made with: one version, from npm (`bun`), found on PATH or in this user's cache.
import { findProgram } from "./programs.ts";

export const BUN_VERSION = "1.4.5";

/** Where `deno task compile` keeps what it gets from npm. */
export function bunCache(): string {
  const { XDG_CACHE_HOME, HOME = "." } = Deno.env.toObject();
  return `${XDG_CACHE_HOME ?? `${HOME}/.cache`}/signet/bun-${BUN_VERSION}`;
}

/** What a Bun calls itself; undefined if it cannot be run. */
async function versionOf(path: string): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(path, { args: ["--version"], stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch {
    return undefined;
  }
}

/** The pinned Bun, if it is on this machine. */
export async function findBun(): Promise<string | undefined> {
  for (const path of [await findProgram("bun"), `${bunCache()}/node_modules/.bin/bun`]) {
    if (path !== undefined && await versionOf(path) === BUN_VERSION) return path;
  }
  return undefined;
}

/** The pinned Bun, fetched from npm where it is absent. @throws Error with npm's last words */
export async function requireBun(): Promise<string> {
  const found = await findBun();
  if (found !== undefined) return found;
  await npmInstall([`bun@${BUN_VERSION}`]);
  const path = await findBun();
  if (path === undefined) throw new Error(`npm has installed bun@${BUN_VERSION} in ${bunCache()}, but it does not run`);
  return path;
}

/** Installs packages into the cache, of whatever platform they are. @throws Error with npm's last words */
async function npmInstall(packages: readonly string[]): Promise<void> {
  const folder = bunCache();
  await Deno.mkdir(folder, { recursive: true });
  // Not --ignore-scripts: it leaves a placeholder in place of the program where npm runs the script that replaces it.
  const args = ["install", "--prefix", folder, "--no-audit", "--no-fund", "--no-save", "--force", ...packages];
  const { success, stderr } = await new Deno.Command("npm", { args, stdout: "null" }).output().catch((cause) => {
    throw new Error("npm cannot be run: install Node.js", { cause });
  });
  if (!success) throw new Error(`npm install ${packages.join(" ")} failed: ${new TextDecoder().decode(stderr).trim()}`);
}

if (import.meta.main) console.log(await requireBun());
