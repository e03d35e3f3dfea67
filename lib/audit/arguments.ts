// What of a tool's arguments the audit log shows: nothing, unless a setting asks for it (G3). A digest is keyed, because
// short arguments could be guessed from a bare one, and made of the JSON in one spelling (RFC 8785), so that the same
// arguments have the same digest however a client writes them. Members are chosen one by one, and end no line (P1).
import { escapeUnsafe } from "../observe/escape.ts";
import { parseJson } from "../platform/json.ts";
import { createHmac } from "../platform/runtime/builtin.ts";

export interface ChosenArgument {
  /** `*`: of any tool. */
  readonly tool: string;
  readonly path: readonly string[];
}

export interface ArgumentReaderOptions {
  readonly chosen: readonly ChosenArgument[];
  /** Undefined where no digest is wanted. */
  readonly digestKey: Uint8Array | undefined;
  /** Whether an object in a JSON text names a member twice. */
  readonly namesMemberTwice: (text: string) => boolean;
}

/** Longer arguments are not parsed: their digest is of the bytes as they came. */
const MAX_PARSED = 64 * 1024;
/** Of a value that is shown, in characters. */
const MAX_SHOWN = 256;
const DIGEST_DIGITS = 32;
const LABEL = "argument digest\n";

const decoder = new TextDecoder();

export class ArgumentReader {
  readonly #options: ArgumentReaderOptions;

  constructor(options: ArgumentReaderOptions) {
    this.#options = options;
  }

  /** JSON text for the line. @param text of the arguments, which has been judged to be JSON */
  read(tool: string | undefined, text: Uint8Array): string {
    const { digestKey, chosen, namesMemberTwice } = this.#options;
    const wanted = chosen.filter((choice) => choice.tool === "*" || choice.tool === tool);
    const reads = text.length <= MAX_PARSED && (digestKey !== undefined || wanted.length > 0);
    const value: unknown = reads ? parseJson(decoder.decode(text)) : undefined;
    let json = `{"bytes":${text.length}`;
    if (digestKey !== undefined) {
      const hmac = createHmac("sha256", digestKey).update(LABEL).update(reads ? canonical(value) : text);
      json += `,"hmac":"${hmac.digest("hex").slice(0, DIGEST_DIGITS)}"${reads ? "" : ',"of":"bytes"'}`;
    }
    // One reader takes the first of them and another the last: what is shown is the last.
    if (reads && namesMemberTwice(decoder.decode(text))) json += ',"twice":true';
    const shown = wanted.flatMap(({ path }) => {
      const found = memberAt(value, path);
      return found === undefined ? [] : [`${JSON.stringify(path.join("."))}:${shownJson(found)}`];
    });
    if (shown.length > 0) json += `,"shown":{${escapeUnsafe(shown.join(","))}}`;
    return `${json}}`;
  }
}

function memberAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/** What is longer than is shown becomes a text that says so. */
function shownJson(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (text.length > MAX_SHOWN) return JSON.stringify(`${text.slice(0, MAX_SHOWN)}…`.toWellFormed());
  return typeof value === "string" ? JSON.stringify(value) : text;
}

/** RFC 8785: no blanks, and the members of all objects in the order of their UTF-16 units (§3.2.3). */
function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const members = Object.entries(value).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}
