// The command line as settings: `--name value`, `--name=value`, bare flags, arguments, and what stands after `--`.
// Nothing is guessed: an unknown flag or one of another command is a problem, and no value is taken from a next flag.
import type { ConfigProblem } from "../errors.ts";
import { closest } from "./closest.ts";
import type { Given, GivenText, Reading } from "./given.ts";
import { keyOfName, type SettingKey, SETTINGS } from "./schema.ts";

export interface FlagOptions {
  /** For messages: `signet serve`. */
  readonly command: string;
  /** Settings the command uses; the flags of all others are refused. */
  readonly accepts: ReadonlySet<SettingKey>;
}

export interface ParsedFlags extends Reading {
  readonly given: Given;
  readonly problems: readonly ConfigProblem[];
  /** `--config FILE`. */
  readonly configFile: string | undefined;
  /** `--help` or `-h`. */
  readonly help: boolean;
  /** What is no flag, in order. */
  readonly positionals: readonly string[];
  /** What stands after `--`; undefined without it. */
  readonly rest: readonly string[] | undefined;
}

class FlagReader {
  readonly given = new Map<SettingKey, GivenText[]>();
  readonly problems: ConfigProblem[] = [];
  readonly positionals: string[] = [];
  rest: readonly string[] | undefined;
  configFile: string | undefined;
  help = false;
  readonly #argv: readonly string[];
  readonly #options: FlagOptions;
  #next = 0;

  constructor(argv: readonly string[], options: FlagOptions) {
    this.#argv = argv;
    this.#options = options;
  }

  readAll(): void {
    while (this.#next < this.#argv.length) {
      const argument = this.#argv[this.#next++]!;
      if (argument === "--") {
        this.rest = this.#argv.slice(this.#next);
        return;
      }
      if (argument === "--help" || argument === "-h") this.help = true;
      else if (argument.startsWith("-") && argument !== "-") this.#readFlag(argument);
      else this.positionals.push(argument);
    }
  }

  #readFlag(argument: string): void {
    const equals = argument.indexOf("=");
    const place = equals < 0 ? argument : argument.slice(0, equals);
    const inline = equals < 0 ? undefined : argument.slice(equals + 1);
    const name = place.replace(/^--/, "");
    if (name === "config" && this.#options.accepts.size > 0) {
      return this.#readConfigFlag(place, inline);
    }
    const key = keyOfName(name);
    if (key === undefined) return this.#reportUnknown(place, name, inline !== undefined);
    const setting = SETTINGS[key];
    const text = inline ?? (setting.isFlag ? "true" : this.#takeValue(place, setting.kind.metavar));
    if (!this.#options.accepts.has(key)) {
      this.#report(place, `\`${this.#options.command}\` has no use for this flag`, "Leave it out.");
    } else if (text !== undefined) {
      const texts = this.given.get(key) ?? [];
      this.given.set(key, [...texts, { text, place }]);
    }
  }

  #readConfigFlag(place: string, inline: string | undefined): void {
    const path = inline ?? this.#takeValue(place, "FILE");
    if (path === undefined) return;
    if (path === "") this.#report(place, "the value is blank", "Name a YAML file, or leave it out.");
    else if (this.configFile !== undefined) this.#report(place, "it is given 2 times", "Give it once.");
    else this.configFile = path;
  }

  #takeValue(place: string, metavar: string): string | undefined {
    const value = this.#argv[this.#next];
    if (value === undefined || value.startsWith("--")) {
      this.#report(place, "the value is missing", `Write ${place} ${metavar}, or ${place}=${metavar}.`);
      return undefined;
    }
    this.#next++;
    return value;
  }

  #reportUnknown(place: string, name: string, hasValue: boolean): void {
    const { accepts, command } = this.#options;
    const names = [...accepts].map((key) => SETTINGS[key].name);
    const near = closest(name, accepts.size > 0 ? [...names, "config", "help"] : ["help"]);
    const meant = near === undefined ? undefined : keyOfName(near);
    // What follows was most likely its value: reporting it as a stray word too would tell one mistake twice.
    const takesValue = near === undefined || near === "config" || (meant !== undefined && !SETTINGS[meant].isFlag);
    if (!hasValue && takesValue && !(this.#argv[this.#next] ?? "-").startsWith("-")) this.#next++;
    const list = `\`${command} --help\` lists all flags.`;
    this.#report(
      place.length > 64 ? place.slice(0, 61) + "…" : place,
      "there is no such flag",
      near === undefined ? list : `Did you mean --${near}? ${list}`,
    );
  }

  #report(place: string, problem: string, remedy: string): void {
    this.problems.push({ place, problem, remedy });
  }
}

/** Reads a command's arguments; never throws. */
export function parseFlags(argv: readonly string[], options: FlagOptions): ParsedFlags {
  const reader = new FlagReader(argv, options);
  reader.readAll();
  const { given, problems, configFile, help, positionals, rest } = reader;
  return { given, problems, configFile, help, positionals, rest };
}
