// What clients say of themselves when they initialize: the same for every session of one kind of client, of which there are
// few. Kept once for all sessions, a third of what a session takes otherwise. Bounded; whoever has an object keeps it.

/** Of a `SealedSession`. Nobody may change what is in it. */
export interface Said {
  readonly protocolVersion: string;
  readonly clientInfo: Readonly<Record<string, unknown>>;
  readonly capabilities: Readonly<Record<string, unknown>>;
}

const MOST_KINDS = 256;
/** Characters; what says more is rarely said twice. */
const LONGEST = 2048;
/** Kinds that are looked for by their text; if as many take turns, they are found all the same. */
const MOST_RECENT = 8;

interface Kind {
  /** As it stands in a payload: three elements of its array. */
  readonly text: string;
  readonly said: Said;
}

export class ClientKinds {
  readonly #kinds = new Map<string, Kind>();
  readonly #recent: Kind[] = [];

  get size(): number {
    return this.#kinds.size;
  }

  /** What says the same, in the objects that all have. */
  shared(said: Said): Said {
    return this.#kindOf(said)?.said ?? said;
  }

  /**
   * The same of what stands in a payload, most often without making its text once more.
   * @param at where it stands
   * @param said what it was parsed to
   */
  sharedAt(payload: string, at: number, said: Said): Said {
    for (const kind of this.#recent) if (payload.startsWith(kind.text, at)) return kind.said;
    const kind = this.#kindOf(said);
    if (kind === undefined) return said;
    if (payload.startsWith(kind.text, at) && this.#recent.unshift(kind) > MOST_RECENT) this.#recent.pop();
    return kind.said;
  }

  #kindOf({ protocolVersion, clientInfo, capabilities }: Said): Kind | undefined {
    const text = `${JSON.stringify([protocolVersion, clientInfo, capabilities]).slice(1, -1)},`;
    if (text.length > LONGEST) return undefined;
    let kind = this.#kinds.get(text);
    if (kind === undefined) {
      if (this.#kinds.size >= MOST_KINDS) this.#kinds.clear();
      this.#kinds.set(text, kind = { text, said: { protocolVersion, clientInfo, capabilities } });
    }
    return kind;
  }
}
