// Settings that give a process something: variables of its environment, and names of headers and variables that credentials
// go under. No message quotes a value, which may be a secret.
import { type Kind, string, unfit } from "./kinds.ts";

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
