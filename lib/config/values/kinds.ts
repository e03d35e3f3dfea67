// The kinds of value a setting can have: how each is read from text, shown again, and named in help. Those of words and
// names are here; numbers are quantities.ts, places addresses.ts, and what a process is given variables.ts.
// A kind never throws and never quotes a value that could hold a secret; it says what was found and what is wanted.
import { escapeUnsafe } from "../../observe/escape.ts";

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
  madeFileOf?(value: T): string | undefined;
  /** The unix socket that a value leads to. */
  socketOf?(value: T): string | undefined;
  /** Whether a file may write the value as a mapping, which `parse` then gets as JSON. */
  readonly takesMapping?: boolean;
  /** For a repeatable setting in which the same value twice is a mistake: what to do instead. */
  readonly onRepeat?: string;
  /** Where one text can hold several values of a repeatable setting; without it, a comma. */
  readonly separator?: RegExp;
}

export function unfit(problem: string, remedy: string): { problem: string; remedy: string } {
  return { problem, remedy };
}

/** A value as it may be shown in a message: short, quoted, and what nobody would see in it written out. */
export function quoted(text: string): string {
  return escapeUnsafe(JSON.stringify(text.length > 48 ? text.slice(0, 45) + "…" : text));
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

/** A file that is there and replaced now and then. */
export const replacedFile: Kind<string> = { ...file, madeFileOf: (value) => value };

/** Whether values name files, for completion. */
export function namesFile(kind: Kind<unknown>): boolean {
  return kind.fileOf !== undefined || kind.madeFileOf !== undefined;
}

/** One of `values`; numbers stay numbers. A long list goes by a name of its own in help. */
export function choice<const T extends string | number>(values: readonly T[], metavar?: string): Kind<T> {
  const choices: readonly string[] = values.every((value) => typeof value === "string") ? values : values.map(String);
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
