// Members of a JSON text found where they stand. A message crosses the bridge as the bytes it came as, with nothing but its
// id exchanged (json_splice.ts): parsing and printing it again would round its numbers and cost twice.
// The texts given here have been read by `JSON.parse` before: what is malformed is not looked for again.

import { decodeLatin1 } from "../../http1/wire/latin1.ts";
import { parseJson } from "../../platform/json.ts";
import { hexDigit } from "../scan/json_tokens.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c, COLON = 0x3a, COMMA = 0x2c;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A half-open range of bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export function skipBlanks(text: Uint8Array, from: number): number {
  let at = from;
  while (isBlank(text[at])) at++;
  return at;
}

/** The position behind the string that opens at `open`. */
export function skipString(text: Uint8Array, open: number): number {
  return skipRestOfString(text, open + 1);
}

/** It pays to have the runtime look for the quote beyond so many bytes, and not where quotes are close to each other. */
const NEAR = 48;

/** The same from `from` on, inside the string and not behind a backslash. */
function skipRestOfString(text: Uint8Array, from: number): number {
  let at = from;
  while (true) {
    const near = Math.min(text.length, at + NEAR);
    for (; at < near; at++) {
      const byte = text[at];
      if (byte === QUOTE) return at + 1;
      if (byte === BACKSLASH) at++;
    }
    if (at >= text.length) return text.length;
    const quote = text.indexOf(QUOTE, at);
    if (quote === -1) return text.length;
    let slashes = 0;
    while (quote - 1 - slashes >= at && text[quote - 1 - slashes] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

/** The position behind the value that starts at `start`. A loop for each kind: this is where a long text costs time. */
export function skipValue(text: Uint8Array, start: number): number {
  const first = text[start];
  if (first === QUOTE) return skipString(text, start);
  return first === OPEN_OBJECT || first === OPEN_ARRAY ? skipContainer(text, start) : skipScalar(text, start);
}

function skipScalar(text: Uint8Array, start: number): number {
  let at = start;
  while (at < text.length) {
    const byte = text[at]!;
    if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || isBlank(byte)) break;
    at++;
  }
  return at;
}

function skipContainer(text: Uint8Array, start: number): number {
  const { length } = text;
  let depth = 0;
  for (let at = start; at < length; at++) {
    const byte = text[at]!;
    if (byte === QUOTE) {
      // As `skipString`, but in this loop, which is where a long text costs its time.
      const near = Math.min(length, at + NEAR);
      for (at++; at < near && text[at] !== QUOTE; at++) if (text[at] === BACKSLASH) at++;
      if (at >= near) at = skipRestOfString(text, at) - 1;
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
    else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) return at + 1;
  }
  return length;
}

/** A member of an object: its name, and where the two of them, and its value alone, stand. */
export interface Member {
  readonly name: string;
  readonly whole: Span;
  readonly value: Span;
}

/** Told of one member after the other: where its name stands, quotes included, and its value. Numbers: this is a hot path. */
type Visit = (keyStart: number, keyEnd: number, start: number, end: number) => void;

function eachMember(text: Uint8Array, within: Span | undefined, visit: Visit): void {
  let at = skipBlanks(text, within?.start ?? 0) + 1;
  while (at < text.length) {
    at = skipBlanks(text, at);
    if (text[at] !== QUOTE) break;
    const keyStart = at, keyEnd = skipString(text, at);
    at = skipBlanks(text, keyEnd);
    if (text[at] !== COLON) break;
    const start = skipBlanks(text, at + 1);
    const end = skipValue(text, start);
    visit(keyStart, keyEnd, start, end);
    at = skipBlanks(text, end);
    if (text[at] !== COMMA) break;
    at++;
  }
}

/**
 * Walks the object that opens at `open`, in one pass however deep: `visit` is told of each member's name and of where its
 * value begins, and answers where that ends.
 * @returns the position behind the object
 */
export function walkObject(
  text: Uint8Array,
  open: number,
  visit: (keyStart: number, keyEnd: number, start: number) => number,
): number {
  let at = skipBlanks(text, open + 1);
  while (text[at] === QUOTE) {
    const keyStart = at, keyEnd = skipString(text, at);
    const start = skipBlanks(text, skipBlanks(text, keyEnd) + 1);
    at = skipBlanks(text, visit(keyStart, keyEnd, start));
    if (text[at] !== COMMA) break;
    at = skipBlanks(text, at + 1);
  }
  return at + 1;
}

/** The same for the elements of an array. */
export function walkArray(text: Uint8Array, open: number, visit: (start: number) => number): number {
  let at = skipBlanks(text, open + 1);
  while (at < text.length && text[at] !== CLOSE_ARRAY) {
    at = skipBlanks(text, visit(at));
    if (text[at] !== COMMA) break;
    at = skipBlanks(text, at + 1);
  }
  return at + 1;
}

/**
 * The object's own members, in order.
 * @param within where the object stands in `text`, if not alone
 * @param most how many of them at most; the rest is walked and left out
 */
export function membersOf(text: Uint8Array, within?: Span, most = Infinity): Member[] {
  const members: Member[] = [];
  eachMember(text, within, (keyStart, keyEnd, start, end) => {
    if (members.length >= most) return;
    const name = stringAt(text, { start: keyStart, end: keyEnd })!;
    members.push({ name, whole: { start: keyStart, end }, value: { start, end } });
  });
  return members;
}

/**
 * The object at `within` as it stands, without its own members of these names (ASCII), and with `added`, texts of members,
 * at its end. Makes no string of what stays, however much that is.
 */
export function rewritten(
  text: Uint8Array,
  within: Span,
  { without, added = [] }: { readonly without: readonly string[]; readonly added?: readonly string[] },
): Uint8Array<ArrayBuffer> {
  const names = without.map(wantedBytes);
  // What stays, in runs that stand together: where each begins and ends.
  const runs: number[] = [];
  let isRun = false;
  eachMember(text, within, (keyStart, keyEnd, _, end) => {
    const stays = !names.some((name) => spells(text, name, keyStart, keyEnd));
    if (stays && isRun) runs[runs.length - 1] = end;
    else if (stays) runs.push(keyStart, end);
    isRun = stays;
  });
  const parts: Uint8Array[] = [];
  for (let i = 0; i < runs.length; i += 2) parts.push(text.subarray(runs[i], runs[i + 1]));
  const more = added.filter((member) => member !== "").join(",");
  if (more !== "") parts.push(encoder.encode(more));
  const size = parts.reduce((size, { length }) => size + length + 1, parts.length === 0 ? 2 : 1);
  const out = new Uint8Array(size);
  out[0] = OPEN_OBJECT;
  let at = 1;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
    out[at++] = COMMA;
  }
  // In the place of the last comma.
  out[size - 1] = CLOSE_OBJECT;
  return out;
}

/**
 * Those of the object's own members whose names are as long as one of `names` (ASCII), or hold an escape or what is no
 * ASCII: all that a reader could take for one of them, in whatever case, and of others no string is made.
 */
export function membersLike(text: Uint8Array, names: readonly string[], within?: Span): Member[] {
  const members: Member[] = [];
  eachMember(text, within, (keyStart, keyEnd, start, end) => {
    if (!isLike(text, names, keyStart + 1, keyEnd - 1)) return;
    const name = stringAt(text, { start: keyStart, end: keyEnd })!;
    members.push({ name, whole: { start: keyStart, end }, value: { start, end } });
  });
  return members;
}

function isLike(text: Uint8Array, names: readonly string[], start: number, end: number): boolean {
  for (let i = 0; i < names.length; i++) if (names[i]!.length === end - start) return true;
  for (let at = start; at < end; at++) if (text[at]! > 0x7e || text[at] === BACKSLASH) return true;
  return false;
}

/** Whether the string between quotes at `key` is `wanted` (ASCII), however it is spelt. Makes no string of it. */
export function spells(text: Uint8Array, wanted: Uint8Array, keyStart: number, keyEnd: number): boolean {
  let at = keyStart + 1;
  const end = keyEnd - 1;
  for (let i = 0; i < wanted.length; i++) {
    const letter = wanted[i];
    let code = text[at++];
    if (code === BACKSLASH) {
      code = text[at++];
      if (code === 0x75) {
        code = 0;
        for (let i = 0; i < 4; i++) code = code << 4 | hexDigit(text[at++]!);
      } else if (code !== 0x2f && code !== BACKSLASH && code !== QUOTE) return false; // a control character
    }
    if (code !== letter || at > end) return false;
  }
  return at === end;
}

/** All of a text from its first `{` on, which whatever is read as an object begins with. */
export function objectIn(text: Uint8Array): Span {
  let start = 0;
  while (start < text.length && text[start] !== OPEN_OBJECT) start++;
  return { start, end: text.length };
}

/** Longer ones are left to the decoder. */
const SHORT = 256;

/** What is at `span`. Names, ids and methods are short ASCII, for which a decoder costs more than it does. */
export function textAt(text: Uint8Array, { start, end }: Span): string {
  if (end - start > SHORT) return decoder.decode(text.subarray(start, end));
  for (let at = start; at < end; at++) if (text[at]! > 0x7e) return decoder.decode(text.subarray(start, end));
  return decodeLatin1(text, start, end);
}

/** The text between quotes at `span`; undefined where there is no JSON string. */
export function stringAt(text: Uint8Array, span: Span | undefined): string | undefined {
  if (span === undefined || text[span.start] !== QUOTE) return undefined;
  const quoted = textAt(text, span);
  return quoted.includes("\\") ? parseJson(quoted) as string : quoted.slice(1, -1);
}

/** Of the names that the program asks for: a fixed few. */
const WANTED = new Map<string, Uint8Array>();

export function wantedBytes(name: string): Uint8Array {
  const known = WANTED.get(name);
  if (known !== undefined) return known;
  const bytes = encoder.encode(name);
  if (WANTED.size < 256) WANTED.set(name, bytes);
  return bytes;
}

/** Where the values of the object's own members of these names stand, in their order; found in one walk. */
export function findMembers(text: Uint8Array, names: readonly string[], within?: Span): (Span | undefined)[] {
  const wanted = names.map(wantedBytes);
  const found: (Span | undefined)[] = names.map(() => undefined);
  eachMember(text, within, (keyStart, keyEnd, start, end) => {
    for (let i = 0; i < wanted.length; i++) if (spells(text, wanted[i]!, keyStart, keyEnd)) found[i] = { start, end };
  });
  return found;
}

/** Where the value of the object's own member `name` stands; of several, the last, as `JSON.parse` reads it. */
export function findMember(text: Uint8Array, name: string, within?: Span): Span | undefined {
  const wanted = wantedBytes(name);
  let foundStart = -1, foundEnd = -1;
  eachMember(text, within, (keyStart, keyEnd, start, end) => {
    if (!spells(text, wanted, keyStart, keyEnd)) return;
    foundStart = start;
    foundEnd = end;
  });
  return foundStart === -1 ? undefined : { start: foundStart, end: foundEnd };
}

/** Where the elements of a JSON array stand. */
export function elementsOf(text: Uint8Array): Span[] {
  const elements: Span[] = [];
  let at = skipBlanks(text, skipBlanks(text, 0) + 1);
  while (at < text.length && text[at] !== CLOSE_ARRAY) {
    const end = skipValue(text, at);
    elements.push({ start: at, end });
    at = skipBlanks(text, end);
    if (text[at] !== COMMA) break;
    at = skipBlanks(text, at + 1);
  }
  return elements;
}

/** Deeper objects count as doubled: nothing that is asked for stands there. */
const DEEPEST = 64;

/**
 * Whether some object in a text that `JSON.parse` has read names a member twice, however it is spelt (RFC 8259 §4): of
 * such, one reader takes the first and another the last.
 */
export function namesMemberTwice(text: string): boolean {
  return doubles(encoder.encode(text), DEEPEST);
}

function doubles(text: Uint8Array, levels: number): boolean {
  const first = text[skipBlanks(text, 0)];
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return false;
  if (levels === 0) return true;
  const within = ({ start, end }: Span) => doubles(text.subarray(start, end), levels - 1);
  if (first === OPEN_ARRAY) return elementsOf(text).some(within);
  const members = membersOf(text);
  if (new Set(members.map(({ name }) => name)).size < members.length) return true;
  return members.some(({ value }) => within(value));
}
