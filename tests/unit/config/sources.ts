// A machine of texts for the tests of configuration: files by path, an environment, arguments.
import { parseFlags } from "../../../lib/config/flags.ts";
import { type LoadedSettings, loadSettings, type Sources } from "../../../lib/config/load.ts";
import { SETTING_KEYS } from "../../../lib/config/schema.ts";
import { ConfigError, type ConfigProblem } from "../../../lib/errors.ts";
import type { PathUse } from "../../../lib/platform/files/foreign_hands.ts";

export interface Given {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Text, or the error reading it fails with. */
  readonly files?: Readonly<Record<string, string | Error>>;
  /** Files that are another user's: root's. */
  readonly roots?: readonly string[];
  readonly modes?: Readonly<Record<string, number>>;
  /** What writing at a path fails with; all others can be written. */
  readonly readOnly?: Readonly<Record<string, Error>>;
  /** Paths that other users have a hand in, by how they are used. */
  readonly foreign?: Readonly<Record<string, PathUse>>;
}

export function sourcesOf(
  { argv = [], env = {}, files = {}, roots = [], modes = {}, readOnly = {}, foreign = {} }: Given,
): Sources {
  return {
    flags: parseFlags(argv, { command: "signet serve", accepts: new Set(SETTING_KEYS) }),
    env,
    readTextFile(path) {
      const found = files[path] ?? new Deno.errors.NotFound(`${path} (os error 2)`);
      return typeof found === "string" ? Promise.resolve(found) : Promise.reject(found);
    },
    fileMode: (path) => Promise.resolve(modes[path] ?? 0o100600),
    isOwnFile: (path) => Promise.resolve(!roots.includes(path)),
    foreignHands: (path, use) =>
      foreign[path] === use ? { problem: `others write ${path}`, remedy: "Mind." } : undefined,
    checkWritable: (path) => readOnly[path] === undefined ? Promise.resolve() : Promise.reject(readOnly[path]),
  };
}

/** What is always needed; tests add what they are about. */
export const UPSTREAM = ["--upstream", "http://127.0.0.1:3000/mcp"];

/** Loads with an upstream given by flag. */
export function load(given: Given = {}): Promise<LoadedSettings> {
  return loadSettings(sourcesOf({ ...given, argv: [...UPSTREAM, ...(given.argv ?? [])] }));
}

/** The problems of loading without anything added; empty if it succeeds. */
export async function problemsOf(given: Given): Promise<readonly ConfigProblem[]> {
  try {
    await loadSettings(sourcesOf(given));
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** The problems of loading with an upstream, as `place: problem`. */
export async function problemLines(given: Given): Promise<string[]> {
  const problems = await problemsOf({ ...given, argv: [...UPSTREAM, ...(given.argv ?? [])] });
  return problems.map(({ place, problem }) => `${place}: ${problem}`);
}

/** The warnings of loading with an upstream, one a line. */
export async function warningsOf(given: Given): Promise<string> {
  return (await load(given)).warnings.join("\n");
}
