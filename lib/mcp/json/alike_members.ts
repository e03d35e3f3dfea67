// Members that some reader takes for the one that is asked for: .NET and Go match names without case, and of members named
// twice one takes the first, another the last. What is changed for one of them is changed for all (docs/behaviour.md A7, A9).
import { foldedName } from "./folded_name.ts";
import { membersLike, type Span, stringAt } from "./json_text.ts";

const BACKSLASH = 0x5c, OPEN_OBJECT = 0x7b;

/** For each of `names` (ASCII) the values of all that could be taken for it; none where `within` is no object. */
export function membersAlike(text: Uint8Array, names: readonly string[], within: Span): readonly Span[][] {
  const found: Span[][] = names.map(() => []);
  if (text[within.start] !== OPEN_OBJECT) return found;
  for (const { name, value } of membersLike(text, names, within)) {
    for (let i = 0; i < names.length; i++) {
      if (name === names[i] || foldedName(name) === foldedName(names[i]!)) found[i]!.push(value);
    }
  }
  return found;
}

/** Whether what stands between the quotes could be taken for `wanted` (ASCII). Mostly makes no string of it. */
export function isAlike(text: Uint8Array, wanted: Uint8Array, keyStart: number, keyEnd: number): boolean {
  const start = keyStart + 1, end = keyEnd - 1;
  for (let at = start; at < end; at++) {
    const byte = text[at]!;
    if (byte > 0x7e || byte === BACKSLASH) {
      const name = stringAt(text, { start: keyStart, end: keyEnd })!;
      return foldedName(name) === foldedName(String.fromCharCode(...wanted));
    }
  }
  if (end - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (lower(text[start + i]!) !== lower(wanted[i]!)) return false;
  return true;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
