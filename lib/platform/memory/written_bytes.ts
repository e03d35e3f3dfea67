// UTF-8 that is written piece by piece into memory that grows: where a text of many pieces would be garbage that outlives what
// it was made for, or be made of all of them only to be encoded.

const encoder = new TextEncoder();

/** Shorter pieces are copied byte by byte, which then takes less than a call. */
const SHORT = 24;
/** Longer texts are given to the encoder at once. */
const SHORT_TEXT = 40;
const FIRST_SIZE = 4096;
/** Memory beyond this is let go of when it is empty, in bytes. */
const KEPT_SIZE = 512 * 1024;

const ZERO = 0x30, POINT = 0x2e, QUOTE = 0x22, BACKSLASH = 0x5c;

/** UTF-8 that grows at its end. */
export class WrittenBytes {
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;

  /** @param size what there is room for at first, in bytes */
  constructor(size = FIRST_SIZE) {
    this.bytes = new Uint8Array(size);
  }

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

  /** As `JSON.stringify` writes it. */
  json(text: string): void {
    const count = text.length;
    if (count > SHORT_TEXT) return this.text(JSON.stringify(text));
    const at = this.length;
    if (at + count + 2 > this.bytes.length) this.#grow(count + 2);
    const { bytes } = this;
    bytes[at] = QUOTE;
    for (let i = 0; i < count; i++) {
      const code = text.charCodeAt(i);
      if (code < 0x20 || code >= 0x7f || code === QUOTE || code === BACKSLASH) return this.text(JSON.stringify(text));
      bytes[at + 1 + i] = code;
    }
    bytes[at + 1 + count] = QUOTE;
    this.length = at + count + 2;
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
