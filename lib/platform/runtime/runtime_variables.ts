// Environment variables by which a runtime would become something else, or less safe, than the program it runs.
import { buildFacts } from "./build_facts.ts";
import { RUNTIME } from "./runtime.ts";

/** Where Bun itself lies; people export it in their shells, and it changes nothing here. */
const HARMLESS = /^BUN_INSTALL(_|$)/;
/** NODE_TLS_REJECT_UNAUTHORIZED=0 believes every certificate; the others write files or load code. */
const OF_NODE: ReadonlySet<string> = new Set([
  "NODE_TLS_REJECT_UNAUTHORIZED",
  "NODE_V8_COVERAGE",
  "NODE_COMPILE_CACHE",
]);

export interface RuntimeVariablesOptions {
  /** Default: this process's. */
  readonly runtime?: string;
  readonly switchedOff?: readonly string[];
}

/**
 * Names in `env` that steer Bun and could not be switched off in this executable: with them nobody knows what runs.
 * Deno, from source, is its user's own to steer.
 */
export function runtimeVariables(
  env: Readonly<Record<string, string>>,
  options: RuntimeVariablesOptions = {},
): string[] {
  const { runtime = RUNTIME, switchedOff = buildFacts()?.switchedOff ?? [] } = options;
  if (runtime !== "bun") return [];
  return Object.keys(env).filter((name) =>
    OF_NODE.has(name) ||
    (name.startsWith("BUN_") && !HARMLESS.test(name) && !switchedOff.some((start) => name.startsWith(start)))
  ).sort();
}
