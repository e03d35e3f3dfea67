// One page of a list, read in one pass: a server's answer to `tools/list` and its kin may be long, and of each entry only
// where it stands and where a few of its members do is of interest (MCP, "Pagination"; 2026-07-28, "Caching").
import { isAlike } from "../json/alike_members.ts";
import {
  skipValue,
  type Span,
  spells,
  stringAt,
  textAt,
  walkArray,
  walkObject,
  wantedBytes,
} from "../json/json_text.ts";

const OPEN_OBJECT = 0x7b, OPEN_ARRAY = 0x5b;

/** An entry, and the members of it that were asked for, in their order: each as start and end, -1 where there is none. */
export interface PageEntry {
  readonly start: number;
  readonly end: number;
  readonly members: readonly number[];
  /** Whether it says one of those twice, to some reader: which it means nobody can tell. */
  readonly isAmbiguous: boolean;
}

export interface ListPage {
  /** Where the array stands; undefined where there is none. */
  readonly array: Span | undefined;
  readonly nextCursor: string | undefined;
  /** What the server says of how long the list holds, and for whom; undefined where it says nothing that counts. */
  readonly ttlMs: number | undefined;
  readonly cacheScope: string | undefined;
}

/** @param line an answer that has been read by `JSON.parse`: of members named twice the last counts, as there */
export function readListPage(line: Uint8Array, items: string): ListPage {
  const wanted = { result: wantedBytes("result"), items: wantedBytes(items) };
  const [next, ttl, scope] = ["nextCursor", "ttlMs", "cacheScope"].map(wantedBytes) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  let array: Span | undefined, cursor: Span | undefined, ttlMs: Span | undefined, cacheScope: Span | undefined;
  const readResult = (open: number) => {
    array =
      cursor =
      ttlMs =
      cacheScope =
        undefined;
    return walkObject(line, open, (keyStart, keyEnd, start) => {
      const end = skipValue(line, start);
      const span = { start, end };
      if (spells(line, wanted.items, keyStart, keyEnd)) array = line[start] === OPEN_ARRAY ? span : undefined;
      else if (spells(line, next, keyStart, keyEnd)) cursor = span;
      else if (spells(line, ttl, keyStart, keyEnd)) ttlMs = span;
      else if (spells(line, scope, keyStart, keyEnd)) cacheScope = span;
      return end;
    });
  };
  let begin = 0;
  while (begin < line.length && line[begin] !== OPEN_OBJECT) begin++;
  walkObject(line, begin, (keyStart, keyEnd, start) => {
    const isResult = line[start] === OPEN_OBJECT && spells(line, wanted.result, keyStart, keyEnd);
    return isResult ? readResult(start) : skipValue(line, start);
  });
  return {
    array,
    nextCursor: stringAt(line, cursor),
    ttlMs: ttlMs === undefined ? undefined : lifetimeIn(textAt(line, ttlMs)),
    cacheScope: stringAt(line, cacheScope),
  };
}

function lifetimeIn(text: string): number | undefined {
  const ms = Number(text);
  return ms >= 0 && Number.isFinite(ms) ? ms : undefined;
}

/** Tells `visit` of the entries at `array`, one after the other, until it answers false. The entry is not to be kept. */
export function eachEntry(
  line: Uint8Array,
  of: { readonly array: Span; readonly names: readonly string[] },
  visit: (entry: PageEntry) => boolean,
): void {
  const wanted = of.names.map(wantedBytes);
  const members: number[] = [];
  const entry = { start: 0, end: 0, members, isAmbiguous: false };
  const note = (keyStart: number, keyEnd: number, start: number) => {
    const end = skipValue(line, start);
    for (let i = 0; i < wanted.length; i++) {
      if (!isAlike(line, wanted[i]!, keyStart, keyEnd)) continue;
      if (members[2 * i] !== -1) entry.isAmbiguous = true;
      if (!spells(line, wanted[i]!, keyStart, keyEnd)) {
        entry.isAmbiguous = true;
        continue;
      }
      members[2 * i] = start;
      members[2 * i + 1] = end;
    }
    return end;
  };
  let goesOn = true;
  walkArray(line, of.array.start, (start) => {
    if (!goesOn) return skipValue(line, start);
    for (let i = 0; i < 2 * wanted.length; i++) members[i] = -1;
    entry.start = start;
    entry.isAmbiguous = false;
    entry.end = line[start] === OPEN_OBJECT ? walkObject(line, start, note) : skipValue(line, start);
    goesOn = visit(entry);
    return goesOn ? entry.end : of.array.end;
  });
}
