// Lines of an audit log as the bytes they are written as, gathered one behind the other in memory that is used again: a
// line is made on the way of every call, and as a text of thirty pieces it would be garbage that outlives its call.
import { WrittenBytes } from "../platform/memory/written_bytes.ts";

/** Lines that are sealed together: JSON objects without their braces and their number. */
export class LineBatch extends WrittenBytes {
  /** Where each line ends; what is behind the last is a line that is not whole. */
  readonly ends: number[] = [];

  /** The line that is being written is whole. @returns its size in bytes */
  endLine(): number {
    const size = this.unended;
    this.ends.push(this.length);
    return size;
  }

  /** The line that is being written is not to be. */
  dropLine(): void {
    this.length = this.ends.at(-1) ?? 0;
  }

  /** So many of the first have been written. All of them are whole. */
  dropFirst(count: number): void {
    if (count === 0) return;
    const from = this.ends[count - 1]!;
    this.bytes.copyWithin(0, from, this.length);
    this.length -= from;
    this.ends.splice(0, count);
    for (let i = 0; i < this.ends.length; i++) this.ends[i]! -= from;
  }

  /** What has been written of a line, in bytes. */
  get unended(): number {
    const { ends } = this;
    return this.length - (ends.length === 0 ? 0 : ends[ends.length - 1]!);
  }

  override empty(): void {
    super.empty();
    this.ends.length = 0;
  }
}

/** Batches that wait, none of more than `most` lines. */
export class LineQueue {
  /** Lines that wait. */
  count = 0;
  readonly #most: number;
  readonly #full: LineBatch[] = [];
  #last = new LineBatch();
  /** One that is empty: under a steady load two are all there is. */
  #spare: LineBatch | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** To write the next line into. */
  get last(): LineBatch {
    if (this.#last.ends.length < this.#most) return this.#last;
    this.#full.push(this.#last);
    return this.#last = this.#fresh();
  }

  /** What was written into `last` is a whole line. @returns its size in bytes */
  endLine(): number {
    this.count++;
    return this.#last.endLine();
  }

  /** The lines that have waited longest, to be given back by `release`. */
  take(): LineBatch {
    let first = this.#full.shift();
    if (first === undefined) {
      first = this.#last;
      this.#last = this.#fresh();
    }
    this.count -= first.ends.length;
    return first;
  }

  release(batch: LineBatch): void {
    batch.empty();
    this.#spare = batch;
  }

  #fresh(): LineBatch {
    const batch = this.#spare ?? new LineBatch();
    this.#spare = undefined;
    return batch;
  }
}
