// What a session's members offer, merged and looked up: lists for clients, and names turned back (docs/behaviour.md A2,
// A7). What is listed and what can be called is one question, asked in one place.
import type { ByteAccount } from "../../http1/byte_account.ts";
import type { Carrier } from "../../bridge/peer.ts";
import type { Logger } from "../../observe/log.ts";
import type { Timers } from "../../platform/timers.ts";
import { type Hold, type ListBy, type ListKind, listOf, ListRefused, LISTS, shortenedIn } from "./lists.ts";
import type { Item } from "./page_cache.ts";
import { MemberFault, reasonOf } from "./breaker.ts";
import type { MemberLife } from "./member_life.ts";
import type { Merged } from "./pages.ts";
import { looksShort, outwardName } from "./names.ts";
import type { Ask } from "./own_asks.ts";
import type { TaskIds } from "./task_ids.ts";
import { inwardUri, labelOf } from "./uris.ts";

const METHOD_NOT_FOUND = -32601;
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
  /** For all pages of one member, in ms. */
  readonly timeoutMs: number;
  readonly log: Logger;
  readonly facts: Readonly<Record<string, string>>;
}

/** Where a name or an address leads: the member, and what it calls it. */
export interface Destination {
  readonly life: MemberLife;
  readonly inward: string;
}

/** For whom members are asked, and how much of what they say there is room for. */
type Listing = Pick<ListBy, "carrier" | "hold">;

interface Known {
  readonly names: ReadonlyMap<string, string>;
  readonly atMs: number;
}

export class Catalog {
  readonly #options: CatalogOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /** What was known of a member's lists is known no more. */
  forget(life: MemberLife): void {
    for (const kind of ["tools/list", "prompts/list"]) this.#known.delete(`${kind} ${life.name}`);
  }

  /**
   * Each member's items, in the order of the members.
   * @param use what is done with them: then they are held no more
   * @throws MemberFault if no member answers
   */
  async list(list: ListKind, carrier: Carrier, use: (merged: Merged) => void): Promise<void> {
    let answered = false;
    await this.#holding(async (hold) => {
      const all = await Promise.all(this.#options.lives.map(async (life) => {
        const items = await this.#itemsOf(life, list, { carrier, hold });
        answered ||= items !== undefined;
        return { life, items: items ?? [] };
      }));
      if (!answered) throw new MemberFault("none of the MCP servers answers");
      use(all);
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
    carrier: Carrier,
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
    return this.#lookUp(life, LISTS[`${kind}/list`]!, { outward, carrier: { fields: [...carrier.fields] } })
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
    { outward, carrier }: { readonly outward: string; readonly carrier: Carrier },
  ): Promise<string | undefined> {
    const key = `${list.method} ${life.name}`;
    const known = this.#known.get(key);
    const found = known?.names.get(outward);
    if (found !== undefined) return found;
    if (known !== undefined && this.#options.timers.now() - known.atMs < FRESH_MS) return undefined;
    const items = await this.#holding((hold) => this.#itemsOf(life, list, { carrier, hold }));
    if (items === undefined) throw new MemberFault(`the MCP server ${life.name} does not say what it offers`);
    return this.#known.get(key)?.names.get(outward);
  }

  /** Undefined if the member is out, or does not answer in time. */
  async #itemsOf(life: MemberLife, list: ListKind, by: Listing): Promise<readonly Item[] | undefined> {
    const { counts } = life.member;
    if (!life.isUp) {
      void life.connect(by.carrier); // it announces itself
      return undefined;
    }
    const { capabilities } = life;
    if (capabilities !== undefined && capabilities[list.kind] === undefined) return [];
    if (life.pauseMs > 0) return undefined;
    const { separator, log, facts } = this.#options;
    try {
      const { items, dropped } = await this.#inTime(life, list, by);
      life.breaker.succeed();
      if (dropped !== "") {
        counts.dropped++;
        log.warn("a part of an MCP server's list was left out", {
          ...facts,
          member: life.name,
          list: list.method,
          dropped,
        });
      }
      if (list.key === "name") this.#learn(life, list, items);
      const shortened = shortenedIn(items, life.name + separator);
      if (shortened > 0) log.debug("names were shortened to fit clients", { ...facts, member: life.name, shortened });
      return items;
    } catch (error) {
      if (error instanceof ListRefused) {
        if (error.code === METHOD_NOT_FOUND) return [];
      }
      // One that cannot be reached has a breaker of its own; what is refused at once may be granted the next time.
      if (error instanceof MemberFault && error.isSlow) life.breaker.fail(error);
      log.warn("an MCP server was left out of a list", {
        ...facts,
        member: life.name,
        list: list.method,
        cause: reasonOf(error),
      });
      return undefined;
    }
  }

  #learn(life: MemberLife, list: ListKind, items: readonly Item[]): void {
    // What a name says of itself needs no memory, which every session has one of.
    const isTold = list.kind === "tools" && life.member.renames.size > 0 ||
      list.kind !== "tasks" && life.member.visible[list.kind].hides;
    const kept = isTold ? items : items.filter(({ outward }) => looksShort(outward));
    const names = new Map(kept.map(({ outward, inward }) => [outward, inward]));
    this.#known.set(`${list.method} ${life.name}`, { names, atMs: this.#options.timers.now() });
  }

  async #inTime(life: MemberLife, list: ListKind, by: Listing) {
    const { ask, separator, taskIds, timers, timeoutMs } = this.#options;
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
