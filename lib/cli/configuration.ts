// Settings and keys together, for the commands that need a whole configuration: the problems of both at once (P3).
import { type LoadedSettings, loadSettings, loadSome, type Sources } from "../config/load.ts";
import { type LoadedKeys, loadKeys } from "../config/named/keys.ts";
import { readTelemetry } from "../config/otel_variables.ts";
import type { SettingKey } from "../config/schema.ts";
import { ConfigError, type ConfigProblem } from "../errors.ts";
import type { TelemetrySettings } from "../telemetry/settings.ts";
import type { CommandContext, CommandFailure } from "./command.ts";
import { formatWarning } from "./screen/text.ts";
import { sourcesOf } from "./sources.ts";

export interface Configuration {
  readonly settings: LoadedSettings["settings"];
  /** Which of them somebody has written. */
  readonly given: ReadonlySet<SettingKey>;
  readonly keys: LoadedKeys;
  readonly warnings: readonly string[];
  /** What is exported of traces, metrics and logs; undefined if nothing is. */
  readonly telemetry: TelemetrySettings | undefined;
}

/**
 * The ring alone, for whoever can do nothing without; nothing else of the configuration is judged. Its warnings are told.
 * @throws ConfigError; `missing` where no key is configured
 */
export async function requireKeys(context: CommandContext, missing: CommandFailure): Promise<LoadedKeys> {
  const keys = await loadKeysFrom(readingOnce(sourcesOf(context)), context);
  if (keys.ephemeral) throw missing;
  for (const warning of keys.warnings) context.stderr(formatWarning(warning));
  return keys;
}

async function loadKeysFrom(sources: Sources, context: CommandContext): Promise<LoadedKeys> {
  const { settings, warnings } = await loadSome(["keyFile"], sources);
  const keys = await loadKeys(settings.keyFile, { ...sources, random: (length) => context.random(length) });
  return { ...keys, warnings: [...warnings, ...keys.warnings] };
}

/** Each file is read once, whoever looks at it: a pipe (`--key-file <(…)`) says what it holds no second time. */
function readingOnce(sources: Sources): Sources {
  const texts = new Map<string, Promise<string>>();
  return {
    ...sources,
    readTextFile: (path) => {
      const text = texts.get(path) ?? sources.readTextFile(path);
      texts.set(path, text);
      return text;
    },
  };
}

function problemsOf(outcomes: readonly PromiseSettledResult<unknown>[]): ConfigProblem[] {
  const problems = new Map<string, ConfigProblem>();
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") continue;
    if (!(outcome.reason instanceof ConfigError)) throw outcome.reason;
    for (const found of outcome.reason.problems) problems.set(`${found.place}\n${found.problem}`, found);
  }
  return [...problems.values()];
}

/** @throws ConfigError with the problems of settings and keys */
export async function loadConfiguration(context: CommandContext): Promise<Configuration> {
  // Wrong flags are reported with the settings; they are no reason to be silent about the keys.
  const sources = readingOnce(sourcesOf(context));
  const excused = { ...sources, flags: { ...context.flags, problems: [] } };
  const [settings, keys] = await Promise.allSettled([loadSettings(sources), loadKeysFrom(excused, context)]);
  const { telemetry, problems, warnings: ofTelemetry } = readTelemetry(context.env);
  const found = [...problemsOf([settings, keys]), ...problems];
  if (settings.status === "rejected" || keys.status === "rejected" || found.length > 0) throw new ConfigError(found);
  const warnings = new Set([...settings.value.warnings, ...keys.value.warnings, ...ofTelemetry]);
  const { settings: read, places } = settings.value;
  return { settings: read, given: new Set(places.keys()), keys: keys.value, telemetry, warnings: [...warnings] };
}
