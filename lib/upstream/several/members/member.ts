// One of several servers as it is configured: its name and address, what of a client's request may reach it, what of it
// clients may see, and how its peers are made. Shared by all sessions.
import type { PeerEvents, PeerSource } from "../../../bridge/peer/peer_source.ts";
import type { Opening } from "../../../bridge/request.ts";
import type { FieldList, Fields } from "../../../http1/types.ts";
import type { Breaker } from "./breaker.ts";
import type { PageCache } from "./page_cache.ts";
import type { Refusal } from "./refusal.ts";
import type { Visible } from "./visible.ts";

/** What clients are offered by name or address, and what patterns are written for. */
export type OfferKind = "tools" | "prompts" | "resources";

export interface Member {
  /** As configured; several may share it. */
  readonly name: string;
  /** What its tools go by in sessions opened now: unique. */
  readonly prefixName: string;
  /** The configured address: its key in the envelope. */
  readonly url: string;
  /** For whatever Signet itself asks of it, in ms. */
  readonly timeoutMs: number;
  /** Whether no session opens without it. */
  readonly required: boolean;
  readonly visible: Readonly<Record<OfferKind, Visible>>;
  /** The server's own name of a tool → what it is called here. No two have one. */
  readonly renames: ReadonlyMap<string, string>;
  /** The server's own name of a tool → what it is described as here. */
  readonly descriptions: ReadonlyMap<string, string>;
  /** Lists as they were read last. */
  readonly pages: PageCache;
  readonly breaker: Breaker;
  readonly refusal: Refusal;
  readonly counts: MemberCounts;
  /** Peers of one session; nothing is started before they are greeted or asked. */
  readonly open: (opening: Opening, events: PeerEvents) => PeerSource;
  /** What of the fields of a client's request goes to it, in a list of its own (A8). */
  readonly carry: (fields: Fields) => FieldList;
  /** Whether it can be reached at all. @throws HttpError, SignetError */
  readonly probe: () => Promise<void>;
  /** Lets go of everything; settles when nothing is left. */
  readonly close: () => Promise<void>;
}

/** Of one member since the start: numbers that only rise. */
export interface MemberCounts {
  calls: number;
  /** Calls that were lost: the member ended, refused or could not be reached. */
  lost: number;
  /** Sessions opened without it. */
  missed: number;
  /** Names and texts left out of lists, for being too many, too long, or alike. */
  dropped: number;
}

export function newCounts(): MemberCounts {
  return { calls: 0, lost: 0, missed: 0, dropped: 0 };
}
