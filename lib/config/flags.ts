// The command line as settings: `--name value`, `--name=value`, bare flags, arguments, and what stands after `--`.
// Nothing is guessed: an unknown flag or one of another command is a problem, and no value is taken from a next flag.
import type { ConfigProblem } from "../errors.ts";
import { closest } from "./closest.ts";
import type { Given, GivenText, Reading } from "./given.ts";
import { keyOfName, type SettingKey, settingOf, SETTINGS } from "./schema.ts";
import type { Setting } from "./setting.ts";
import type { Kind } from "./values/kinds.ts";

/** A flag of one command that is no setting: it has no variable and no place in a file. Never repeatable. */
export interface OwnFlag<T = unknown> {
  readonly name: string;
  /** One line without a full stop. */
  readonly doc: string;
  readonly kind: Kind<T>;
  /** Needs no value: `--json` is `--json=true`. */
  readonly isFlag?: boolean;
}

export interface FlagOptions {
  /** For messages: `signet serve`. */
  readonly command: string;
  /** Settings the command uses; the flags of all others are refused. */
  readonly accepts: ReadonlySet<SettingKey>;
  /** Flags of its own. One with the name of a setting takes that setting's place on the command line. */
  readonly own?: readonly OwnFlag[];
  /** Whether what stands after `--` are further arguments, which may then begin with a dash. */
  readonly takesWords?: boolean;
}

export interface ParsedFlags extends Reading {
  readonly given: Given;
  readonly problems: readonly ConfigProblem[];
  /** `--config FILE`. */
  readonly configFile: string | undefined;
  /** `--help` or `-h`; `all` for `--help-all`. */
  readonly help: boolean | "all";
  /** What is no flag, in order. */
  readonly positionals: readonly string[];
  /** What stands after `--`; undefined without it, and for a command that takes it as arguments or as a setting. */
  readonly rest: readonly string[] | undefined;
  /** Values of the command's own flags by name, each read by its kind. */
  readonly own: ReadonlyMap<string, unknown>;
}

/** The value of a command's own flag; undefined if it was not given. */
export function ownValue<T>(flags: ParsedFlags, flag: OwnFlag<T>): T | undefined {
  // Read by this flag's own kind, and by no other of the name.
  return flags.own.get(flag.name) as T | undefined;
}

/** What other programs call it. */
const NAMES_ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ...["port", "host", "bind", "-p"].map((name) => [name, "listen"] as const),
  ...["url", "target", "backend", "server"].map((name) => [name, "upstream"] as const),
  ...([["-c", "config"], ["key", "key-file"], ["cert", "tls-cert"], ["verbose", "log-level"]] as const),
]);

class FlagReader {
  readonly given = new Map<SettingKey, GivenText[]>();
  readonly problems: ConfigProblem[] = [];
  readonly positionals: string[] = [];
  readonly own = new Map<string, unknown>();
  readonly broken = new Set<SettingKey>();
  rest: readonly string[] | undefined;
  configFile: string | undefined;
  help: boolean | "all" = false;
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
        const rest = this.#argv.slice(this.#next);
        return this.#readRest(rest);
      }
      if (argument === "--help-all") this.help = "all";
      else if (argument === "--help" || argument === "-h") this.help ||= true;
      else if (argument.startsWith("-") && !this.#isWord(argument)) this.#readFlag(argument);
      else this.positionals.push(argument);
    }
  }

  /** Standard input's name, and a number below zero, such as the codes of JSON-RPC: no flag is called so. */
  #isWord(argument: string): boolean {
    return argument === "-" || (this.#options.takesWords === true && /^-\d+$/.test(argument));
  }

  #readRest(rest: readonly string[]): void {
    const { accepts, takesWords } = this.#options;
    if (takesWords) this.positionals.push(...rest);
    else if (!accepts.has("command")) this.rest = rest;
    else if (rest.length === 0) {
      this.#report("--", "no command stands behind it", "Write the command of a stdio MCP server, or leave -- out.");
    } else this.given.set("command", rest.map((text) => ({ text, place: "--", isItem: true })));
  }

  #readFlag(argument: string): void {
    const equals = argument.indexOf("=");
    const place = equals < 0 ? argument : argument.slice(0, equals);
    const inline = equals < 0 ? undefined : argument.slice(equals + 1);
    const name = place.replace(/^--/, "");
    if (name === "config" && this.#options.accepts.size > 0) {
      return this.#readConfigFlag(place, inline);
    }
    const own = this.#options.own?.find((flag) => flag.name === name);
    if (own !== undefined) return this.#readOwn(own, place, inline);
    const key = keyOfName(name);
    if (key === undefined) return this.#reportUnknown(place, name, inline !== undefined);
    const setting: Setting<unknown> = SETTINGS[key];
    if (setting.isWords && this.#options.accepts.has(key)) return this.#reportWords(place, inline !== undefined);
    const text = inline ?? (setting.isFlag ? "true" : this.#takeValue(place, setting.kind.metavar));
    if (text === undefined) this.broken.add(key);
    if (!this.#options.accepts.has(key)) {
      this.#report(place, `\`${this.#options.command}\` has no use for this flag`, "Leave it out.");
    } else if (text !== undefined) {
      const texts = this.given.get(key) ?? [];
      this.given.set(key, [...texts, { text, place }]);
    }
  }

  /** What follows is its value; the first word of several that are wanted. */
  #reportWords(place: string, hasValue: boolean): void {
    if (!hasValue && !(this.#argv[this.#next] ?? "-").startsWith("-")) this.#next++;
    this.#report(place, "a command is no flag", "Write it at the end, behind --: `-- COMMAND ARG …`.");
  }

  #readOwn({ name, kind, isFlag }: OwnFlag, place: string, inline: string | undefined): void {
    const text = inline ?? (isFlag ? "true" : this.#takeValue(place, kind.metavar));
    if (text === undefined) return;
    if (this.own.has(name)) return this.#report(place, "it is given 2 times", "Give it once.");
    const parsed = kind.parse(text);
    if ("value" in parsed) this.own.set(name, parsed.value);
    else this.#report(place, parsed.problem, parsed.remedy);
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
    const { accepts, command, own = [], takesWords } = this.#options;
    const names = [
      ...own.map(({ name }) => name),
      ...[...accepts].filter((key) => !settingOf(key).isWords).map((key) => SETTINGS[key].name),
    ];
    const known = accepts.size > 0 ? [...names, "config", "help"] : [...names, "help"];
    const elsewhere = NAMES_ELSEWHERE.get(name);
    const near = elsewhere !== undefined && known.includes(elsewhere) ? elsewhere : closest(name, known);
    const isOwnSwitch = own.some((flag) => flag.name === near && flag.isFlag);
    const meant = near === undefined || isOwnSwitch ? undefined : keyOfName(near);
    if (meant !== undefined) this.broken.add(meant);
    // What follows was most likely its value: reporting it as a stray word too would tell one mistake twice.
    const takesValue = !isOwnSwitch && near !== "help" && (meant === undefined || !SETTINGS[meant].isFlag);
    if (!hasValue && takesValue && !(this.#argv[this.#next] ?? "-").startsWith("-")) this.#next++;
    const list = takesWords && !place.startsWith("--")
      ? "Write -- before a word that begins with a dash."
      : `\`${command} --help-all\` lists all flags.`;
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
  const { given, problems, broken, configFile, help, positionals, rest, own } = reader;
  return { given, problems, broken, configFile, help, positionals, rest, own };
}
