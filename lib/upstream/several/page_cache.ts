// Lists that have not changed since they were read last: the same bytes make the same entries, in whatever session. One a
// member, for those of one page; bounded in number and bytes (docs/behaviour.md M6).
import { Buffer } from "node:buffer";

/** One entry of a list. */
export interface Item {
  /** As the member calls it. */
  readonly inward: string;
  /** As clients see it. */
  readonly outward: string;
  /** Its text as clients see it. */
  readonly text: Uint8Array;
}

export interface Listed {
  readonly items: readonly Item[];
  /** What was left out, and is to be reported; empty if nothing was. */
  readonly dropped: string;
}
const MAX_PAGES = 8, MAX_BYTES = 256 * 1024;

export class PageCache {
  readonly #pages = new Map<string, { readonly bytes: Uint8Array; readonly listed: Listed }>();

  /** What was made of these very bytes. @param key list and name: what else the entries depend on */
  find(key: string, bytes: Uint8Array): Listed | undefined {
    const page = this.#pages.get(key);
    return page !== undefined && Buffer.compare(page.bytes, bytes) === 0 ? page.listed : undefined;
  }

  keep(key: string, bytes: Uint8Array, listed: Listed): void {
    this.#pages.delete(key);
    if (bytes.length > MAX_BYTES) return;
    this.#pages.set(key, { bytes: bytes.slice(), listed });
    const [oldest] = this.#pages.keys();
    if (this.#pages.size > MAX_PAGES) this.#pages.delete(oldest!);
  }
}
