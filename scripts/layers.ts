// `deno task layers`: imports point downwards only (ARCHITECTURE.md, "Layers"), no file imports itself through others, nor
// one room of a folder another that imports it, and a runtime is named in lib/platform alone.
// Type-only imports count for both: a type that points upwards is a dependency a reader has to follow all the same.
import { relative, resolve } from "node:path";
import { findCycles } from "./cycles.ts";
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
  const cycles = findCycles(graph.modules).map((cycle) => describeCycle(cycle.map(name)));
  return problems.concat(cycles, findRoomCircles(graph, name));
}

/** Folders whose rooms know each other, and why. */
const OPEN_PLAN: ReadonlyMap<string, string> = new Map([
  ["lib/gateway", "every step takes the one object of what all steps work with (parts.ts)"],
  ["lib/http1", "its types are both sides', and speak of the bytes that wire/ lends"],
]);

/** An import between two rooms of a folder: a folder in it is a room, and so is each file beside those. */
interface Door {
  readonly target: string;
  /** Who imports whom, and where. */
  readonly file: string;
}

function findRoomCircles(graph: ModuleGraph, name: (path: string) => string): string[] {
  const folders = new Map<string, Map<string, Door[]>>();
  for (const [path, imports] of graph.modules) {
    const from = name(path);
    if (layerOf(from) === undefined) continue;
    for (const { target, line } of imports) addDoor(folders, `${from}:${line}`, [from, name(target)]);
  }
  return [...folders].filter(([folder]) => !OPEN_PLAN.has(folder)).flatMap(([folder, rooms]) =>
    // Of files alone it has been said.
    findCycles(rooms).filter((circle) => circle.some((room) => room.endsWith("/"))).map((circle) =>
      describeCircle(folder, circle, rooms)
    )
  );
}

/** Two files that lie in one folder, in different rooms of it: that is the last folder which both lie in. */
function addDoor(folders: Map<string, Map<string, Door[]>>, file: string, [from, to]: readonly [string, string]): void {
  const ways = [from.split("/"), to.split("/")] as const;
  const parting = ways[0].findIndex((part, at) => part !== ways[1][at]);
  // Between layers their order is what counts.
  if (parting < 2) return;
  const room = (way: readonly string[]) => `${way[parting]}${parting === way.length - 1 ? "" : "/"}`;
  const folder = ways[0].slice(0, parting).join("/");
  const rooms = folders.get(folder) ?? new Map<string, Door[]>();
  folders.set(folder, rooms);
  for (const way of ways) if (!rooms.has(room(way))) rooms.set(room(way), []);
  rooms.get(room(ways[0]))!.push({ target: room(ways[1]), file });
}

function describeCircle(
  folder: string,
  circle: readonly string[],
  rooms: ReadonlyMap<string, readonly Door[]>,
): string {
  const places = circle.map((room, at) => {
    const next = circle[(at + 1) % circle.length];
    return rooms.get(room)!.find(({ target }) => target === next)!.file;
  });
  return `rooms of ${folder} import each other: ${[...circle, circle[0]].join(" → ")} (${places.join(", ")}). ` +
    "Move what they share into one that both import";
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
      ? `layers: ${files} files, all imports point downwards, no cycle of files or rooms, one folder that names a runtime`
      : `layers: ${problems.length} problems`,
  );
  Deno.exit(problems.length === 0 ? 0 : 1);
}
