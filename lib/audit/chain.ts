// The chain over the lines of an audit log (G2). Lines are written in batches; the last line of each carries a keyed MAC of
// all that was written since the MAC before, that one first: whoever changes, removes, adds or moves a byte, and has not
// the key, leaves a MAC that does not fit. One HMAC a batch costs a fraction of one a line, and under little load a batch
// is a line. HMAC-SHA256 (RFC 2104), cut to 128 bits (§5).
import { WrittenBytes } from "../platform/memory/written_bytes.ts";
import { createHmac } from "../platform/runtime/builtin.ts";
import type { LineBatch } from "./line_batch.ts";

/** Lines under one MAC: whoever verifies holds them. */
export const MAX_SEALED = 256;
/** And bytes, give or take a line: whoever goes on behind a process that was killed looks for the last MAC. */
export const MAX_SEALED_BYTES = 1024 * 1024;
/** Of a MAC, in hex digits. */
const MAC_DIGITS = 32;
/** Between the last line and its MAC; what follows the MAC is of the next batch. */
const BEFORE_MAC = ',"mac":"';
export const AFTER_MAC = '"}\n';
export const MAC_AT_END: RegExp = /,"mac":"([0-9a-f]{32})"\}$/;

/** Which key a chain is kept with. */
export interface ChainKey {
  /** Names it, and tells nothing of it: the ring's key that it was derived from. */
  readonly id: string;
  readonly secret: Uint8Array;
}

const ascii = (text: string) => new TextEncoder().encode(text);
const HEAD = ascii('{"v":1,"seq":'), COMMA = 0x2c, TAIL = ascii("}\n");
const BEFORE_MAC_BYTES = ascii(BEFORE_MAC), AFTER_MAC_BYTES = ascii(AFTER_MAC);

/**
 * The MAC of what stands between two.
 * @param prev the MAC before; empty for the first of a chain
 * @param since all bytes behind that one's digits, up to where this one's begin
 */
export function macOf({ secret }: ChainKey, prev: string, since: readonly Uint8Array[]): string {
  const hmac = createHmac("sha256", secret).update(prev);
  for (const bytes of since) hmac.update(bytes);
  return hmac.digest("hex").slice(0, MAC_DIGITS);
}

/** Where a chain stands. */
export interface ChainState {
  readonly mac: string;
  /** What is in the file behind the digits of that MAC. */
  readonly since: Uint8Array;
  /** Number of the last line. */
  readonly seq: number;
}

/** A MAC of those that were sealed at once. */
interface Mark {
  /** Behind its line: of them, in bytes and in lines. */
  readonly end: number;
  readonly lines: number;
  readonly state: ChainState;
}

export class Chain {
  key: ChainKey;
  #mac: string;
  #since: Uint8Array;
  #seq: number;
  /** The same memory for one batch after the other. */
  readonly #sealed = new WrittenBytes();
  /** Of what was sealed last: where the chain stood before, and behind each MAC. */
  #marks: Mark[] = [];

  constructor(key: ChainKey, state: ChainState = { mac: "", since: new Uint8Array(0), seq: 0 }) {
    this.key = key;
    this.#mac = state.mac;
    this.#since = state.since;
    this.#seq = state.seq;
  }

  /** Number and MAC of the last line: whoever keeps them elsewhere can tell that a log was cut. */
  get head(): { readonly seq: number; readonly mac: string } {
    return { seq: this.#seq, mac: this.#mac };
  }

  get #state(): ChainState {
    return { mac: this.#mac, since: this.#since, seq: this.#seq };
  }

  /**
   * Of what was sealed last no more has been written than so many bytes: goes back to behind the last MAC among them.
   * @returns how many lines stand up to there, which have been written
   */
  goBack(written: number): number {
    const { lines, state } = this.#marks.findLast(({ end }) => end <= written)!;
    this.#mac = state.mac;
    this.#since = state.since;
    this.#seq = state.seq;
    return lines;
  }

  /** Goes on in a new file: what stood behind the last MAC stays in the old one. */
  turnPage(): void {
    this.#since = new Uint8Array(0);
  }

  /**
   * The bytes of lines that are written at once, under as many MACs as they need; on loan until the next are sealed.
   * @param lines at least one
   */
  seal({ bytes, ends }: LineBatch): Uint8Array {
    const sealed = this.#sealed;
    sealed.empty();
    let mark: Mark = { end: 0, lines: 0, state: this.#state };
    this.#marks = [mark];
    const last = ends.length - 1;
    for (let i = 0, start = 0; i <= last; i++) {
      const end = ends[i]!;
      sealed.put(HEAD);
      sealed.number(++this.#seq);
      sealed.byte(COMMA);
      sealed.put(bytes.subarray(start, end));
      start = end;
      const isFull = i + 1 - mark.lines === MAX_SEALED || sealed.length - mark.end >= MAX_SEALED_BYTES;
      if (i < last && !isFull) sealed.put(TAIL);
      else {
        const sealedEnd = this.#endSealed(mark.end);
        this.#marks.push(mark = { end: sealedEnd, lines: i + 1, state: this.#state });
      }
    }
    return sealed.bytes.subarray(0, sealed.length);
  }

  /** Puts a MAC behind what was sealed. @param from where that begins @returns where the next begins */
  #endSealed(from: number): number {
    const sealed = this.#sealed;
    sealed.put(BEFORE_MAC_BYTES);
    this.#mac = macOf(this.key, this.#mac, [this.#since, sealed.bytes.subarray(from, sealed.length)]);
    this.#since = AFTER_MAC_BYTES;
    sealed.text(this.#mac);
    sealed.put(AFTER_MAC_BYTES);
    return sealed.length;
  }
}
