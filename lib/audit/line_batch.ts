// Lines of an audit log as the bytes they are written as, gathered one behind the other in memory that is used again: a
// line is made on the way of every call, and as a text of thirty pieces it would be garbage that outlives its call.

const encoder = new TextEncoder();

/** Shorter pieces are copied byte by byte, which then takes less than a call. */
const SHORT = 24;
/** Longer texts are given to the encoder at once. */
const SHORT_TEXT = 40;
const FIRST_SIZE = 4096;
/** Memory beyond this is let go of when it is empty, in bytes. */
const KEPT_SIZE = 256 * 1024;

const ZERO = 0x30, POINT = 0x2e;

/** UTF-8 that grows at its end. */
export class LineBytes {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_SIZE);
  length = 0;

  put(piece: Uint8Array): void {
    const count = piece.length;
    const at = this.length;
    if (at + count > this.bytes.length) this.#grow(count);
    const { bytes } = this;
    if (count > SHORT) bytes.set(piece, at);
    else for (let i = 0; i < count; i++) bytes[at + i] = piece[i]!;
    this.length = at + count;
  }

  text(text: string): void {
    const count = text.length;
    const at = this.length;
    if (at + 3 * count > this.bytes.length) this.#grow(3 * count);
    const { bytes } = this;
    if (count <= SHORT_TEXT) {
      let i = 0;
      for (; i < count; i++) {
        const code = text.charCodeAt(i);
        if (code >= 0x80) break;
        bytes[at + i] = code;
      }
      if (i === count) return void (this.length = at + count);
    }
    this.length = at + encoder.encodeInto(text, bytes.subarray(at)).written;
  }

  /** As `String` writes it. */
  number(value: number): void {
    const whole = value | 0;
    if (whole !== value || whole < 0) return this.text(String(value));
    let digits = 1;
    for (let rest = whole; rest >= 10; rest = (rest / 10) | 0) digits++;
    if (this.length + digits > this.bytes.length) this.#grow(digits);
    const { bytes } = this;
    let at = this.length += digits;
    for (let rest = whole; at > this.length - digits;) {
      const tens = (rest / 10) | 0;
      bytes[--at] = ZERO + rest - 10 * tens;
      rest = tens;
    }
  }

  /** As `String` writes it, rounded to hundredths. */
  hundredths(value: number): void {
    const all = Math.round(value * 100);
    const known = all | 0;
    if (known !== all || known < 0) return this.text(String(all / 100));
    const whole = (known / 100) | 0, rest = known - 100 * whole;
    this.number(whole);
    if (rest === 0) return;
    const tenths = (rest / 10) | 0, last = rest - 10 * tenths;
    this.byte(POINT);
    this.byte(ZERO + tenths);
    if (last > 0) this.byte(ZERO + last);
  }

  byte(byte: number): void {
    if (this.length === this.bytes.length) this.#grow(1);
    this.bytes[this.length++] = byte;
  }

  empty(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_SIZE) this.bytes = new Uint8Array(FIRST_SIZE);
  }

  #grow(more: number): void {
    const bigger = new Uint8Array(Math.max(2 * this.bytes.length, this.length + more));
    bigger.set(this.bytes.subarray(0, this.length));
    this.bytes = bigger;
  }
}

/** Lines that are sealed together: JSON objects without their braces and their number. */
export class LineBatch extends LineBytes {
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
