// Whose a piece of text is: every caller puts a mark of its own into all it sends, so that a foreign byte shows wherever it
// turns up. A subject of tokens is its mark.

/** A mark nobody guesses. */
export function newMark(number: number): string {
  return `mark-${number}-${crypto.getRandomValues(new Uint8Array(4)).toHex()}`;
}

const MARK = /mark-\d+-[0-9a-f]{8}/g;

/** The marks in `text` that are not `owner`'s. */
export function foreignMarks(text: string, owner: string): string[] {
  return [...new Set(text.match(MARK) ?? [])].filter((mark) => mark !== owner);
}

/** What went wrong, bounded: the first of each kind tell enough. */
export class Findings {
  readonly #found = new Map<string, { times: number; first: string }>();

  add(kind: string, detail: string): void {
    const entry = this.#found.get(kind);
    if (entry === undefined) this.#found.set(kind, { times: 1, first: detail.slice(0, 500) });
    else entry.times++;
  }

  get lines(): string[] {
    return [...this.#found].map(([kind, { times, first }]) => `${kind} (${times} times), first: ${first}`);
  }
}
