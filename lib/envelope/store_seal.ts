// What replicas leave for each other in a store, or a process for its successor, as text that only holders of the ring
// can read and write (docs/behaviour.md E4, R1, R4, S3).
import { Buffer } from "node:buffer";
import { type JsonObject, parseObject } from "../platform/json.ts";
import type { KeyRing } from "./key_ring.ts";
import { open, type Purpose, seal } from "./seal.ts";

/** An upstream's id and an address at most, with room to spare. */
const MAX_LENGTH = 96 * 1024;

export type StorePurpose = Extract<Purpose, "move" | "revocation" | "pool">;

export class StoreSeal {
  readonly #ring: () => KeyRing;
  readonly #purpose: StorePurpose;

  /** @param ring the one in force @param purpose what is left there: nothing else opens, wherever it was copied to */
  constructor(ring: () => KeyRing, purpose: StorePurpose) {
    this.#ring = ring;
    this.#purpose = purpose;
  }

  seal(text: string): string {
    return seal(this.#ring().active, this.#purpose, Buffer.from(text));
  }

  /** Undefined for what was sealed with no key of the ring or for another purpose, or changed. */
  open(sealed: string): string | undefined {
    const opened = open(this.#ring(), this.#purpose, sealed, { maxLength: MAX_LENGTH });
    return opened.ok ? Buffer.from(opened.plaintext).toString() : undefined;
  }

  /** The members of an object that was sealed. Of another version it may be anything: none, then, as of what does not open. */
  membersOf(sealed: string): JsonObject {
    const text = this.open(sealed);
    return text === undefined ? {} : parseObject(text) ?? {};
  }
}
