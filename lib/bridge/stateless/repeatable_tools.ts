// Which tools a server says may be run again with the same arguments (MCP 2025-11-25, "ToolAnnotations"): those that change
// nothing, and those that change nothing more the second time. What it does not say is presumed: no. The list is asked for
// when a call was lost, one at a time, and bounded in time, pages and bytes; without one no tool is.
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { findMember } from "../../mcp/json/json_text.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../platform/json.ts";
import { isWithin } from "../../platform/time/time_of_day.ts";
import type { Timers } from "../../platform/time/timers.ts";
import { hintsOf } from "../../policy/hints.ts";
import type { Carrier, Message, Peer } from "../peer/peer.ts";

/** For one page, and for how long a list is believed, in ms: a change may be told while nobody listens. */
const PATIENCE_MS = 10_000, BELIEVED_MS = 60_000;
/** A list that has changed while it was asked for is asked for so many times. */
const MAX_ATTEMPTS = 2;
const MAX_PAGES = 100, MAX_LIST_BYTES = 4 * 1024 * 1024;
/** Of the names that are kept, together, in UTF-16 units; what comes behind them is presumed. */
const MAX_NAMES_LENGTH = 256 * 1024;

/** Somebody who can be asked now, and in whose name. */
interface Asked {
  readonly peer: Peer;
  readonly carrier: Carrier;
}

interface List {
  readonly names: Promise<ReadonlySet<string>>;
  /** When it was asked for; −∞ for one that was not had. */
  atMs: number;
}

/** A page of the list, which may have so many bytes. */
interface Wanted {
  readonly cursor: string | undefined;
  readonly maxBytes: number;
}

interface Page {
  readonly result: unknown;
  /** In bytes, with what is around it. */
  readonly length: number;
}

const decoder = new TextDecoder();
const NONE: ReadonlySet<string> = new Set();

export class RepeatableTools {
  readonly #timers: Timers;
  #list: List | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Never rejects: of a server that cannot be asked, false. */
  async has(name: unknown, asked: Asked): Promise<boolean> {
    if (typeof name !== "string") return false;
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const list = this.#list = this.#fresh() ?? this.#ask(asked);
      const names = await list.names;
      // Asked, a server that was restarted shows that it was: what it has said then is asked for again.
      if (this.#list === list) return names.has(name);
    }
    return false;
  }

  /** The list has changed, or is another server's from now on. */
  forget(): void {
    this.#list = undefined;
  }

  #fresh(): List | undefined {
    const { atMs = -Infinity } = this.#list ?? {};
    return isWithin(this.#timers.now(), atMs, BELIEVED_MS) ? this.#list : undefined;
  }

  #ask(asked: Asked): List {
    const names = namesIn(() => this.#all(asked)).catch(() => {
      // Nobody else is told what one did not learn.
      list.atMs = -Infinity;
      return NONE;
    });
    const list: List = { names, atMs: this.#timers.now() };
    return list;
  }

  /** What each tool is said to be. @throws NoList */
  async #all(asked: Asked): Promise<ReadonlyMap<string, boolean>> {
    const tools = new Map<string, boolean>();
    let bytes = 0;
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const { result, length } = await this.#page(asked, { cursor, maxBytes: MAX_LIST_BYTES - bytes });
      if (!isJsonObject(result) || !Array.isArray(result.tools)) throw new NoList();
      bytes += length;
      for (const tool of result.tools) note(tools, tool);
      const next = result.nextCursor;
      if (typeof next !== "string") return tools;
      if (next === cursor) break;
      cursor = next;
    }
    throw new NoList();
  }

  /** @throws NoList */
  #page({ peer, carrier }: Asked, { cursor, maxBytes }: Wanted): Promise<Page> {
    const params: JsonObject = cursor === undefined ? {} : { cursor };
    const text = encodeJson({ jsonrpc: "2.0", id: 0, method: "tools/list", params });
    return new Promise((resolve, reject) => {
      const fail = (): undefined => {
        cancelTimer();
        reject(new NoList());
      };
      const onReply = ({ line }: Message) => {
        if (line.length > maxBytes) return fail();
        cancelTimer();
        resolve({ result: resultIn(line), length: line.length });
        return undefined;
      };
      const cancelTimer = this.#timers.after(PATIENCE_MS, () => {
        if (id !== undefined) peer.forget(id);
        fail();
      });
      const id = peer.ask(text, findMember(text, "id")!, { onReply, onLost: fail }, carrier);
      if (id === undefined) fail();
    });
  }
}

/** Of a long answer a peer reads no more than it needs to pass it on: here it is read as a whole. */
function resultIn(line: Uint8Array): unknown {
  try {
    return parseJson(decoder.decode(line)).result;
  } catch {
    return undefined;
  }
}

/** A server that has not said what tools it has. */
class NoList extends Error {
  override readonly name = "NoList";
}

/** Of several by one name, all have to be: a call does not say which it means. */
function note(tools: Map<string, boolean>, tool: unknown): void {
  if (!isJsonObject(tool) || typeof tool.name !== "string") return;
  const { readOnly, idempotent } = hintsOf(tool.annotations);
  tools.set(tool.name, (readOnly || idempotent) && tools.get(tool.name) !== false);
}

/** Of those that may be run again, as many as are kept. */
async function namesIn(all: () => Promise<ReadonlyMap<string, boolean>>): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  let length = 0;
  for (const [name, isRepeatable] of await all()) {
    if (!isRepeatable || (length += name.length) > MAX_NAMES_LENGTH) continue;
    names.add(name);
  }
  return names;
}
