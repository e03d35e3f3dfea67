// A member's entries, page after page, as clients are to see them: renamed, described, filtered and bounded, written into
// one text as they are read (docs/behaviour.md A2, A3, A6, A7, A9).
import { encodeJson } from "../../../mcp/json/json_bytes.ts";
import { type Span, stringAt } from "../../../mcp/json/json_text.ts";
import { eachEntry, type ListPage, type PageEntry } from "../../../mcp/lists/list_page.ts";
import { MemberFault } from "../members/breaker.ts";
import type { Listed } from "../members/listed.ts";
import type { MemberLife } from "../members/member_life.ts";
import { isFit, looksShort, outwardName } from "../names/names.ts";
import { type Splice, viewSplices } from "../names/outward.ts";
import { labelOf, outwardTemplate, outwardUri } from "../names/uris.ts";
import type { ListBy, ListKind } from "./list_kinds.ts";

/** Of one member. */
const MAX_ITEMS = 10_000, MAX_BYTES = 2 * 1024 * 1024, MAX_KEY_LENGTH = 4096;

const encoder = new TextEncoder();
const COMMA = encoder.encode(",");

export class Entries {
  readonly #life: MemberLife;
  readonly #list: ListKind;
  readonly #by: ListBy;
  readonly #prefix: string;
  readonly #prefixBytes: Uint8Array;
  readonly #label: string;
  /** Whether only this list can turn its names back. */
  readonly #isTold: boolean;
  readonly #given: ReadonlySet<string>;
  readonly #taken = new Set<string>();
  readonly #told = new Map<string, string>();
  readonly #ends: number[] = [];
  readonly #text = new Writer();
  /** Of the entries as the member wrote them. */
  #bytes = 0;
  #alike = 0;
  #shortened = 0;
  #isFull = false;
  #ttlMs: number | undefined;
  #isPublic = true;

  constructor(life: MemberLife, list: ListKind, by: ListBy) {
    const { member, name } = life;
    this.#life = life;
    this.#list = list;
    this.#by = by;
    this.#prefix = name + by.separator;
    this.#prefixBytes = encoder.encode(this.#prefix);
    this.#label = labelOf(name);
    this.#isTold = list.kind === "tools" && member.renames.size > 0 ||
      list.kind !== "tasks" && member.visible[list.kind].hides;
    this.#given = new Set(member.renames.values());
  }

  /** @returns false if there is no room for all of it @throws MemberFault where the caller has none */
  addPage(line: Uint8Array, { array, ttlMs, cacheScope }: ListPage): boolean {
    if (ttlMs !== undefined) this.#ttlMs = Math.min(ttlMs, this.#ttlMs ?? Infinity);
    if (cacheScope !== "public") this.#isPublic = false;
    if (array === undefined) return true;
    if (!this.#by.hold(Math.min(MAX_BYTES, array.end - array.start))) throw new MemberFault("no room for its list");
    this.#text.reserve(array.end - array.start);
    eachEntry(line, { array, names: [this.#list.key, "_meta", "description"] }, (entry) => this.#add(line, entry));
    return !this.#isFull;
  }

  /** @param found what else has to be reported */
  end(found = ""): Listed {
    const dropped = [found, this.#alike > 0 ? `${this.#alike} alike or without a name` : ""].filter((text) =>
      text !== ""
    );
    return {
      text: this.#text.take(),
      ends: this.#ends,
      told: this.#told,
      shortened: this.#shortened,
      dropped: dropped.join("; "),
      ttlMs: this.#ttlMs,
      isPublic: this.#isPublic,
    };
  }

  #add(line: Uint8Array, entry: PageEntry): boolean {
    const { kind } = this.#list;
    const { member } = this.#life;
    const key = spanOf(entry, 0);
    const inward = stringAt(line, key);
    if (entry.isAmbiguous || inward === undefined || inward === "" || inward.length > MAX_KEY_LENGTH) {
      return this.#drop();
    }
    if (kind !== "tasks" && !member.visible[kind].shows(inward)) return true;
    // What another tool was given as a name is that one's.
    if (kind === "tools" && !member.renames.has(inward) && this.#given.has(inward)) return this.#drop();
    const outward = this.#outwardOf(inward);
    // Of two that would look alike, one could never be meant.
    if (outward === undefined || this.#taken.has(outward)) return this.#drop();
    this.#bytes += entry.end - entry.start;
    if (this.#ends.length >= MAX_ITEMS || this.#bytes > MAX_BYTES) {
      this.#isFull = true;
      return false;
    }
    this.#taken.add(outward);
    this.#note(inward, outward);
    if (this.#ends.length > 0) this.#text.add(COMMA, 0, 1);
    this.#write(line, entry, { inward, outward });
    this.#ends.push(this.#text.size);
    return true;
  }

  #note(inward: string, outward: string): void {
    if (this.#list.key !== "name") return;
    // What a name says of itself needs no memory, which every session has one of.
    if (this.#isTold || looksShort(outward)) this.#told.set(outward, inward);
    if (outward !== this.#prefix + inward && !isFit(this.#prefix + inward)) this.#shortened++;
  }

  #outwardOf(inward: string): string | undefined {
    const { key, kind } = this.#list;
    if (key === "taskId") return this.#by.taskIds.outward({ life: this.#life, inward });
    if (key === "uriTemplate") return outwardTemplate(this.#label, inward);
    if (key !== "name") return outwardUri(this.#label, inward);
    const called = (kind === "tools" ? this.#life.member.renames.get(inward) : undefined) ?? inward;
    return outwardName(this.#prefix, called);
  }

  #drop(): true {
    this.#alike++;
    return true;
  }

  /** The entry with what changes in it, in the order in which it stands there. */
  #write(line: Uint8Array, entry: PageEntry, { inward, outward }: { inward: string; outward: string }): void {
    const key = spanOf(entry, 0)!;
    const splices: Splice[] = this.#list.kind === "tools" ? this.#ofTool(line, entry, inward) : [];
    const isPlain = key.end - key.start === inward.length + 2 &&
      outward.length === this.#prefix.length + inward.length &&
      outward.endsWith(inward) && this.#list.key === "name";
    // Nothing in it is escaped: the prefix goes before it, and the rest is as it was.
    if (isPlain) splices.push({ span: { start: key.start + 1, end: key.start + 1 }, value: this.#prefixBytes });
    else splices.push({ span: key, value: encodeJson(outward) });
    if (splices.length > 1) splices.sort((a, b) => a.span.start - b.span.start);
    let at = entry.start;
    for (const { span, value } of splices) {
      this.#text.add(line, at, span.start);
      this.#text.add(value, 0, value.length);
      at = span.end;
    }
    this.#text.add(line, at, entry.end);
  }

  #ofTool(line: Uint8Array, entry: PageEntry, inward: string): Splice[] {
    const meta = spanOf(entry, 1), description = spanOf(entry, 2);
    const described = this.#life.member.descriptions.get(inward);
    const views = viewSplices(line, meta, this.#label);
    if (described === undefined) return views;
    if (description !== undefined) return [...views, { span: description, value: encodeJson(described) }];
    // In the place of its own, or behind its name.
    const { end } = spanOf(entry, 0)!;
    const value = encoder.encode(`,"description":${JSON.stringify(described)}`);
    return [...views, { span: { start: end, end }, value }];
  }
}

function spanOf({ members }: PageEntry, index: number): Span | undefined {
  const start = members[2 * index]!;
  return start === -1 ? undefined : { start, end: members[2 * index + 1]! };
}

/** Up to here a loop costs less than a view for the native copy does. */
const BY_HAND = 64;

/** A text that grows by pieces of others. */
class Writer {
  #buffer = new Uint8Array(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** So many bytes come, and some that they grow by. */
  reserve(bytes: number): void {
    this.#grow(this.#size + bytes + (bytes >> 2));
  }

  add(source: Uint8Array, start: number, end: number): void {
    const size = this.#size + end - start;
    if (size > this.#buffer.length) this.#grow(Math.max(size, 2 * this.#buffer.length));
    if (end - start > BY_HAND) this.#buffer.set(source.subarray(start, end), this.#size);
    else for (let from = start, to = this.#size; from < end; from++, to++) this.#buffer[to] = source[from]!;
    this.#size = size;
  }

  /** In memory of its own size. */
  take(): Uint8Array {
    return this.#buffer.slice(0, this.#size);
  }

  #grow(capacity: number): void {
    if (capacity <= this.#buffer.length) return;
    const bigger = new Uint8Array(capacity);
    bigger.set(this.#buffer.subarray(0, this.#size));
    this.#buffer = bigger;
  }
}
