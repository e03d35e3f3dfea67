// Lists that have not changed since they were read last: the same bytes make the same entries, in whatever session. One a
// member, for those of one page; bounded in number, and in bytes by what memory is left for what is only convenient
// (docs/behaviour.md M6).
import { Buffer } from "node:buffer";
import type { ByteAccount, Charge } from "../../../http1/byte_account.ts";
import { type Listed, sizeOfListed } from "./listed.ts";

const MAX_PAGES = 8, MAX_BYTES = 256 * 1024;

interface Page {
  readonly bytes: Uint8Array;
  readonly listed: Listed;
  readonly charge: Charge;
}

export class PageCache {
  readonly #account: ByteAccount;
  readonly #pages = new Map<string, Page>();

  /** @param account the whole: what is kept is everybody's */
  constructor(account: ByteAccount) {
    this.#account = account;
  }

  /** What was made of these very bytes. @param key list and name: what else the entries depend on */
  find(key: string, bytes: Uint8Array): Listed | undefined {
    const page = this.#pages.get(key);
    return page !== undefined && Buffer.compare(page.bytes, bytes) === 0 ? page.listed : undefined;
  }

  keep(key: string, bytes: Uint8Array, listed: Listed): void {
    this.#drop(key);
    if (bytes.length > MAX_BYTES) return;
    const [oldest] = this.#pages.keys();
    if (this.#pages.size >= MAX_PAGES) this.#drop(oldest!);
    const charge = this.#account.open();
    if (!charge.resizeIfAmple(bytes.length + sizeOfListed(listed))) return;
    this.#pages.set(key, { bytes: bytes.slice(), listed, charge });
  }

  clear(): void {
    for (const key of [...this.#pages.keys()]) this.#drop(key);
  }

  #drop(key: string): void {
    this.#pages.get(key)?.charge.release();
    this.#pages.delete(key);
  }
}
