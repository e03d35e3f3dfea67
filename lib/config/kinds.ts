// The kinds of value a setting can have: how each is read from text, shown again, and named in help.
// A kind never throws and never quotes a value that could hold a secret; it says what was found and what is wanted.

/** A value read from text, or why it cannot be. `problem` completes "‹place›: …"; `remedy` is a sentence. */
export type Parsed<T> = { readonly value: T } | { readonly problem: string; readonly remedy: string };

export interface Kind<T> {
  /** Stands for the value in help: `DURATION`. */
  readonly metavar: string;
  parse(text: string): Parsed<T>;
  /** Text that `parse` reads as the same value. */
  format(value: T): string;
  /** What may be written, when it is a closed list. */
  readonly choices?: readonly string[];
  /** The file on this machine that a value names, which must then be readable; undefined if the value names none. */
  fileOf?(value: T): string | undefined;
  /** The file that a value names and that is made if it is not there: it and its folder must be writable. */
  madeFileOf?(value: T): string;
  /** Where one text can hold several values of a repeatable setting; without it, a comma. */
  readonly separator?: RegExp;
}

export function unfit(problem: string, remedy: string): { problem: string; remedy: string } {
  return { problem, remedy };
}

/** A value as it may be shown in a message: short, printable, quoted. */
export function quoted(text: string): string {
  // deno-lint-ignore no-control-regex
  const printable = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "?");
  return JSON.stringify(printable.length > 48 ? printable.slice(0, 45) + "…" : printable);
}

export const boolean: Kind<boolean> = {
  metavar: "true|false",
  choices: ["true", "false"],
  parse(text) {
    if (/^(true|yes|on|1)$/i.test(text)) return { value: true };
    if (/^(false|no|off|0)$/i.test(text)) return { value: false };
    return unfit(`${quoted(text)} is neither true nor false`, "Write true or false.");
  },
  format: String,
};

export const string: Kind<string> = {
  metavar: "TEXT",
  parse: (text) =>
    text.trim() === "" ? unfit("the value is blank", "Give it a value or leave it out.") : { value: text },
  format: (value) => value,
};

/** A word of a command line, whatever it is: nobody but the program it is for knows what it means. Never shown. */
export const word: Kind<string> = {
  metavar: "COMMAND ARG …",
  parse: (text) =>
    text.includes("\0")
      ? unfit("a word holds a NUL character, which no program can be given", "Leave it out.")
      : { value: text },
  format: (value) => value,
};

export const file: Kind<string> = {
  ...string,
  metavar: "FILE",
  fileOf: (value) => value,
};

/** A file that is made when it is not there. */
export const stateFile: Kind<string> = { ...string, metavar: "FILE", madeFileOf: (value) => value };

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** Of an environment (POSIX.1-2017, XBD 8.1). */
export const variableName: Kind<string> = {
  metavar: "NAME",
  parse: (text) =>
    VARIABLE.test(text)
      ? { value: text }
      : unfit("this is no name of a variable", "Write letters, digits and _ only, such as API_URL, without a value."),
  format: (value) => value,
};

/** A header's name, or a variable's, whose letters count. */
export const credentialName: Kind<string> = {
  ...string,
  metavar: "NAME",
  parse: (text) =>
    VARIABLE.test(text) || /^[A-Za-z0-9-]{1,128}$/.test(text)
      ? { value: text }
      : unfit("this is no name of a header or a variable", "Write one such as authorization or API_TOKEN."),
};

/** `NAME=…` in its two parts; undefined if it is not that. The text may hold a secret and is not to be quoted. */
function splitPair(text: string): readonly [name: string, value: string] | undefined {
  const equals = text.indexOf("=");
  const name = text.slice(0, Math.max(equals, 0));
  return VARIABLE.test(name) && !text.includes("\0") ? [name, text.slice(equals + 1)] : undefined;
}

/** A variable with its value. */
export interface Variable {
  readonly name: string;
  readonly value: string;
}

export const variable: Kind<Variable> = {
  metavar: "NAME=VALUE",
  parse(text) {
    const pair = splitPair(text);
    if (pair === undefined) return unfit("this is no variable with its value", "Write NAME=VALUE.");
    return { value: { name: pair[0], value: pair[1] } };
  },
  format: ({ name, value }) => `${name}=${value}`,
  separator: /\n/,
};

/** A variable with the file that its value is in. */
export interface NamedFile {
  readonly name: string;
  readonly path: string;
}

export const namedFile: Kind<NamedFile> = {
  metavar: "NAME=FILE",
  parse(text) {
    const pair = splitPair(text);
    if (pair === undefined || pair[1] === "") {
      return unfit("this is no variable with the file its value is in", "Write NAME=FILE.");
    }
    return { value: { name: pair[0], path: pair[1] } };
  },
  format: ({ name, path }) => `${name}=${path}`,
  fileOf: ({ path }) => path,
};

/** A file that is there and replaced now and then. */
export const replacedFile: Kind<string> = { ...file, madeFileOf: (value) => value };

/** Whether values name files, for completion. */
export function namesFile(kind: Kind<unknown>): boolean {
  return kind.fileOf !== undefined || kind.madeFileOf !== undefined;
}

/** One of `values`; numbers stay numbers. A long list goes by a name of its own in help. */
export function choice<const T extends string | number>(values: readonly T[], metavar?: string): Kind<T> {
  const choices = values.map(String);
  return {
    metavar: metavar ?? choices.join("|"),
    choices,
    parse(text) {
      const found = values[choices.indexOf(text)];
      if (found !== undefined) return { value: found };
      return unfit(`${quoted(text)} is not known`, `Write one of ${choices.join(", ")}.`);
    },
    format: String,
  };
}

/** Inclusive bounds. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

function withinBounds(value: number, bounds: Bounds, format: (value: number) => string): Parsed<number> {
  if (value >= bounds.min && value <= bounds.max) return { value };
  const side = value < bounds.min ? `below the least, ${format(bounds.min)}` : `above the most, ${format(bounds.max)}`;
  return unfit(
    `${format(value)} is ${side}`,
    `Write a value from ${format(bounds.min)} to ${format(bounds.max)}.`,
  );
}

export function integer(bounds: Bounds): Kind<number> {
  return {
    metavar: "NUMBER",
    parse(text) {
      if (!/^\d{1,15}$/.test(text)) {
        return unfit(`${quoted(text)} is not a whole number`, "Write digits only, for example 100.");
      }
      return withinBounds(Number(text), bounds, String);
    },
    format: String,
  };
}

/** The units of a text such as `15m`, largest first; every one a multiple of the next. */
type Units = readonly (readonly [unit: string, factor: number])[];

const DURATION_UNITS: Units = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1000], ["ms", 1]];
const SIZE_UNITS: Units = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10], ["B", 1]];

function formatUnits(units: Units, value: number): string {
  if (value === 0) return "0";
  // Of the largest unit at least two: a day is better known as 24h.
  const [unit, factor] =
    units.find(([, factor], index) => value % factor === 0 && (index > 0 || value >= 2 * factor)) ??
      units[units.length - 1]!;
  return `${value / factor}${unit}`;
}

function parseUnits(units: Units, text: string): number | undefined {
  const match = /^(\d{1,16})([a-zA-Z]*)$/.exec(text);
  if (match === null) return undefined;
  if (match[2] === "" && Number(match[1]) === 0) return 0;
  const factor = units.find(([unit]) => unit === match[2])?.[1];
  const value = factor === undefined ? NaN : Number(match[1]) * factor;
  // T4: a product that is no longer exact is refused, not rounded.
  return Number.isSafeInteger(value) ? value : undefined;
}

/** In milliseconds: `500ms`, `30s`, `15m`, `24h`, `7d`; a bare `0` is none. */
export function formatDuration(ms: number): string {
  return formatUnits(DURATION_UNITS, ms);
}

/** In bytes: `512B`, `16KiB`, `4MiB`. */
export function formatSize(bytes: number): string {
  return formatUnits(SIZE_UNITS, bytes);
}

export interface DurationBounds extends Bounds {
  /** 0 is allowed besides the bounds; the setting's text says what it means. */
  readonly orZero?: boolean;
}

/** Value in milliseconds. */
export function duration(bounds: DurationBounds): Kind<number> {
  return {
    metavar: "DURATION",
    parse(text) {
      const value = parseUnits(DURATION_UNITS, text);
      if (value === undefined) {
        return unfit(`${quoted(text)} is not a duration`, "Write a number and a unit: 500ms, 30s, 15m, 24h or 7d.");
      }
      if (value === 0 && bounds.orZero) return { value };
      return withinBounds(value, bounds, formatDuration);
    },
    format: formatDuration,
  };
}

/** Value in bytes. */
export function size(bounds: Bounds): Kind<number> {
  return {
    metavar: "SIZE",
    parse(text) {
      const value = parseUnits(SIZE_UNITS, text);
      if (value === undefined) {
        return unfit(`${quoted(text)} is not a size`, "Write a number and a unit: 512B, 16KiB, 4MiB or 1GiB.");
      }
      return withinBounds(value, bounds, formatSize);
    },
    format: formatSize,
  };
}

/** RFC 9110 §5.1: a token; lower-cased, as the engine compares names. */
export const headerName: Kind<string> = {
  metavar: "NAME",
  parse(text) {
    if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(text)) return { value: text.toLowerCase() };
    return unfit(`${quoted(text)} is not a header name`, "Write a name such as x-tenant, without a colon or a value.");
  },
  format: (value) => value,
};

/** RFC 6749 §3.3, scope-token. Several are separated by blanks, as everywhere, or by commas. */
export const scope: Kind<string> = {
  metavar: "SCOPE",
  parse(text) {
    if (/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(text)) return { value: text };
    return unfit(
      `${quoted(text)} is not a scope`,
      "Write one without blanks, quotes or backslashes, such as mcp:tools.",
    );
  },
  format: (value) => value,
  separator: /[\s,]+/,
};

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** A moment as RFC 3339 writes it, zone and all; in ms since the epoch, what is finer rounded down. */
export const moment: Kind<number> = {
  metavar: "TIME",
  parse(text) {
    const value = RFC_3339.test(text) ? Date.parse(text.toUpperCase().replace(" ", "T")) : NaN;
    // A day that is not there, such as 31 June, is read as another one.
    const day = Number(text.slice(8, 10));
    const exists = day <= new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
    if (Number.isFinite(value) && exists) return { value: Math.floor(value) };
    return unfit(`${quoted(text)} is not a moment`, "Write one such as 2026-08-01T12:00:00Z, with its zone.");
  },
  format: (value) => new Date(value).toISOString(),
};
