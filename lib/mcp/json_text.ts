// Members of a JSON text found and replaced in place. A message crosses the bridge as the bytes it came as, with nothing
// but its id exchanged: parsing and printing it again would round its numbers and cost twice.
// The texts given here have been read by `JSON.parse` before: what is malformed is not looked for again.

const QUOTE = 0x22, BACKSLASH = 0x5c, COLON = 0x3a, COMMA = 0x2c;
const OPEN_ARRAY = 0x5b, CLOSE_ARRAY = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;

const decoder = new TextDecoder();

/** A half-open range of bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function skipBlanks(text: Uint8Array, from: number): number {
  let at = from;
  while (isBlank(text[at])) at++;
  return at;
}

/** The position behind the string that opens at `open`. */
function skipString(text: Uint8Array, open: number): number {
  for (let at = text.indexOf(QUOTE, open + 1); at !== -1; at = text.indexOf(QUOTE, at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
  return text.length;
}

/** The position behind the value that starts at `start`. */
function skipValue(text: Uint8Array, start: number): number {
  const first = text[start];
  if (first === QUOTE) return skipString(text, start);
  let at = start;
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) {
    while (at < text.length) {
      const byte = text[at]!;
      if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || isBlank(byte)) break;
      at++;
    }
    return at;
  }
  for (let depth = 0; at < text.length;) {
    const byte = text[at]!;
    if (byte === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    at++;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
    else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) break;
  }
  return at;
}

function nameOf(text: Uint8Array, span: Span): string {
  const quoted = decoder.decode(text.subarray(span.start, span.end));
  return quoted.includes("\\") ? JSON.parse(quoted) : quoted.slice(1, -1);
}

/** A member of an object: its name, and where the two of them, and its value alone, stand. */
export interface Member {
  readonly name: string;
  readonly whole: Span;
  readonly value: Span;
}

/** The object's own members, in order. @param within where the object stands in `text`, if not alone */
export function membersOf(text: Uint8Array, within?: Span): Member[] {
  const members: Member[] = [];
  let at = skipBlanks(text, within?.start ?? 0) + 1;
  while (at < text.length) {
    at = skipBlanks(text, at);
    if (text[at] !== QUOTE) break;
    const key = { start: at, end: skipString(text, at) };
    at = skipBlanks(text, key.end);
    if (text[at] !== COLON) break;
    const start = skipBlanks(text, at + 1);
    const end = skipValue(text, start);
    members.push({ name: nameOf(text, key), whole: { start: key.start, end }, value: { start, end } });
    at = skipBlanks(text, end);
    if (text[at] !== COMMA) break;
    at++;
  }
  return members;
}

/** Where the value of the object's own member `name` stands; of several, the last, as `JSON.parse` reads it. */
export function findMember(text: Uint8Array, name: string, within?: Span): Span | undefined {
  return membersOf(text, within).findLast((member) => member.name === name)?.value;
}

/** `text` with the bytes of `span` exchanged for `value`, in memory of its own. */
export function replaceSpan(text: Uint8Array, span: Span, value: Uint8Array): Uint8Array<ArrayBuffer> {
  const replaced = new Uint8Array(text.length - (span.end - span.start) + value.length);
  replaced.set(text.subarray(0, span.start));
  replaced.set(value, span.start);
  replaced.set(text.subarray(span.end), span.start + value.length);
  return replaced;
}

/**
 * Makes one line of a JSON text, in place: between its tokens a line break is as good as a blank, and inside its strings
 * there can be none (RFC 8259 §2, §7).
 */
export function flatten<Bytes extends Uint8Array>(text: Bytes): Bytes {
  for (const byte of [0x0a, 0x0d]) {
    for (let at = text.indexOf(byte); at !== -1; at = text.indexOf(byte, at + 1)) text[at] = 0x20;
  }
  return text;
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
