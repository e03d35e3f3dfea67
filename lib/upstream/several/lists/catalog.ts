// What a session's members offer, merged and looked up: lists for clients, and names turned back (docs/behaviour.md A2,
// A7). What is listed and what can be called is one question, asked in one place.
import { type Carrier, ownCarrier } from "../../../bridge/peer/peer.ts";
import type { ByteAccount } from "../../../http1/byte_account.ts";
import { METHOD_NOT_FOUND } from "../../../mcp/messages/rpc_codes.ts";
import type { Logger } from "../../../observe/log.ts";
import type { JsonObject } from "../../../platform/json.ts";
import type { Timers } from "../../../platform/time/timers.ts";
import { MemberFault, reasonOf } from "../members/breaker.ts";
import { type Listed, NOTHING_LISTED } from "../members/listed.ts";
import type { MemberLife } from "../members/member_life.ts";
import type { Ask } from "../members/own_asks.ts";
import { looksShort, outwardName } from "../names/names.ts";
import type { TaskIds } from "../names/task_ids.ts";
import { inwardUri, labelOf } from "../names/uris.ts";
import { KeptLists, type Reading } from "./kept_lists.ts";
import { type Hold, type ListBy, type ListKind, LISTS } from "./list_kinds.ts";
import { listOf, ListRefused } from "./lists.ts";
import type { Merged, Page } from "./pages.ts";

/** A name that is not there is looked for in a list this old, and only then in a new one, in ms. */
const FRESH_MS = 1000;

export interface CatalogOptions {
  readonly lives: readonly MemberLife[];
  readonly ask: Ask;
  readonly separator: string;
  readonly taskIds: TaskIds;
  readonly timers: Timers;
  /** The caller's: lists are held until all members have answered. */
  readonly account: ByteAccount;
  readonly log: Logger;
  readonly facts: Readonly<Record<string, string>>;
}

/** Where a name or an address leads: the member, and what it calls it. */
export interface Destination {
  readonly life: MemberLife;
  readonly inward: string;
}

/** For whom members are asked, and how much of what they say there is room for. */
interface Listing extends Pick<ListBy, "carrier" | "hold" | "params"> {
  readonly goesOn: boolean;
}

/** What a member lists; with its reading where it was asked just now. */
interface ReadList {
  readonly listed: Listed;
  readonly reading: Reading | undefined;
  /** As `MergedList.leftMs`. */
  readonly leftMs: number;
}

/** A request for a list. */
export interface ListRequest {
  readonly list: ListKind;
  readonly carrier: Carrier;
  /** What members are asked with, besides the cursor. */
  readonly params: JsonObject;
  /** Whether it is for a page behind the first. */
  readonly goesOn: boolean;
}

export class Catalog {
  readonly #options: CatalogOptions;
  readonly #kept: KeptLists;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#kept = new KeptLists(options.account, options.timers);
  }

  /** What was known of a member's lists is known no more. */
  forget(life: MemberLife): void {
    this.#kept.forget(life);
  }

  /** Nothing is remembered any more, from now on. */
  close(): void {
    this.#kept.close();
  }

  /**
   * Each member's items, in the order of the members.
   * @param make the page made of them; while it is they are held
   * @throws MemberFault if no member answers
   */
  async page({ list, carrier, params, goesOn }: ListRequest, make: (merged: Merged) => Page): Promise<Uint8Array> {
    return await this.#holding(async (hold) => {
      const by = { carrier, hold, params, goesOn };
      const all = await Promise.all(this.#options.lives.map(async (life) => {
        const read = await this.#listedOf(life, list, by);
        return { life, listed: read?.listed, reading: read?.reading, leftMs: read?.leftMs ?? 0 };
      }));
      if (all.every(({ listed }) => listed === undefined)) throw new MemberFault("none of the MCP servers answers");
      const merged: Merged = all.map(({ life, listed = NOTHING_LISTED, leftMs }) => ({ life, listed, leftMs }));
      const known = goesOn ? undefined : this.#kept.findWhole(list, merged);
      if (known !== undefined) return known;
      const page = make(merged);
      const isWalk = goesOn || !page.isWhole;
      for (const { life, listed, reading } of all) {
        if (listed !== undefined && reading !== undefined) this.#kept.keep(life, reading, { listed, isWalk });
      }
      // What says how long it holds says something else each time.
      const isTimeless = merged.every(({ listed }) => listed.ttlMs === undefined);
      if (page.isWhole && isTimeless && all.every(({ listed }) => listed !== undefined)) {
        this.#kept.keepWhole(list, merged, page.line);
      }
      return page.line;
    });
  }

  /** What `run` takes in is the caller's until it is done; what comes later finds no room. */
  async #holding<T>(run: (hold: Hold) => Promise<T>): Promise<T> {
    const charge = this.#options.account.open();
    let over = false;
    try {
      return await run((bytes) => !over && charge.resize(charge.bytes + bytes));
    } finally {
      over = true;
      charge.release();
    }
  }

  /** A tool or a prompt; a promise where a list has to tell. @throws MemberFault if only a list could tell, and there is none */
  destinationOf(
    kind: "tools" | "prompts",
    outward: string,
    by: Pick<ListRequest, "carrier" | "params">,
  ): Destination | undefined | Promise<Destination | undefined> {
    const life = this.#options.lives.find(({ name }) => outward.startsWith(name + this.#options.separator));
    if (life === undefined) return undefined;
    const rest = outward.slice(life.name.length + this.#options.separator.length);
    if (!looksShort(rest) && !life.member.visible[kind].hides && (kind !== "tools" || life.member.renames.size === 0)) {
      // What would be listed under another name is not there under this one.
      return rest !== "" && outwardName(life.name + this.#options.separator, rest) === outward
        ? { life, inward: rest }
        : undefined;
    }
    return this.#lookUp(life, LISTS.get(`${kind}/list`)!, { ...by, outward, carrier: ownCarrier(by.carrier) })
      .then((inward) => inward === undefined ? undefined : { life, inward });
  }

  resourceOf(outward: string): Destination | undefined {
    const found = inwardUri(outward);
    if (found === undefined) return undefined;
    const life = this.#options.lives.find(({ name }) => labelOf(name) === found.label);
    if (life === undefined || !life.member.visible.resources.shows(found.uri)) return undefined;
    return { life, inward: found.uri };
  }

  async #lookUp(
    life: MemberLife,
    list: ListKind,
    { outward, carrier, params }: Pick<ListRequest, "carrier" | "params"> & { readonly outward: string },
  ): Promise<string | undefined> {
    const known = this.#kept.told(life, list, outward);
    if (known?.inward !== undefined || (known !== undefined && known.ageMs < FRESH_MS)) return known.inward;
    return await this.#holding(async (hold) => {
      const read = await this.#listedOf(life, list, { carrier, hold, params, goesOn: false });
      if (read === undefined) throw new MemberFault(`the MCP server ${life.name} does not say what it offers`);
      if (read.reading !== undefined) this.#kept.keep(life, read.reading, { listed: read.listed, isWalk: false });
      return read.listed.told.get(outward);
    });
  }

  /** Undefined if the member is out, or does not answer in time. What it was asked for just now has its `reading`. */
  async #listedOf(
    life: MemberLife,
    list: ListKind,
    by: Listing,
  ): Promise<ReadList | undefined> {
    if (!life.isUp) {
      void life.connect(by.carrier); // it announces itself
      return undefined;
    }
    const { capabilities } = life;
    if (capabilities !== undefined && capabilities[list.kind] === undefined) return NONE;
    const asked = { list, fields: life.member.carry(by.carrier.fields), goesOn: by.goesOn };
    const known = this.#kept.find(life, asked);
    if (known !== undefined) return { ...known, reading: undefined };
    if (life.pauseMs > 0) return undefined;
    const reading = this.#kept.begin(life, asked);
    try {
      const listed = await this.#inTime(life, list, by);
      life.breaker.succeed();
      this.#report(life, list, listed);
      return { listed, reading, leftMs: listed.ttlMs ?? 0 };
    } catch (error) {
      if (error instanceof ListRefused && error.code === METHOD_NOT_FOUND) return NONE;
      // One that cannot be reached has a breaker of its own; what is refused at once may be granted the next time.
      if (error instanceof MemberFault && error.isSlow) life.breaker.fail(error);
      const { log, facts } = this.#options;
      log.warn("an MCP server was left out of a list", {
        ...facts,
        member: life.name,
        list: list.method,
        cause: reasonOf(error),
      });
      return undefined;
    }
  }

  #report(life: MemberLife, list: ListKind, { dropped, shortened }: Listed): void {
    const { log, facts } = this.#options;
    if (dropped !== "") {
      life.member.counts.dropped++;
      log.warn("a part of an MCP server's list was left out", {
        ...facts,
        member: life.name,
        list: list.method,
        dropped,
      });
    }
    if (shortened > 0) log.debug("names were shortened to fit clients", { ...facts, member: life.name, shortened });
  }

  async #inTime(life: MemberLife, list: ListKind, by: Listing): Promise<Listed> {
    const { ask, separator, taskIds, timers } = this.#options;
    const { timeoutMs } = life.member;
    let wanted = true;
    const late = Promise.withResolvers<never>();
    const cancel = timers.after(
      timeoutMs,
      () => late.reject(new MemberFault(`no whole list within ${timeoutMs} ms`, { isSlow: true })),
    );
    try {
      return await Promise.race([
        listOf(life, list, { ...by, ask, separator, taskIds, wanted: () => wanted }),
        late.promise,
      ]);
    } finally {
      wanted = false;
      cancel();
    }
  }
}

/** Of a member that has no such lists. */
const NONE: ReadList = { listed: NOTHING_LISTED, reading: undefined, leftMs: Infinity };
