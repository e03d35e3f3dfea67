// One value of several named members: words of the form `name=value` on a line, a mapping in a file, which comes here as
// JSON.
import { namesMemberTwice } from "../../mcp/json/json_text.ts";
import { parseJson } from "../../platform/json.ts";
import { quoted } from "./kinds.ts";

/** By name: all that was given, in its order. */
export type Members = ReadonlyMap<string, readonly string[]>;

/**
 * @param bare what a word without a name stands for
 * @returns what is wrong, completing "‹place›: …"
 */
export function readValues(text: string, bare?: string): Members | string {
  return text.trim().startsWith("{") ? readMapping(text) : readWords(text, bare);
}

function readWords(text: string, bare: string | undefined): Members | string {
  const read = new Map<string, readonly string[]>();
  for (const word of text.trim().split(/\s+/)) {
    const [, name = bare, value = word] = /^([a-z-]+)=(.+)$/.exec(word) ?? [];
    if (name === undefined) return `${quoted(word)} is not of the form name=value`;
    read.set(name, [...read.get(name) ?? [], value]);
  }
  return read;
}

function readMapping(text: string): Members | string {
  let mapping: unknown;
  try {
    mapping = parseJson(text);
  } catch {
    return "this is no JSON";
  }
  if (namesMemberTwice(text)) return "a name stands twice in it";
  const read = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(mapping as object)) {
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (values.some((one) => !["string", "number", "boolean"].includes(typeof one))) {
      return `${quoted(name)} is neither a value nor a list of values`;
    }
    // What it was to ask for would not be asked for.
    if (values.length === 0) return `${name} is an empty list`;
    read.set(name, values.map(String));
  }
  return read;
}
