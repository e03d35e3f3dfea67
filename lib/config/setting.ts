// One row of the table of settings: what it is called in each place, what it may be, and what it does.
import { boolean, type Kind } from "./values/kinds.ts";

/** Headings of help and of the table in docs/configuration.md, in this order. */
export const SECTIONS = [
  "Listening",
  "Forwarding",
  "Several servers",
  "Stdio servers",
  "Credentials",
  "Keys",
  "Callers",
  "Sessions",
  "Rules and rates",
  "Limits",
  "Time-outs",
  "Replicas",
  "Audit",
  "Operation",
] as const;
export type Section = typeof SECTIONS[number];

/** A setting whose value has type `T` (for a repeatable one, an array). */
export interface Setting<T> {
  /** The flag without dashes, which is also the key of `signet.yaml`: `session-ttl`. */
  readonly name: string;
  readonly section: Section;
  /** One line for people, without a full stop. */
  readonly doc: string;
  readonly kind: Kind<unknown>;
  readonly repeatable: boolean;
  /** Needs no value on the command line: `--full-lane` is `--full-lane=true`. */
  readonly isFlag: boolean;
  /** A command line: what stands behind `--`, or a list in the file; neither a flag nor a variable, and never split. */
  readonly isWords: boolean;
  /** Weakens a guarantee; marked in help, table and log. */
  readonly dangerous: boolean;
  /** Undefined: nothing is configured unless asked for. */
  readonly default: T;
}

/** The value a setting stands for. */
export type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** `SIGNET_SESSION_TTL` of `session-ttl`. */
export function environmentName(setting: Setting<unknown>): string {
  return "SIGNET_" + setting.name.toUpperCase().replaceAll("-", "_");
}

/** How it is written on the command line: `--allow-host HOST …`. */
export function writtenAs({ name, kind, isFlag, isWords, repeatable }: Setting<unknown>): string {
  if (isWords) return `-- ${kind.metavar}`;
  return `--${name}${isFlag ? "" : ` ${kind.metavar}`}${repeatable ? " …" : ""}`;
}

/** How messages name it: `--allow-host`; for a command line, `--`. */
export function flagOf({ name, isWords }: Pick<Setting<unknown>, "name" | "isWords">): string {
  return isWords ? "--" : `--${name}`;
}

/** How lists of settings name it: as {@link flagOf}, but for a command line, of which `--` alone would say nothing. */
export function listedAs(setting: Pick<Setting<unknown>, "name" | "isWords">): string {
  return setting.isWords ? setting.name : flagOf(setting);
}

/** The default as people would write it; empty if there is none. */
export function defaultText(setting: Setting<unknown>): string {
  const value = setting.default;
  if (value === undefined) return "";
  if (setting.repeatable) return (value as readonly unknown[]).map((item) => setting.kind.format(item)).join(", ");
  return setting.kind.format(value);
}

interface Common {
  readonly name: string;
  readonly doc: string;
  readonly dangerous?: boolean;
}

/** Makes the rows of one section. */
export interface RowMaker {
  /** One value, with a default. */
  one<T>(kind: Kind<T>, row: Common & { readonly default: NoInfer<T> }): Setting<T>;
  /** One value, or undefined. */
  optional<T>(kind: Kind<T>, row: Common): Setting<T | undefined>;
  /** Any number of values in the order given. */
  many<T>(kind: Kind<T>, row: Common & { readonly default?: readonly NoInfer<T>[] }): Setting<readonly T[]>;
  /** A command line, word by word; empty if there is none. */
  words(kind: Kind<string>, row: Common): Setting<readonly string[]>;
  /** On or off; off by default. */
  flag(row: Common): Setting<boolean>;
}

const PLAIN = { repeatable: false, isFlag: false, isWords: false, dangerous: false } as const;

/** By spreading alone: a start makes a hundred and fifty of them. */
export function rowsOf(section: Section): RowMaker {
  return {
    one: (kind, common) => ({ ...PLAIN, section, kind, ...common }),
    optional: (kind, common) => ({ ...PLAIN, section, kind, default: undefined, ...common }),
    many: (kind, common) => ({ ...PLAIN, section, kind, repeatable: true, default: [], ...common }),
    words: (kind, common) => ({ ...PLAIN, section, kind, repeatable: true, isWords: true, default: [], ...common }),
    flag: (common) => ({ ...PLAIN, section, kind: boolean, isFlag: true, default: false, ...common }),
  };
}
