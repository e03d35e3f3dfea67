// Lists over several members: all pages of all, at once, in one stable order; bounded in pages, items and bytes
// whatever a member does (docs/behaviour.md A2, A6). A member that does not answer in time is left out.
import type { Item, Listed } from "./page_cache.ts";
import type { Carrier } from "../../bridge/peer.ts";
import { findMember, findMembers, type Span, stringAt } from "../../mcp/json_text.ts";
import { MemberFault } from "./breaker.ts";
import type { MemberLife } from "./member_life.ts";
import type { OfferKind } from "./member.ts";
import { isFit, outwardName } from "./names.ts";
import type { Ask } from "./own_asks.ts";
import { viewSplices } from "./outward.ts";
import { elementsIn, isObjectAt, jsonBytes, type Splice, splice } from "./splices.ts";
import type { TaskIds } from "./task_ids.ts";
import { labelOf, outwardUri } from "./uris.ts";

export interface ListKind {
  readonly method: string;
  /** The member of the result that holds the items. */
  readonly items: string;
  readonly kind: OfferKind | "tasks";
  /** The member of an item it goes by. */
  readonly key: "name" | "uri" | "uriTemplate" | "taskId";
}

export const LISTS: Readonly<Record<string, ListKind>> = {
  "tools/list": { method: "tools/list", items: "tools", kind: "tools", key: "name" },
  "prompts/list": { method: "prompts/list", items: "prompts", kind: "prompts", key: "name" },
  "resources/list": { method: "resources/list", items: "resources", kind: "resources", key: "uri" },
  "resources/templates/list": {
    method: "resources/templates/list",
    items: "resourceTemplates",
    kind: "resources",
    key: "uriTemplate",
  },
  "tasks/list": { method: "tasks/list", items: "tasks", kind: "tasks", key: "taskId" },
};

/** Of one member. */
const MAX_PAGES = 100,
  MAX_ITEMS = 10_000,
  MAX_BYTES = 2 * 1024 * 1024,
  MAX_KEY_LENGTH = 4096,
  MAX_CURSOR_LENGTH = 16_384;

/** All that one member lists. @throws Error if it does not answer, or with an error */
export async function listOf(life: MemberLife, list: ListKind, by: ListBy): Promise<Listed> {
  const gathered = new Gathered(life, list, by);
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES && by.wanted(); page++) {
    const { line, value } = await by.ask(life, list.method, cursor === undefined ? {} : { cursor }, by.carrier);
    if (value.error !== undefined) throw new ListRefused(Number((value.error as { code?: unknown }).code));
    const result = findMember(line, "result");
    const [array, more] = isObjectAt(line, result) ? findMembers(line, [list.items, "nextCursor"], result) : [];
    const next = stringAt(line, more);
    // Tasks have other ids for each owner, and are never the same for long.
    const whole = page === 0 && next === undefined && list.kind !== "tasks" ? array : undefined;
    if (whole !== undefined) {
      return wholeList(life, { line, whole, key: `${list.method} ${life.name}${by.separator}` }, gathered);
    }
    for (const span of elementsIn(line, array)) {
      if (!gathered.add(line, span)) return gathered.end("too many or too long");
    }
    if (next === undefined) return gathered.end();
    if (next === cursor || next.length > MAX_CURSOR_LENGTH) return gathered.end("a cursor that leads nowhere");
    cursor = next;
  }
  return gathered.end("too many pages");
}

/** Of one page: read once for as long as it stays the same. */
function wholeList(
  { member: { pages } }: MemberLife,
  { line, whole, key }: { readonly line: Uint8Array; readonly whole: Span; readonly key: string },
  gathered: Gathered,
): Listed {
  const bytes = line.subarray(whole.start, whole.end);
  const known = pages.find(key, bytes);
  if (known !== undefined) return known;
  const fits = elementsIn(line, whole).every((span) => gathered.add(line, span));
  const listed = gathered.end(fits ? "" : "too many or too long");
  pages.keep(key, bytes, listed);
  return listed;
}

/** Takes so many bytes more in. @returns false if there is no room */
export type Hold = (bytes: number) => boolean;

export interface ListBy {
  readonly hold: Hold;
  readonly ask: Ask;
  readonly carrier: Carrier;
  readonly separator: string;
  readonly taskIds: TaskIds;
  /** Whether somebody still waits for it. */
  readonly wanted: () => boolean;
}

export class ListRefused extends Error {
  override readonly name = "ListRefused";
  readonly code: number;

  constructor(code: number) {
    super(`it answered with error ${code}`);
    this.code = code;
  }
}

/** One entry as it stands in its page. */
interface Entry {
  readonly inward: string;
  readonly outward: string;
  readonly at: Span;
  readonly meta: Span | undefined;
  readonly description: Span | undefined;
}

const encoder = new TextEncoder();

class Gathered {
  readonly #life: MemberLife;
  readonly #list: ListKind;
  readonly #prefix: string;
  readonly #label: string;
  readonly #items: Item[] = [];
  readonly #taken = new Set<string>();
  readonly #given: ReadonlySet<string>;
  #bytes = 0;
  readonly #hold: Hold;
  readonly #taskIds: TaskIds;
  #alike = 0;

  constructor(life: MemberLife, list: ListKind, { separator, hold, taskIds }: ListBy) {
    this.#hold = hold;
    this.#taskIds = taskIds;
    this.#life = life;
    this.#list = list;
    this.#prefix = life.name + separator;
    this.#label = labelOf(life.name);
    this.#given = new Set(life.member.renames.values());
  }

  /** @returns false if there is no room for more */
  add(line: Uint8Array, span: Span): boolean {
    const { key, kind } = this.#list;
    const [at, meta, description] = isObjectAt(line, span)
      ? findMembers(line, [key, "_meta", "description"], span)
      : [];
    const inward = stringAt(line, at);
    if (inward === undefined || inward === "" || inward.length > MAX_KEY_LENGTH) return this.#drop();
    if (kind !== "tasks" && !this.#life.member.visible[kind].shows(inward)) return true;
    // What another tool was given as a name is that one's.
    if (kind === "tools" && !this.#life.member.renames.has(inward) && this.#given.has(inward)) return this.#drop();
    const outward = this.#outwardOf(inward);
    if (outward === undefined) return this.#drop();
    // Of two that would look alike, one could never be meant.
    if (this.#taken.has(outward)) return this.#drop();
    this.#bytes += span.end - span.start;
    if (this.#items.length >= MAX_ITEMS || this.#bytes > MAX_BYTES) return false;
    if (!this.#hold(span.end - span.start)) throw new MemberFault("no room for its list");
    this.#taken.add(outward);
    this.#items.push({
      inward,
      outward,
      text: this.#textOf(line, span, { at: at!, inward, outward, meta, description }),
    });
    return true;
  }

  end(found = ""): Listed {
    const dropped = [found, this.#alike > 0 ? `${this.#alike} alike or without a name` : ""].filter((text) =>
      text !== ""
    );
    return { items: this.#items, dropped: dropped.join("; ") };
  }

  #outwardOf(inward: string): string | undefined {
    const { key } = this.#list;
    if (key === "taskId") return this.#taskIds.outward({ life: this.#life, inward });
    return key === "name" ? outwardName(this.#prefix, this.#calledHere(inward)) : outwardUri(this.#label, inward);
  }

  #calledHere(inward: string): string {
    return (this.#list.kind === "tools" ? this.#life.member.renames.get(inward) : undefined) ?? inward;
  }

  #drop(): true {
    this.#alike++;
    return true;
  }

  /** A described tool's text goes in the place of its own, or behind its name. */
  #described({ inward, at, description }: Entry): Splice[] {
    const text = this.#list.kind === "tools" ? this.#life.member.descriptions.get(inward) : undefined;
    if (text === undefined) return [];
    if (description !== undefined) return [{ span: description, value: jsonBytes(text) }];
    const behind = { start: at.end, end: at.end };
    return [{ span: behind, value: encoder.encode(`,"description":${JSON.stringify(text)}`) }];
  }

  #textOf(line: Uint8Array, span: Span, entry: Entry): Uint8Array {
    const { kind } = this.#list;
    const text = line.subarray(span.start, span.end);
    const moved = [
      { span: entry.at, value: jsonBytes(entry.outward) },
      ...this.#described(entry),
      ...(kind === "tools" ? viewSplices(line, entry.meta, this.#label) : []),
    ].map(({ span: { start, end }, value }) => ({ span: { start: start - span.start, end: end - span.start }, value }));
    // In memory of its own: there is at least one place that changes.
    return splice(text, moved);
  }
}

/** Names that no client takes as they are, for the log. */
export function shortenedIn(items: readonly Item[], prefix: string): number {
  return items.filter(({ inward, outward }) => outward !== prefix + inward && !isFit(prefix + inward)).length;
}
