// Where a client stands in a merged list that is longer than a page: sealed, so that it leads on in its own session and
// its own list, and nowhere else (docs/protocol.md 39). The same place gives the same text, over restarts and replicas.
import type { KeyRing } from "../../../envelope/key_ring.ts";
import { open, seal } from "../../../envelope/seal.ts";
import { parseJson } from "../../../platform/json.ts";

const OPEN_ARRAY = 0x5b;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The next item: the member's name, and how many of its items came before. */
export interface Place {
  readonly member: string;
  readonly offset: number;
}

export class Cursors {
  readonly #ring: () => KeyRing;
  readonly #session: string;

  /** @param session what only this session has */
  constructor(ring: () => KeyRing, session: string) {
    this.#ring = ring;
    this.#session = session;
  }

  seal(method: string, { member, offset }: Place): string {
    const text = JSON.stringify([this.#session, method, member, offset]);
    return seal(this.#ring().active, "cursor", encoder.encode(text));
  }

  /** Undefined for what was not sealed here, for this list: all failures are alike. */
  open(method: string, cursor: string): Place | undefined {
    const opened = open(this.#ring(), "cursor", cursor);
    if (!opened.ok) return undefined;
    // Cursors are sealed elsewhere, too (`carried_value.ts`): those lead to no place here.
    if (opened.plaintext[0] !== OPEN_ARRAY) return undefined;
    const [session, list, member = "", offset] = parseJson(decoder.decode(opened.plaintext)) as string[];
    if (session !== this.#session || list !== method) return undefined;
    return { member, offset: Number(offset) };
  }
}
