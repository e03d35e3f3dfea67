// What a member lists, as clients are to see it: all entries in one text, so that a merged list is made of a few long pieces,
// and beside it no more than what the names in it do not say of themselves (docs/behaviour.md A2, M6).

export interface Listed {
  /** The entries, joined by commas. */
  readonly text: Uint8Array;
  /** Where each of them ends; the next begins behind the comma. */
  readonly ends: readonly number[];
  /** Names as clients see them that only this list can turn back, and what the member calls them. */
  readonly told: ReadonlyMap<string, string>;
  /** Names that no client would take as they are. */
  readonly shortened: number;
  /** What was left out, and is to be reported; empty if nothing was. */
  readonly dropped: string;
  /** How long the member says that it holds, in ms; undefined where it says nothing. */
  readonly ttlMs: number | undefined;
  /** Whether the member says that it is the same for everybody. */
  readonly isPublic: boolean;
}

export const NOTHING_LISTED: Listed = {
  text: new Uint8Array(0),
  ends: [],
  told: new Map(),
  shortened: 0,
  dropped: "",
  ttlMs: undefined,
  isPublic: true,
};

/** What it takes to keep it, in bytes, near enough. */
export function sizeOfListed({ text, ends, told }: Listed): number {
  return text.length + 8 * ends.length + sizeOfTold(told);
}

/** A Map's entry and two strings, besides their characters. */
const ENTRY_BYTES = 96;

export function sizeOfTold(told: ReadonlyMap<string, string>): number {
  let size = 0;
  for (const [outward, inward] of told) size += ENTRY_BYTES + 2 * (outward.length + inward.length);
  return size;
}

/** Where an entry begins. */
export function startOf({ ends }: Listed, index: number): number {
  return index === 0 ? 0 : ends[index - 1]! + 1;
}
