// JSON as it is written. V8 takes a name with an escape for one that it has met before, in whatever message, if that begins
// with the same characters: after `{"pat\\":1}` it reads `{"pat\u0068":1}` as the former (nodejs/node#63785), so that whoever
// judges by names could be shown others than everybody else reads.
// Guarantee: names are what RFC 8259 §7 says they are. What holds no such name the runtime reads, in its own time.
import { RUNTIME } from "./runtime/runtime.ts";

type Container = unknown[] | Record<string, unknown>;

/** As `JSON.parse`. @throws SyntaxError */
export const parseJson: (text: string) => ReturnType<typeof JSON.parse> = RUNTIME === "bun" ? JSON.parse : parseExactly;

function parseExactly(text: string): unknown {
  const read: unknown = JSON.parse(text);
  return text.includes("\\") && escapesName(text) ? readTokens(text) : read;
}

export type JsonObject = { readonly [name: string]: unknown };

/** Whether `value` is a JSON object: not null, no array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object that `text` is; undefined where it is no JSON, or JSON of anything else. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = parseJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Where a string that begins at `at` has ended. The text is known to be JSON. */
function endOfString(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1);; end = text.indexOf('"', end + 1)) {
    let before = end;
    while (text[before - 1] === "\\") before--;
    if ((end - before) % 2 === 0) return end + 1;
  }
}

function isSpace(character: string | undefined): boolean {
  return character === " " || character === "\n" || character === "\r" || character === "\t";
}

function afterSpace(text: string, at: number): number {
  while (isSpace(text[at])) at++;
  return at;
}

function escapesName(text: string): boolean {
  let escape = text.indexOf("\\");
  for (let start = text.indexOf('"'); start >= 0 && escape >= 0;) {
    const end = endOfString(text, start);
    if (escape < end) {
      if (text[afterSpace(text, end)] === ":") return true;
      escape = text.indexOf("\\", end);
    }
    start = text.indexOf('"', end);
  }
  return false;
}

/** Token by token, of a text that is known to be JSON; without recursion, as it may be nested as deeply as it likes. */
function readTokens(text: string): unknown {
  const open: Container[] = [];
  const names: string[] = [];
  let whole: unknown;
  const put = (value: unknown) => {
    const into = open.at(-1);
    if (into === undefined) whole = value;
    else if (Array.isArray(into)) into.push(value);
    else setOwn(into, names.pop()!, value);
  };
  for (let at = afterSpace(text, 0); at < text.length; at = afterSpace(text, at)) {
    const first = text[at]!;
    if (first === "," || first === ":") at++;
    else if (first === "]" || first === "}") {
      open.pop();
      at++;
    } else if (first === "[" || first === "{") {
      const container = first === "[" ? [] : {};
      put(container);
      open.push(container);
      at++;
    } else {
      const end = first === '"' ? endOfString(text, at) : endOfScalar(text, at);
      const value: unknown = JSON.parse(text.slice(at, end));
      at = end;
      if (first === '"' && text[afterSpace(text, end)] === ":") names.push(value as string);
      else put(value);
    }
  }
  return whole;
}

function endOfScalar(text: string, at: number): number {
  while (at < text.length && !isSpace(text[at]) && !",]}".includes(text[at]!)) at++;
  return at;
}

/** As `JSON.parse` does: `__proto__` is a name as any other. */
function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") object[name] = value;
  else Object.defineProperty(object, name, { value, configurable: true, enumerable: true, writable: true });
}
