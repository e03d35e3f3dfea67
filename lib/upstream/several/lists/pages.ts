// Merged lists as pages: all of it, as long as that is a page's worth (docs/behaviour.md A2), as the answer that a client is
// to get, but for its id.
import type { Span } from "../../../mcp/json/json_text.ts";
import { joinBytes } from "../../../platform/memory/join_bytes.ts";
import { type Listed, startOf } from "../members/listed.ts";
import type { MemberLife } from "../members/member_life.ts";
import type { Cursors, Place } from "./cursors.ts";
import type { ListKind } from "./list_kinds.ts";

const MAX_ITEMS = 5000, MAX_BYTES = 4 * 1024 * 1024;
const encoder = new TextEncoder();
const COMMA = encoder.encode(",");

const HEAD = '{"jsonrpc":"2.0","id":';
/** Where the id stands in a page. */
export const ID_OF_PAGES: Span = { start: HEAD.length, end: HEAD.length + 1 };

export type Merged = readonly MergedList[];

export interface MergedList {
  readonly life: MemberLife;
  readonly listed: Listed;
  /** For how long it holds from now on, as its member has said, in ms. */
  readonly leftMs: number;
}

/** An answer, with 0 in the place of the client's id. */
export interface Page {
  readonly line: Uint8Array;
  /** Whether it is all there is. */
  readonly isWhole: boolean;
}

export interface PageOptions {
  readonly from: Place | undefined;
  readonly cursors: Cursors;
  /** What else stands in the result: `"name":value,…`, or nothing. */
  readonly besides: string;
}

/** @throws nothing: a place that is none any more gives an empty page */
export function pageOf(merged: Merged, list: ListKind, { from, cursors, besides }: PageOptions): Page {
  const parts: Uint8Array[] = [];
  let count = 0, bytes = 0, begun = from === undefined;
  for (const { life, listed } of merged) {
    begun ||= life.name === from!.member;
    if (!begun) continue;
    const first = life.name === from?.member ? from.offset : 0;
    const behind = behindOf(listed, first, {
      items: MAX_ITEMS - count,
      bytes: MAX_BYTES - bytes,
      isFirst: count === 0,
    });
    if (behind > first) {
      const text = listed.text.subarray(startOf(listed, first), listed.ends[behind - 1]);
      if (count > 0) parts.push(COMMA);
      parts.push(text);
      count += behind - first;
      bytes += text.length;
    }
    if (behind < listed.ends.length) {
      const nextCursor = cursors.seal(list.method, { member: life.name, offset: behind });
      return { line: lineOf(list, parts, [`"nextCursor":${JSON.stringify(nextCursor)}`, besides]), isWhole: false };
    }
  }
  return { line: lineOf(list, parts, [besides]), isWhole: from === undefined };
}

/** How far a page reaches from `first` on: at least one entry further, if nothing is on it yet. */
function behindOf(
  { ends }: Listed,
  first: number,
  room: { readonly items: number; readonly bytes: number; readonly isFirst: boolean },
): number {
  const begin = first === 0 ? 0 : (ends[first - 1] ?? 0) + 1;
  let behind = Math.min(ends.length, first);
  while (behind < ends.length && behind - first < room.items && ends[behind]! - begin <= room.bytes) behind++;
  return behind === first && room.isFirst && first < ends.length ? first + 1 : behind;
}

function lineOf({ items }: ListKind, parts: readonly Uint8Array[], besides: readonly string[]): Uint8Array {
  const more = besides.filter((text) => text !== "").map((text) => `,${text}`).join("");
  const begin = encoder.encode(`${HEAD}0,"result":{"${items}":[`);
  return joinBytes([begin, ...parts, encoder.encode(`]${more}}}`)]);
}
