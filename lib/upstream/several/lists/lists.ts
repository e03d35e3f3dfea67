// Lists over several members: all pages of all, at once, in one stable order; bounded in pages, items and bytes
// whatever a member does (docs/behaviour.md A2, A6). A member that does not answer in time is left out.
import { type ListPage, readListPage } from "../../../mcp/lists/list_page.ts";
import type { Listed } from "../members/listed.ts";
import type { MemberLife } from "../members/member_life.ts";
import { Entries } from "./entries.ts";
import type { ListBy, ListKind } from "./list_kinds.ts";

/** Of one member. */
const MAX_PAGES = 100, MAX_CURSOR_LENGTH = 16_384;

/** All that one member lists. @throws Error if it does not answer, or with an error */
export async function listOf(life: MemberLife, list: ListKind, by: ListBy): Promise<Listed> {
  const entries = new Entries(life, list, by);
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES && by.wanted(); page++) {
    const params = cursor === undefined ? by.params : { ...by.params, cursor };
    const { line, value } = await by.ask(life, list.method, params, by.carrier);
    if (value.error !== undefined) throw new ListRefused(Number((value.error as { code?: unknown }).code));
    const read = readListPage(line, list.items);
    const { nextCursor } = read;
    if (page === 0 && nextCursor === undefined) return wholeList(life, list, { line, read, entries, by });
    if (!entries.addPage(line, read)) return entries.end("too many or too long");
    if (nextCursor === undefined) return entries.end();
    if (nextCursor === cursor || nextCursor.length > MAX_CURSOR_LENGTH) {
      return entries.end("a cursor that leads nowhere");
    }
    cursor = nextCursor;
  }
  return entries.end("too many pages");
}

/** Of one page: read once for as long as it stays the same, for whomever. */
function wholeList(
  { name, member: { pages } }: MemberLife,
  { method, kind }: ListKind,
  page: { readonly line: Uint8Array; readonly read: ListPage; readonly entries: Entries; readonly by: ListBy },
): Listed {
  const { line, read, entries, by } = page;
  const { array } = read;
  // Tasks have other ids for each owner, and are never the same for long.
  const key = array === undefined || kind === "tasks"
    ? undefined
    : `${method} ${name}${by.separator} ${read.ttlMs} ${read.cacheScope}`;
  const bytes = key === undefined ? undefined : line.subarray(array!.start, array!.end);
  const known = bytes === undefined ? undefined : pages.find(key!, bytes);
  if (known !== undefined) return known;
  const listed = entries.end(entries.addPage(line, read) ? "" : "too many or too long");
  if (bytes !== undefined) pages.keep(key!, bytes, listed);
  return listed;
}

export class ListRefused extends Error {
  override readonly name = "ListRefused";
  readonly code: number;

  constructor(code: number) {
    super(`it answered with error ${code}`);
    this.code = code;
  }
}
