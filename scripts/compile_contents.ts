// What an executable may consist of: main.ts, lib, and the packages named here.
import { relative } from "node:path";
import type { ModuleGraph } from "./module_graph.ts";

/** npm packages the program may consist of, with those they need. What tests and scripts use must never be here. */
export const RUNTIME_PACKAGES: readonly string[] = [
  "@marcbachmann/cel-js",
  "@redis/client",
  "jose",
  "oauth4webapi",
  "yaml",
];

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

export const isOwnFile = (file: string): boolean => file === "main.ts" || file.startsWith("lib/");
export const notAllowed: string =
  "not one of RUNTIME_PACKAGES in scripts/compile_contents.ts. If the program needs it, " +
  "add it there and to the README's dependencies; if only tests do, keep it out of lib";

/** A package whose files are in the executable. */
export interface Embedded {
  readonly name: string;
  readonly version: string;
}

/**
 * The packages that a bundle consists of besides the program's own files.
 * @param sources absolute paths: those of the bundle's source map
 * @throws Error if anything is in it that has no place in the program
 */
export function packagesOf(sources: readonly string[], root: string): Embedded[] {
  const found = new Map<string, Embedded>();
  const problems: string[] = [];
  for (const source of sources) {
    const [, name, version] = /\/npm\/[^/]+\/((?:@[^/]+\/)?[^/@]+)\/([^/]+)\//.exec(source) ?? [];
    if (name === undefined || version === undefined) {
      const file = relative(root, source).replaceAll("\\", "/");
      if (!isOwnFile(file)) problems.push(`${file} got into the bundle: it is neither main.ts nor lib`);
    } else if (!RUNTIME_PACKAGES.includes(name)) {
      problems.push(`the package ${name} got into the bundle: ${notAllowed}`);
    } else found.set(name, { name, version });
  }
  if (problems.length > 0) throw new Error([...new Set(problems)].join("\n"));
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/** Modules of the operators' page are in the bundle as text (lib/admin/page.ts), and name each other so. */
const OF_THE_PAGE: ReadonlySet<string> = new Set(
  Array.from(Deno.readDirSync(new URL("../lib/admin/page", import.meta.url)), ({ name }) => `./${name}`),
);
const NO_PARTS: ReadonlySet<string> = new Set();

/**
 * What a part of a bundle still imports by itself.
 * @param parts names of all of the bundle's files
 * @throws Error if that is anything but a built-in or another part
 */
export function assertSelfContained(code: string, parts: Pick<ReadonlySet<string>, "has"> = NO_PARTS): void {
  const imports = code.matchAll(/^\s*(?:import|export)\b[^"';]*?(?:from\s*)?["']([^"']+)["'];?$/gm);
  for (const [, specifier] of imports) {
    if (OF_THE_PAGE.has(specifier!) || parts.has(specifier!.replace(/^\.\//, ""))) continue;
    if (!specifier!.startsWith("node:")) throw new Error(`the bundle imports ${specifier}: want node: built-ins alone`);
  }
}
