// The modules a program consists of and what each imports, as Deno's own resolver sees them (`deno info --json`):
// static, dynamic with a literal specifier, `import type` and `import("…")` types. Used by layers.ts and compile.ts.
import { fileURLToPath, pathToFileURL } from "node:url";

/** One import statement of a module. */
export interface ModuleImport {
  /** As written in the source. */
  readonly specifier: string;
  /** Where it leads: an absolute path for local files, else a URL such as `npm:jose@6.2.17` or `node:fs`. */
  readonly target: string;
  /** 1-based line of the importing file. */
  readonly line: number;
  /** Nothing of it exists at run time. */
  readonly typeOnly: boolean;
}

export interface ModuleGraph {
  /** Every local module by absolute path. */
  readonly modules: ReadonlyMap<string, readonly ModuleImport[]>;
  /** Local modules that could not be read or resolved. */
  readonly problems: readonly string[];
}

interface InfoEnd {
  readonly specifier?: string;
  readonly span?: { readonly start: { readonly line: number } };
}

interface InfoModule {
  readonly specifier: string;
  readonly local?: string;
  readonly error?: string;
  readonly dependencies?: readonly { specifier: string; code?: InfoEnd; type?: InfoEnd }[];
}

/**
 * Reads the graph below `entries` (absolute paths).
 * @throws Error if `deno info` itself fails
 */
export async function readModuleGraph(entries: readonly string[], options: { config: string }): Promise<ModuleGraph> {
  const directory = await Deno.makeTempDir({ prefix: "signet_graph_" });
  try {
    const root = `${directory}/entry.ts`;
    await Deno.writeTextFile(
      root,
      entries.map((path) => `import ${JSON.stringify(pathToFileURL(path).href)};\n`).join(""),
    );
    return toGraph(await denoInfo(root, options.config), await Deno.realPath(root));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function denoInfo(root: string, config: string): Promise<readonly InfoModule[]> {
  // --no-npm and --no-lock: the graph of our own files needs neither packages nor network.
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", "--no-npm", "--no-remote", "--config", config, root],
    env: { NO_COLOR: "1" },
  }).output();
  if (code !== 0) throw new Error(`deno info ended with ${code}: ${new TextDecoder().decode(stderr).trim()}`);
  return JSON.parse(new TextDecoder().decode(stdout)).modules;
}

function toGraph(found: readonly InfoModule[], root: string): ModuleGraph {
  const modules = new Map<string, readonly ModuleImport[]>();
  const problems: string[] = [];
  for (const module of found) {
    const path = pathOf(module.specifier);
    if (path === root || !module.specifier.startsWith("file:")) continue;
    if (module.error !== undefined) problems.push(module.error);
    else modules.set(path, importsOf(module));
  }
  return { modules, problems };
}

function importsOf(module: InfoModule): ModuleImport[] {
  const imports: ModuleImport[] = [];
  for (const dependency of module.dependencies ?? []) {
    const end = dependency.code ?? dependency.type;
    if (end?.specifier === undefined) continue;
    imports.push({
      specifier: dependency.specifier,
      target: pathOf(end.specifier),
      line: (end.span?.start.line ?? 0) + 1,
      typeOnly: dependency.code === undefined,
    });
  }
  return imports;
}

const pathOf = (specifier: string) => specifier.startsWith("file:") ? fileURLToPath(specifier) : specifier;
