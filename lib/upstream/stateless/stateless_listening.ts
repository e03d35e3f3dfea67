// What a session's client hears of a stateless server unasked: one subscription at the server at a time (MCP 2026-07-28,
// subscriptions/listen), of list changes and of the resources the client has subscribed to. What a subscription is about
// cannot be changed: another takes its place, and is there before the old one goes. One that ends is opened again; where
// the server refuses that, as it may for one resource that has gone, it is asked for its lists alone, and for all of it ever
// more rarely. What may have changed while nobody told is told of. What nobody wants any more is not passed on, whatever the
// server still tells of.
import type { Message } from "../../bridge/peer/peer.ts";
import { ACKNOWLEDGED } from "../../bridge/stateless/texts.ts";
import { SignetError } from "../../errors.ts";
import type { FieldList } from "../../http1/types.ts";
import { notificationForLegacy, ownRequest } from "../../mcp/eras/for_stateless_server.ts";
import { retryAfterMs } from "../../mcp/events/stream_retry.ts";
import { encodeJson } from "../../mcp/json/json_bytes.ts";
import { concerns } from "../../mcp/resource_updates.ts";
import { tellIfOwn } from "../../platform/faults/uncaught.ts";
import { isJsonObject, type JsonObject } from "../../platform/json.ts";
import { Pause } from "../../platform/time/timers.ts";
import type { StatelessParts } from "./stateless_parts.ts";
import { post, type StatelessPost } from "./stateless_post.ts";

export interface StatelessListeningOptions {
  readonly parts: StatelessParts;
  readonly envelope: () => JsonObject;
  readonly capabilities: (fields: FieldList) => Promise<JsonObject>;
  readonly newId: () => number;
  readonly onNotification: (message: Message) => Promise<void> | undefined;
  readonly onJunk: (found: string) => void;
}

/** A subscription at the server. */
interface Subscription {
  readonly post: StatelessPost;
  /** What the server has said it will tell of; undefined if it has ended, or refused, before it said so. */
  readonly honored: Promise<JsonObject | undefined>;
  /** The resources that it was asked for. */
  readonly uris: readonly string[];
}

const METHOD = "subscriptions/listen";
const UPDATED = "notifications/resources/updated";
const LISTS = { tools: "toolsListChanged", prompts: "promptsListChanged", resources: "resourcesListChanged" } as const;
const UNACKNOWLEDGED = { publicMessage: "Gateway timeout: the MCP server did not acknowledge the subscription" };
/** A subscription that lasted this long, in ms, was not in vain. */
const LASTING_MS = 10_000;

export class StatelessListening {
  readonly #options: StatelessListeningOptions;
  readonly #uris = new Set<string>();
  /** Of these the ones that nobody has told of since what told of them ended. */
  readonly #missed = new Set<string>();
  readonly #pause: Pause;
  /** Before the server is asked again for less than it tells of. */
  readonly #renewalPause: Pause;
  /** Of whoever listens; undefined while nobody does. */
  #fields: FieldList | undefined;
  #current: Subscription | undefined;
  #running: Promise<void> | undefined;
  #renewing: Promise<void> | undefined;
  /** All that have not ended: the one that is followed, one that is about to take its place, those that are let go of. */
  readonly #open = new Set<Subscription>();
  /** One change of what is told of after the other. */
  #changing: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(options: StatelessListeningOptions) {
    this.#options = options;
    this.#pause = new Pause(options.parts.timers);
    this.#renewalPause = new Pause(options.parts.timers);
  }

  /** A client listens: from now on until the end. Again: with these fields. */
  listen(fields: FieldList): void {
    this.#fields = fields;
    this.#running ??= this.#run().finally(() => this.#running = undefined);
  }

  /** @returns whether the server will tell of the resource @throws SignetError where it cannot be asked now */
  subscribe(uri: string, fields: FieldList): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#uris.has(uri)) return true;
      this.#uris.add(uri);
      let isTold = false;
      try {
        const told = (await this.#renew(fields))?.resourceSubscriptions;
        isTold = Array.isArray(told) && told.includes(uri);
      } finally {
        if (!isTold) this.#forget(uri);
      }
      return isTold;
    });
  }

  /** From now on nobody is told of it. Settles once the server has been asked to tell of less. Never rejects. */
  unsubscribe(uri: string, fields: FieldList): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#forget(uri)) return;
      await this.#renew(fields).catch(tellIfOwn);
      this.#renewIfOff();
    });
  }

  /** @returns whether it was wanted */
  #forget(uri: string): boolean {
    this.#missed.delete(uri);
    return this.#uris.delete(uri);
  }

  /** Settles when nothing is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { post } of this.#open) post.abort();
    this.#pause.close();
    this.#renewalPause.close();
    await Promise.all([
      this.#running,
      this.#renewing,
      this.#changing,
      ...[...this.#open].map(({ post }) => post.ended),
    ]);
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#changing.then(change);
    this.#changing = turn.catch(() => {});
    return turn;
  }

  /** Opens one that is about all that is wanted now, if anything is, then lets the one there is go. @throws SignetError */
  async #renew(fields: FieldList): Promise<JsonObject | undefined> {
    this.#fields = fields;
    const next = await this.#subscribe();
    if (next === undefined) {
      this.#current?.post.abort();
      return void (this.#current = undefined);
    }
    const honored = await next.honored;
    if (honored === undefined) {
      const isLate = this.#open.has(next);
      next.post.abort();
      if (isLate) throw new SignetError("upstream_timeout", UNACKNOWLEDGED);
      // It says why there is none: it was refused, or the server cannot be asked.
      await next.post.reply;
      return undefined;
    }
    // Not the one that was there before: another may have been opened meanwhile.
    const former = this.#current;
    this.#current = next;
    if (former === undefined) this.listen(fields);
    else former.post.abort();
    return honored;
  }

  /** Whether the server was asked to tell of other resources than are wanted now: of too many, or of too few. */
  get #isOff(): boolean {
    const uris = this.#current?.uris;
    return uris !== undefined && (uris.length !== this.#uris.size || uris.some((uri) => !this.#uris.has(uri)));
  }

  /** A server that would not be asked for what is wanted is asked again. */
  #renewIfOff(): void {
    if (this.#isOff) this.#renewing ??= this.#renewUntilTaken().finally(() => this.#renewing = undefined);
  }

  /** Ever later, for as long as it refuses. */
  async #renewUntilTaken(): Promise<void> {
    const { retryMs, maxRetryMs } = this.#options.parts.limits;
    for (let inVain = 0; !this.#stopped && this.#isOff; inVain++) {
      await this.#renewalPause.wait(retryAfterMs({ wantedMs: retryMs, mostMs: maxRetryMs }, inVain));
      await this.#inTurn(async () => {
        if (this.#stopped || !this.#isOff) return;
        await this.#renew(this.#fields ?? []).catch(tellIfOwn);
      });
    }
  }

  async #filter(wanted: Iterable<string> = []): Promise<JsonObject | undefined> {
    const capabilities = await this.#options.capabilities(this.#fields ?? []);
    const filter: Record<string, unknown> = {};
    for (const [list, member] of Object.entries(LISTS)) {
      const capability = capabilities[list];
      if (isJsonObject(capability) && capability.listChanged === true) filter[member] = true;
    }
    const resourceSubscriptions = [...wanted];
    if (resourceSubscriptions.length > 0) filter.resourceSubscriptions = resourceSubscriptions;
    return Object.keys(filter).length === 0 ? undefined : filter;
  }

  /**
   * @param only these resources, and not all that are wanted
   * @returns undefined where there is nothing to be told of
   * @throws SignetError
   */
  async #subscribe(only?: readonly string[]): Promise<Subscription | undefined> {
    const { parts, envelope, newId, onJunk } = this.#options;
    const notifications = await this.#filter(only ?? this.#uris);
    if (notifications === undefined || this.#stopped) return undefined;
    const { promise: honored, resolve } = Promise.withResolvers<JsonObject | undefined>();
    const uris = [...only ?? this.#uris];
    const posted = post(parts, newId(), {
      method: METHOD,
      headers: [],
      text: ownRequest(METHOD, { notifications }, envelope()),
      fields: this.#fields ?? [],
      onJunk,
      onNotification: ({ line, value }) => {
        if (value.method !== ACKNOWLEDGED) return this.#tell({ line, value }, uris);
        const { params } = value;
        const told = isJsonObject(params) && isJsonObject(params.notifications) ? params.notifications : {};
        resolve(told);
        return this.#missed.size === 0 ? undefined : this.#reportMissed(told);
      },
    });
    const opened: Subscription = { post: posted, honored, uris };
    this.#open.add(opened);
    const stop = parts.timers.after(parts.limits.startTimeoutMs, () => resolve(undefined));
    void posted.ended.then(() => {
      this.#open.delete(opened);
      stop();
      resolve(undefined);
    });
    return opened;
  }

  /** Passes a notification on, but for an update of what nobody wants any more. @param uris that its server was asked for */
  #tell({ line, value }: Message, uris: readonly string[]): Promise<void> | undefined {
    const { method, params } = value;
    if (method === UPDATED && !this.#isWanted(isJsonObject(params) ? params.uri : undefined, uris)) return undefined;
    return this.#options.onNotification({ line: notificationForLegacy(line), value });
  }

  #isWanted(uri: unknown, asked: readonly string[]): boolean {
    const gone = asked.filter((one) => !this.#uris.has(one));
    if (typeof uri !== "string" || gone.length === 0) return true;
    const isAbout = (one: string) => concerns(uri, one);
    return !gone.some(isAbout) || [...this.#uris].some(isAbout);
  }

  async #run(): Promise<void> {
    const { limits: { retryMs, maxRetryMs }, timers } = this.#options.parts;
    for (let inVain = 0; !this.#stopped;) {
      const sinceMs = timers.now();
      const isTold = await this.#follow().catch((fault) => {
        tellIfOwn(fault);
        return false;
      });
      if (isTold === undefined) return; // nothing to be told of
      inVain = isTold && timers.now() - sinceMs >= LASTING_MS ? 0 : inVain + 1;
      if (this.#stopped) return;
      await this.#pause.wait(retryAfterMs({ wantedMs: retryMs, mostMs: maxRetryMs }, Math.max(0, inVain - 1)));
      if (isTold && !this.#stopped) await this.#reportLists();
    }
  }

  /** Until no subscription is left. @returns whether there was one; undefined if none is wanted */
  async #follow(): Promise<boolean | undefined> {
    if (this.#current === undefined) await this.#begin();
    if (this.#current === undefined) return undefined;
    let isTold = false;
    for (let followed: Subscription | undefined = this.#current; followed !== undefined; followed = this.#current) {
      isTold = (await followed.honored) !== undefined || isTold;
      await followed.post.ended;
      if (this.#current === followed) {
        this.#current = undefined;
        for (const uri of followed.uris) if (this.#uris.has(uri)) this.#missed.add(uri);
      }
      if (followed.uris.length > 0 && await isRefused(followed) && this.#current === undefined) await this.#begin([]);
    }
    return isTold;
  }

  /** Follows another from now on. @param only as of `#subscribe` @throws SignetError */
  async #begin(only?: readonly string[]): Promise<void> {
    const opened = await this.#subscribe(only);
    // One that a client has subscribed by has come first, and is about no less.
    if (this.#current !== undefined) opened?.post.abort();
    else this.#current = opened;
    // What was unsubscribed from while it was opened, or left out.
    this.#renewIfOff();
  }

  /** Something may have changed while nobody told. */
  async #reportLists(): Promise<void> {
    const filter = await this.#filter().catch((fault) => void tellIfOwn(fault));
    for (const [list, member] of Object.entries(LISTS)) {
      if (filter?.[member] !== true) continue;
      const value = { jsonrpc: "2.0", method: `notifications/${list}/list_changed` };
      await this.#options.onNotification({ value, line: encodeJson(value) });
    }
  }

  /** The same of resources, now that they are told of again. */
  async #reportMissed({ resourceSubscriptions }: JsonObject): Promise<void> {
    if (!Array.isArray(resourceSubscriptions)) return;
    for (const uri of resourceSubscriptions) {
      if (!this.#missed.delete(uri)) continue;
      const value = { jsonrpc: "2.0", method: UPDATED, params: { uri } };
      await this.#options.onNotification({ value, line: encodeJson(value) });
    }
  }
}

/** Of one that has ended: whether the server itself said no. That it cannot be asked is no answer to what it was asked. */
async function isRefused({ honored, post }: Subscription): Promise<boolean> {
  if (await honored !== undefined) return false;
  const reply = await post.reply.catch(() => undefined);
  return reply?.value.error !== undefined;
}
