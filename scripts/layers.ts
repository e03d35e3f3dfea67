// `deno task layers`: imports point downwards only (ARCHITECTURE.md, "Layers"), no file imports itself through others,
// and a runtime is named in lib/platform alone.
// Type-only imports count for both: a type that points upwards is a dependency a reader has to follow all the same.
import { relative, resolve } from "node:path";
import { type ModuleGraph, readModuleGraph } from "./module_graph.ts";

/** From the top down. `lib/x/**` is layer x, `lib/x.ts` too, `main.ts` is main. */
export const LAYERS = [
  "main",
  "cli",
  "app",
  "config",
  "gateway",
  "upstream",
  "bridge",
  "replica",
  "policy",
  "session",
  "identity",
  "envelope",
  "admin",
  "telemetry",
  "mcp",
  "store",
  "http1",
  "audit",
  "observe",
  "platform",
  "errors",
] as const;

const rankOf = new Map<string, number>(LAYERS.map((name, index) => [name, index]));

/** The layer of a path relative to the project, or undefined for a file outside lib and main.ts. */
export function layerOf(path: string): string | undefined {
  if (path === "main.ts") return "main";
  return /^lib\/([^/.]+)(?:\/|\.ts$)/.exec(path)?.[1];
}

/** Everything wrong with a graph, one message each; empty when all is well. */
function findLayerProblems(graph: ModuleGraph, root: string): string[] {
  const name = (path: string) => relative(root, path).replaceAll("\\", "/");
  const problems = [...graph.problems];
  for (const [path, imports] of graph.modules) {
    const file = name(path);
    const layer = layerOf(file);
    if (layer === undefined) continue;
    if (!rankOf.has(layer)) problems.push(unknownLayer(file, layer));
    for (const { target, line } of imports) {
      if (!graph.modules.has(target)) continue;
      const problem = judge(`${file}:${line}`, layer, name(target));
      if (problem !== undefined) problems.push(problem);
    }
  }
  return problems.concat(findCycles(graph).map((cycle) => describeCycle(cycle.map(name))));
}

function judge(place: string, layer: string, target: string): string | undefined {
  const other = layerOf(target);
  if (other === undefined) {
    return `${place} imports ${target}, which is not part of the program: move what it needs into lib`;
  }
  const from = rankOf.get(layer);
  const to = rankOf.get(other);
  // A file of an unknown layer is reported once, by itself.
  if (from === undefined || to === undefined || from <= to) return undefined;
  return `${place} imports ${target}: ${other} lies above ${layer}. Take it as a parameter, ` +
    `or move what both need down into ${layer} or below`;
}

const unknownLayer = (file: string, layer: string) =>
  `${file}: no layer is called ${layer}. Move the file into one of ${
    LAYERS.join(" > ")
  }, or add the layer to scripts/layers.ts`;

const describeCycle = (files: readonly string[]) =>
  `import cycle: ${[...files, files[0]].join(" → ")}. Move what they share into a file of its own that both import`;

/** One representative cycle for every strongly connected group of files (Tarjan 1972), each starting at its first name. */
function findCycles(graph: ModuleGraph): string[][] {
  const cycles: string[][] = [];
  for (const group of stronglyConnected(graph)) {
    const start = [...group].sort()[0];
    if (start === undefined) continue;
    const cycle = shortestWayBack(graph, start, group);
    if (cycle !== undefined) cycles.push(cycle);
  }
  return cycles.sort((a, b) => (a[0] ?? "").localeCompare(b[0] ?? ""));
}

function stronglyConnected(graph: ModuleGraph): Set<string>[] {
  const order = new Map<string, number>();
  const stack: string[] = [];
  const groups: Set<string>[] = [];
  const visit = (path: string): number => {
    const number = order.size;
    order.set(path, number);
    let least = number;
    stack.push(path);
    for (const { target } of graph.modules.get(path) ?? []) {
      if (!graph.modules.has(target)) continue;
      if (!order.has(target)) least = Math.min(least, visit(target));
      else if (stack.includes(target)) least = Math.min(least, order.get(target) ?? least);
    }
    if (least === number) groups.push(new Set(stack.splice(stack.indexOf(path))));
    return least;
  };
  for (const path of graph.modules.keys()) if (!order.has(path)) visit(path);
  return groups;
}

/** The files of the shortest cycle through `start` inside its group; undefined for a lone file that imports not itself. */
function shortestWayBack(graph: ModuleGraph, start: string, group: ReadonlySet<string>): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const { target } of graph.modules.get(path) ?? []) {
      if (target === start) return trail(cameFrom, start, path);
      if (!group.has(target) || cameFrom.has(target)) continue;
      cameFrom.set(target, path);
      queue.push(target);
    }
  }
  return undefined;
}

function trail(cameFrom: ReadonlyMap<string, string>, start: string, last: string): string[] {
  const files: string[] = [];
  for (let path = last; path !== start; path = cameFrom.get(path) ?? start) files.unshift(path);
  return [start, ...files];
}

async function* sourceFiles(directory: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(directory)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) yield* sourceFiles(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}

/** Lines of a file of the program that name a runtime, which lib/platform alone may; comments count, they date as fast. */
function findRuntimeNames(file: string, text: string): string[] {
  if (file.startsWith("lib/platform/")) return [];
  return text.split("\n").flatMap((line, index) => {
    const named = /(?<![\w$.])(Deno|Bun)\s*(?:\.|\?\.|\[)\s*\w/.exec(line)?.[1];
    return named === undefined ? [] : [`${file}:${index + 1} names ${named}: ${runtimeRemedy}`];
  });
}

const runtimeRemedy = "Signet runs on two runtimes. Use a node: built-in that both have, or add what is missing to " +
  "lib/platform";

/** Checks main.ts and every file of lib below `root`, imported by anybody or not. */
export async function checkLayers(root: string): Promise<{ files: number; problems: string[] }> {
  const entries = [`${root}/main.ts`, ...await Array.fromAsync(sourceFiles(`${root}/lib`))];
  const graph = await readModuleGraph(entries, { config: `${root}/deno.json` });
  const problems = findLayerProblems(graph, root);
  for (const path of entries) {
    problems.push(...findRuntimeNames(relative(root, path).replaceAll("\\", "/"), await Deno.readTextFile(path)));
  }
  return { files: entries.length, problems };
}

if (import.meta.main) {
  const { files, problems } = await checkLayers(resolve(import.meta.dirname ?? ".", ".."));
  for (const problem of problems) console.error(`layers: ${problem}`);
  console.log(
    problems.length === 0
      ? `layers: ${files} files, all imports point downwards, no cycle, one folder that names a runtime`
      : `layers: ${problems.length} problems`,
  );
  Deno.exit(problems.length === 0 ? 0 : 1);
}
