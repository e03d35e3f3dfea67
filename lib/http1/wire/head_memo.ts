// What the last head on a connection meant. The heads of one peer are mostly the same to the byte but for the digits of
// Content-Length, and what a head means depends on its text alone: comparing costs a tenth of parsing it again.
import type { ByteAccount, Charge } from "../byte_account.ts";
import { parseContentLength } from "./grammar.ts";
import type { FieldList, HeadNotes } from "../types.ts";

interface Framed {
  readonly fields: FieldList;
  readonly bodyLength: number;
  readonly notes?: HeadNotes | undefined;
}

export class HeadMemo<Head extends Framed> {
  #head: Head | undefined;
  #text = "";
  /** The text up to the digits of Content-Length and from there on; undefined until a comparison needs them. */
  #before: string | undefined;
  #after = "";
  /** Where the digits stand in `fields`; -1 if they do not tell the body's length. */
  #index = -1;
  #asked = false;
  readonly #charge: Charge;

  constructor(account: ByteAccount) {
    this.#charge = account.open();
  }

  /** The head `text` stands for, the caller's to keep; undefined if it is not that of the last {@link keep}. */
  find(text: string): Head | undefined {
    const head = this.#head;
    if (head === undefined) return undefined;
    this.#asked = true;
    if (text === this.#text) return { ...head, fields: head.fields.slice() };
    if (this.#before === undefined) this.#split(head);
    return this.#index < 0 ? undefined : this.#findOtherLength(head, text);
  }

  #findOtherLength(head: Head, text: string): Head | undefined {
    const before = this.#before!;
    const after = this.#after;
    const end = text.length - after.length;
    if (end <= before.length || text.slice(0, before.length) !== before || text.slice(end) !== after) return undefined;
    const digits = text.slice(before.length, end);
    const bodyLength = parseContentLength(digits);
    // Without a body other rules hold, and lengths beyond measure are refused: that is for the parser to say.
    if (bodyLength < 1 || bodyLength === Infinity) return undefined;
    const fields = head.fields.slice();
    fields[this.#index] = digits;
    return { ...head, fields, bodyLength };
  }

  #split(head: Head): void {
    this.#before = "";
    const found = /\r\ncontent-length:[\t ]*([0-9]+)[\t ]*\r\n/i.exec(this.#text);
    if (found === null) return;
    const digits = found[1]!;
    const name = head.fields.indexOf("content-length");
    if (head.bodyLength < 1 || head.bodyLength !== Number(digits) || name < 0 || name % 2 !== 0) return;
    const start = found.index + found[0].indexOf(digits, found[0].indexOf(":"));
    this.#before = this.#text.slice(0, start);
    this.#after = this.#text.slice(start + digits.length);
    this.#index = name + 1;
  }

  /** Remembers what `text` stands for, where there is plenty of room. */
  keep(text: string, head: Head): void {
    if (!this.#charge.resizeIfAmple(text.length)) return this.forget();
    this.#head = { ...head, fields: head.fields.slice(), notes: { value: undefined } };
    this.#text = text;
    this.#before = undefined;
    this.#index = -1;
  }

  /** Frees what has not been of use since the last call: a connection at rest remembers nothing. */
  fade(): void {
    if (!this.#asked) this.forget();
    this.#asked = false;
  }

  forget(): void {
    this.#head = undefined;
    this.#text = "";
    this.#before = undefined;
    this.#after = "";
    this.#charge.release();
  }
}
