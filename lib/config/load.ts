// Settings out of flags, environment and file, in this order of precedence (docs/behaviour.md P3):
// every problem of every source at once, each with its place and remedy; never a partial result.
import { ConfigError, type ConfigProblem } from "../errors.ts";
import { examineRules } from "./access_rules.ts";
import { CONFIG_FILE_VARIABLE, type Environment, readEnvironment } from "./environment.ts";
import type { Given, GivenText, Reading } from "./given.ts";
import { examineFiles, type FileAccess } from "./named/named_files.ts";
import { explainReadError } from "./named/read_error.ts";
import { judge } from "./rules.ts";
import { SETTING_KEYS, type SettingKey, SETTINGS, type Settings } from "./schema.ts";
import type { Setting } from "./setting.ts";
import { readConfigFile } from "./yaml/config_file.ts";

/** Where settings may come from. `flags` are parsed already: see `parseFlags`. */
export interface Sources extends FileAccess {
  readonly flags: Reading & { readonly configFile?: string | undefined };
  readonly env: Environment;
}

export interface LoadedSettings<K extends SettingKey = SettingKey> {
  readonly settings: Pick<Settings, K>;
  /** What works but should be known: one sentence or two each, fit for a log. */
  readonly warnings: readonly string[];
  /** Where each setting that is not at its default was found. */
  readonly places: ReadonlyMap<SettingKey, string>;
}

const NO_FINDINGS = { problems: [], warnings: [] };
const NOTHING: Reading = { given: new Map(), problems: [] };

async function readFileSource(sources: Sources): Promise<Reading & { readonly file?: string }> {
  const fromFlag = sources.flags.configFile;
  const path = fromFlag ?? (sources.env[CONFIG_FILE_VARIABLE] || undefined);
  if (path === undefined) return NOTHING;
  try {
    const reading = await readConfigFile(path, await sources.readTextFile(path));
    return { ...reading, file: path };
  } catch (error) {
    const place = fromFlag === undefined ? CONFIG_FILE_VARIABLE : "--config";
    return { given: new Map(), problems: [{ place, ...explainReadError(error, path) }], broken: "all" };
  }
}

const BLANK = { problem: "the value is blank", remedy: "Give it a value or leave it out." };

/**
 * The values of one text. A comma too many is none; a text of nothing else is a variable that was not set, or a mistake,
 * and would switch off what it was to ask for, and what a weaker source asks for besides.
 */
function splitText(setting: Setting<unknown>, { text, place, isItem }: GivenText): GivenText[] {
  const parts = isItem ? [text.trim()] : text.split(setting.kind.separator ?? ",").map((part) => part.trim());
  return parts.filter((part) => part !== "").map((part) => ({ text: part, place }));
}

function splitTexts(
  setting: Setting<unknown>,
  texts: readonly GivenText[],
  problems: ConfigProblem[],
): { items: GivenText[]; sound: boolean } {
  const items: GivenText[] = [];
  let sound = true;
  for (const given of texts) {
    const parts = splitText(setting, given);
    if (parts.length === 0) {
      problems.push({ place: given.place, ...BLANK });
      sound = false;
    }
    items.push(...parts);
  }
  return { items, sound };
}

/** As they are: blanks at their ends, commas and repetitions mean something to the program they are for. */
function readWords(
  { kind }: Setting<unknown>,
  texts: readonly GivenText[],
  problems: ConfigProblem[],
): { value: unknown } | undefined {
  const values: unknown[] = [];
  for (const { text, place } of texts) {
    const parsed = kind.parse(text);
    if ("value" in parsed) values.push(parsed.value);
    else problems.push({ place, ...parsed });
  }
  return values.length === texts.length ? { value: values } : undefined;
}

/** Reads one setting's texts. @returns undefined after reporting a problem */
function readValue(
  setting: Setting<unknown>,
  texts: readonly GivenText[],
  problems: ConfigProblem[],
): { value: unknown } | undefined {
  if (setting.isWords) return readWords(setting, texts, problems);
  const split = setting.repeatable ? splitTexts(setting, texts, problems) : { items: texts, sound: true };
  if (!setting.repeatable && texts.length > 1) {
    const place = texts[1]!.place;
    problems.push({ place, problem: `it is given ${texts.length} times`, remedy: "Give it once." });
    return undefined;
  }
  const values = new Map<string, unknown>();
  let { sound } = split;
  for (const { text, place } of split.items) {
    const parsed = setting.kind.parse(text);
    if ("value" in parsed) {
      const shown = setting.kind.format(parsed.value);
      if (setting.kind.onRepeat !== undefined && values.has(shown)) {
        problems.push({ place, problem: `${shown} is named twice`, remedy: setting.kind.onRepeat });
        sound = false;
      }
      values.set(shown, parsed.value);
    } else {
      problems.push({ place, ...parsed });
      sound = false;
    }
  }
  if (!sound) return undefined;
  return { value: setting.repeatable ? [...values.values()] : values.values().next().value };
}

interface Merged {
  readonly settings: Settings;
  readonly places: ReadonlyMap<SettingKey, string>;
  readonly broken: ReadonlySet<SettingKey>;
}

function merge(layers: readonly Given[], keys: readonly SettingKey[], problems: ConfigProblem[]): Merged {
  const values: Partial<Record<SettingKey, unknown>> = {};
  const places = new Map<SettingKey, string>();
  const broken = new Set<SettingKey>();
  const asked = new Set(keys);
  // Every start walks over the whole table, and few rows of it are given: without a call for each of the others.
  for (const key of SETTING_KEYS) {
    const setting: Setting<unknown> = SETTINGS[key];
    values[key] = setting.default;
    let texts: readonly GivenText[] | undefined;
    for (let at = 0; texts === undefined && at < layers.length; at++) texts = layers[at]!.get(key);
    if (texts === undefined || !asked.has(key)) continue;
    if (texts[0] !== undefined) places.set(key, texts[0].place);
    const read = readValue(setting, texts, problems);
    if (read === undefined) broken.add(key);
    else values[key] = read.value;
  }
  // Each value was parsed by its own row's kind, or is that row's default: what the type of Settings is derived from.
  return { settings: values as unknown as Settings, places, broken };
}

/**
 * Defaults that depend on other settings: with nothing configured, callers on loopback are anonymous (O6; `judge` has
 * refused it elsewhere), and a session is idle no later than it expires, and looked for no later than it is idle.
 */
function withDerivedDefaults(settings: Settings): Settings {
  const principals: Settings["principals"] = settings.principals.length > 0 ? settings.principals : ["anonymous"];
  const sessionIdleMs = Math.min(settings.sessionIdleMs, settings.sessionTtlMs);
  const sweepIntervalMs = Math.min(settings.sweepIntervalMs, sessionIdleMs);
  return { ...settings, principals, sessionIdleMs, sweepIntervalMs };
}

/**
 * Settings of a whole `serve`.
 * @throws ConfigError with every problem there is
 */
export async function loadSettings(sources: Sources): Promise<LoadedSettings> {
  const environment = readEnvironment(sources.env);
  const file = await readFileSource(sources);
  const problems = [...sources.flags.problems, ...environment.problems, ...file.problems];
  const merged = merge([sources.flags.given, environment.given, file.given], SETTING_KEYS, problems);
  // Of what a source would have said nothing is known: no rule is to judge a default in its place.
  const unread = [sources.flags, environment, file].flatMap(({ broken }) =>
    broken === "all" ? SETTING_KEYS : [...broken ?? []]
  );
  const broken = new Set([...merged.broken, ...unread.filter((key) => !merged.places.has(key))]);
  const verdict = judge({ ...merged, broken });
  const sound = merged.broken.size === 0 ? SETTING_KEYS : SETTING_KEYS.filter((key) => !merged.broken.has(key));
  const files = await examineFiles(merged.settings, sound, {
    access: sources,
    places: merged.places,
    ...(file.file === undefined ? {} : { configFile: file.file }),
  });
  const access = broken.has("rules") ? NO_FINDINGS : await examineRules(merged.settings, merged.places);
  problems.push(...verdict.problems, ...files.problems, ...access.problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const warnings = [...verdict.warnings, ...files.warnings, ...access.warnings];
  return { settings: withDerivedDefaults(merged.settings), warnings, places: merged.places };
}

/**
 * Some settings only, for commands that need no more: the rest of the configuration is not judged.
 * @throws ConfigError with every problem of the flags, of the file's form, and of the settings asked for
 */
export async function loadSome<K extends SettingKey>(
  keys: readonly K[],
  sources: Sources,
): Promise<LoadedSettings<K>> {
  const environment = readEnvironment(sources.env);
  const file = await readFileSource(sources);
  const problems = [...sources.flags.problems];
  if (file.given.size === 0) problems.push(...file.problems);
  // Whether files are trusted is asked with every file.
  const asked: readonly SettingKey[] = [...keys, "unsafeFiles"];
  const merged = merge([sources.flags.given, environment.given, file.given], asked, problems);
  const sound = keys.filter((key) => !merged.broken.has(key));
  const files = await examineFiles(merged.settings, sound, {
    access: sources,
    places: merged.places,
    ...(file.file === undefined ? {} : { configFile: file.file }),
  });
  problems.push(...files.problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return { settings: merged.settings, warnings: files.warnings, places: merged.places };
}
