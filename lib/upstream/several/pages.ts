// Merged lists as pages: all of it, as long as that is a page's worth (docs/behaviour.md A2).
import { joinBytes } from "../../mcp/join_bytes.ts";
import type { Cursors, Place } from "./cursors.ts";
import type { ListKind } from "./lists.ts";
import type { Item } from "./page_cache.ts";
import type { MemberLife } from "./member_life.ts";

const MAX_ITEMS = 5000, MAX_BYTES = 4 * 1024 * 1024;
const encoder = new TextEncoder();
const COMMA = encoder.encode(",");

export type Merged = readonly { readonly life: MemberLife; readonly items: readonly Item[] }[];

/** The `result` of a list request from `from` on. */
export function pageOf(
  merged: Merged,
  list: ListKind,
  at: { readonly from: Place | undefined; readonly cursors: Cursors },
) {
  const { from, cursors } = at;
  const parts: Uint8Array[] = [];
  let count = 0, bytes = 0, begun = from === undefined;
  for (const { life, items } of merged) {
    begun ||= life.name === from!.member;
    if (!begun) continue;
    const first = life.name === from?.member ? from.offset : 0;
    for (let offset = first; offset < items.length; offset++) {
      const { text } = items[offset]!;
      if (count > 0 && (count >= MAX_ITEMS || bytes + text.length > MAX_BYTES)) {
        return resultOf(list, parts, cursors.seal(list.method, { member: life.name, offset }));
      }
      if (count++ > 0) parts.push(COMMA);
      parts.push(text);
      bytes += text.length;
    }
  }
  return resultOf(list, parts, undefined);
}

function resultOf(list: ListKind, parts: readonly Uint8Array[], nextCursor: string | undefined): Uint8Array {
  const end = nextCursor === undefined ? "]}" : `],"nextCursor":${JSON.stringify(nextCursor)}}`;
  return joinBytes([encoder.encode(`{"${list.items}":[`), ...parts, encoder.encode(end)]);
}
