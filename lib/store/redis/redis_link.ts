// A shared store as its users see it: a command or a script with a deadline, a channel, and whether it can be asked.
// It never waits for a store that is away: what cannot be asked now is a StoreError now, and it comes back by itself.
// Keys stand under one prefix; what has to be one atomic step stands in one slot of a cluster (docs/guides/replicas.md).
import { atDeadline, OwnedTimer, pause, SYSTEM_TIMERS } from "../../platform/time/timers.ts";
import { closedError, StoreError } from "../store.ts";
import { EvictionPolicy } from "./eviction_policy.ts";
import { causeOf, isOffline, LateError } from "./link_fault.ts";
import { MasterSearch } from "./master_search.ts";
import { isAnswerTo, Questions } from "./questions.ts";
import { textOf } from "./redis_answer.ts";
import { RedisChannels } from "./redis_channels.ts";
import { createRedisClient, type RedisClient, type RedisClientOptions } from "./redis_client.ts";
import { isAnswer, isRefusal, refusedError, remedyOf, says } from "./redis_refusal.ts";
import type { RedisTarget } from "./redis_target.ts";
import { isUnreadable, RenewedClient } from "./renewed_client.ts";
import type { Script } from "./script.ts";
import { type StoreRefusal, ToldRefusals } from "./told_refusals.ts";

export interface RedisLinkOptions {
  readonly target: RedisTarget;
  /** Asked whenever a connection is to be let in: it may have been rotated. Must not reject. */
  readonly password?: (() => Promise<string | undefined>) | undefined;
  readonly caCerts?: readonly string[] | undefined;
  /** Before every key and channel. */
  readonly prefix: string;
  /** For one answer, and for one attempt to connect. */
  readonly timeoutMs: number;
  /** How long a connection may say nothing before it is taken for none, in ms. Default 10,000. */
  readonly silenceMs?: number;
  /** Told when it goes away, with the cause, and when it is back. Must not throw. */
  readonly onChange?: (up: boolean, cause: string) => void;
  /** Told when it answers and refuses: of each kind of refusal, once a minute. Must not throw. */
  readonly onRefusal?: (refusal: StoreRefusal) => void;
  /** Told of what it does when it is full, where it may evict keys: once per change. Must not throw. */
  readonly onEvicting?: (policy: string) => void;
  /** Tries to connect once only. */
  readonly once?: boolean;
  /** For tests. */
  readonly createClient?: (options: RedisClientOptions) => RedisClient;
}

/** Commands whose answers are a number, whatever somebody has written: others are scripts, whose answers are bounded. */
type Counting = "DEL" | "PUBLISH" | "ZREM" | "ZCARD" | "ZCOUNT";

/** A place that did not answer: the only one there is, or a node of a cluster. */
interface Away {
  /** What it was asked about. */
  readonly key: string;
  readonly cause: string;
  /** By its own word, which comes behind what it refuses: a refusal says nothing against it. */
  readonly isByWord: boolean;
  /** It is asked nothing until then, by `performance.now()`. */
  askAgainAtMs: number;
}

const MAX_WAITING = 10_000;
/** How often it is looked whether it is connected, while that is waited for. */
const LOOK_MS = 10;
const SILENCE_MS = 10_000;
/** While something does not answer, or is not heard, it is asked so many times in the longest silence there may be. */
const ASKED_IN_SILENCE = 10;

export class RedisLink {
  readonly prefix: string;
  /** Questions that got no answer, for metrics. */
  failures = 0;
  readonly #options: RedisLinkOptions;
  readonly #commands: RenewedClient;
  readonly #messages: RenewedClient;
  readonly #wakes = new Set<() => void>();
  readonly #channels: RedisChannels;
  readonly #refusals: ToldRefusals;
  readonly #policy: EvictionPolicy;
  #up = false;
  readonly #askAgain = new OwnedTimer(SYSTEM_TIMERS);
  #lastFault: unknown = "not connected yet";
  readonly #silenceMs: number;
  /** By place, those that did not answer what they were asked last. */
  readonly #away = new Map<string, Away>();
  #closed = false;
  readonly #master: MasterSearch;
  readonly #questions = new Questions();

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.prefix = options.prefix;
    this.#refusals = new ToldRefusals(options.onRefusal);
    this.#policy = new EvictionPolicy(() => this.evictionPolicy(), options.onEvicting);
    const make = options.createClient ?? createRedisClient;
    const { target, password, caCerts, timeoutMs, once } = options;
    const silenceMs = this.#silenceMs = options.silenceMs ?? SILENCE_MS;
    const common = { target, password, caCerts, connectTimeoutMs: timeoutMs, silenceMs, maxWaiting: MAX_WAITING, once };
    this.#commands = new RenewedClient((isCurrent) =>
      make({
        ...common,
        onFault: (fault, isAll) => {
          if (isCurrent()) this.#hearFault(fault, isAll);
        },
        onReady: (place) => {
          if (isCurrent()) this.#look(place);
        },
      })
    );
    this.#master = new MasterSearch({
      ...{ client: this.#commands, key: this.#probe, withinMs: this.#spareMs },
      ...{ pauseMs: silenceMs / ASKED_IN_SILENCE, onFound: () => this.#onMaster() },
      onTurned: () => this.#wake(),
    });
    const onUnheard = (fault: unknown) => {
      if (isRefusal(fault)) this.#refusals.tell(fault);
      if (isUnreadable(fault) || this.#isDone(fault)) this.#messages.renew();
      this.#lookAgain();
    };
    this.#messages = new RenewedClient((isCurrent) => {
      let isNew = true;
      return make({
        ...common,
        onFault: (fault) => {
          if (isCurrent()) onUnheard(fault);
        },
        onReady: () => {
          if (!isCurrent()) return;
          if (isNew) this.#channels.forget();
          isNew = false;
          this.#channels.subscribe();
          this.#wake();
        },
      });
    });
    this.#channels = new RedisChannels(this.#messages, onUnheard);
  }

  /** Settles once connected, or after the deadline: it then goes on trying by itself, unless it was to try once only. */
  async open(): Promise<void> {
    const { timeoutMs, once = false } = this.#options;
    let isOver = false;
    this.#commands.connect().then(() => this.#look(), (fault) => {
      this.#sayDown(fault);
      isOver = once;
    });
    this.#messages.connect().catch(() => {});
    for (let waitedMs = 0; !this.#up && !isOver && waitedMs < timeoutMs && !this.#closed; waitedMs += LOOK_MS) {
      await pause(LOOK_MS, SYSTEM_TIMERS);
    }
  }

  /** Whether the last question was answered, by each who was asked. */
  get up(): boolean {
    return this.#up;
  }

  /** Whether messages arrive, of all channels. */
  get listening(): boolean {
    return this.#channels.areHeard;
  }

  /** Questions that it answered with a refusal, for metrics. */
  get refusals(): number {
    return this.#refusals.count;
  }

  /** Why it is not up. Holds no address and no secret. */
  get lastFault(): string {
    return causeOf(this.#lastFault);
  }

  #hearFault(fault: unknown, isAll: boolean): void {
    if (isRefusal(fault)) this.#refusals.tell(fault);
    if (isUnreadable(fault)) this.#commands.renew();
    if (isAll && !isRefusal(fault)) this.#sayDown(fault);
    else this.#noteFault(fault);
  }

  /** @throws StoreError */
  async command(key: string, name: Counting, ...rest: readonly string[]): Promise<unknown> {
    return await this.#ask(key, () => this.#commands.send(key, [name, key, ...rest]));
  }

  /** One atomic step. All keys must be in one slot. @throws StoreError */
  async script(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const question = this.#questions.next();
    const rest = [String(keys.length), ...keys, ...args.map(String), question];
    const [first = ""] = keys;
    return await this.#ask(first, async () => {
      const answer = await this.#commands.send(first, ["EVALSHA", script.sha1, ...rest]).catch((fault: unknown) => {
        if (!/^NOSCRIPT/.test((fault as Error)?.message ?? "")) throw fault;
        return this.#commands.send(first, ["EVAL", script.text, ...rest]);
      });
      if (isAnswerTo(question, answer)) return answer[1];
      this.#commands.renew();
      throw new Error("reading an answer: found that to another question");
    });
  }

  /** Asks what it is asked by itself, to know who is there. @throws StoreError where its user may not */
  async probe(): Promise<void> {
    const key = this.#probe;
    await this.#ask(key, () => this.#commands.send(key, ["TYPE", key]));
    await this.#ask(key, () => this.#commands.send(key, ["PING"]));
  }

  /** What it does when it is full; undefined where this user may not ask. @throws StoreError */
  async evictionPolicy(): Promise<string | undefined> {
    const mayNot = (fault: unknown) => {
      if (isRefusal(fault)) return undefined;
      throw fault;
    };
    // Of a cluster, where revocations are.
    const key = this.#probe;
    const info = await this.#ask(key, () => this.#commands.send(key, ["INFO", "memory"]).catch(mayNot));
    return /^maxmemory_policy:(\S+)/m.exec(textOf(info) ?? "")?.[1];
  }

  /** It has been found to forget. */
  lookAtPolicy(): void {
    this.#policy.look();
  }

  /** Calls `listener` for every message, and `wake` whenever some may have been missed. Must not throw. */
  listen(channel: string, listener: (message: string) => void, wake: () => void): void {
    this.#wakes.add(wake);
    this.#channels.listen(channel, listener, wake);
    this.#lookAgain();
  }

  /**
   * Calls `wake` whenever it may be another one, or have lost something: a connection to it has come up, or it was a replica
   * meanwhile. Must not throw.
   */
  watchComing(wake: () => void): void {
    this.#wakes.add(wake);
  }

  /** Messages have not come that should have: over connections of their own that are made anew. */
  hearAnew(): void {
    if (this.listening) this.#messages.renew();
  }

  /** Again: nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#up = false;
    this.#askAgain.close();
    this.#master.close();
    for (const client of [this.#commands, this.#messages]) {
      try {
        client.destroy();
      } catch {
        // It was never connected.
      }
    }
  }

  /** @param key that it is about */
  async #ask<T>(key: string, send: () => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError();
    const place = this.#commands.placeOf(key);
    const away = this.#away.get(place);
    if (away !== undefined && performance.now() < away.askAgainAtMs) return this.#fail(new Error(away.cause));
    try {
      return await this.#attempt(place, key, send);
    } catch (fault) {
      if (!isRefusal(fault)) return this.#fail(fault);
      this.#refusals.tell(fault);
      if (says("READONLY", fault)) this.seekMaster();
      throw refusedError(fault);
    }
  }

  /** Asks, and notes who answers. @throws whatever it is answered with, or the library throws */
  async #attempt<T>(place: string, key: string, send: () => Promise<T>): Promise<T> {
    let onTime: (() => void) | undefined;
    let asked: Promise<T> | undefined;
    try {
      const { timeoutMs } = this.#options;
      const late = new Promise<never>((_, reject) => {
        onTime = atDeadline(timeoutMs, () => reject(new LateError(timeoutMs)));
      });
      asked = send();
      const answer = await Promise.race([asked, late]);
      this.#sayUp(place);
      return answer;
    } catch (fault) {
      if (this.#isDone(fault)) this.#commands.renew();
      if (!isRefusal(fault)) this.#sayAway(place, { key, asked, fault });
      else if (this.#away.get(place)?.isByWord !== true) this.#sayUp(place);
      throw fault;
    } finally {
      onTime?.();
    }
  }

  /** @param asked what may be answered yet */
  #sayAway(
    place: string,
    { key, asked, fault }: {
      readonly key: string;
      readonly asked: Promise<unknown> | undefined;
      readonly fault: unknown;
    },
  ): void {
    if (this.#closed) return;
    this.#sayDown(fault);
    const away: Away = { key, cause: this.lastFault, isByWord: isAnswer(fault), askAgainAtMs: 0 };
    this.#away.set(place, away);
    if (asked !== undefined && fault instanceof LateError) this.#keepSilent(asked, place, away);
  }

  /**
   * Nobody there is asked before a late answer is there, or its connection is given up: who asked on would keep a connection
   * from being found silent that nobody is at any more, for as long as the system tries to send.
   */
  #keepSilent(asked: Promise<unknown>, place: string, away: Away): void {
    // Or longer than anybody who is there is silent: then something else is wrong.
    away.askAgainAtMs = performance.now() + 2 * this.#silenceMs;
    asked.then(() => this.#sayUp(place), (fault) => isRefusal(fault) ? this.#sayUp(place) : away.askAgainAtMs = 0);
  }

  /** Whether a connection is of no use any more, as its own word says. Those of a cluster are not begun anew for one of them. */
  #isDone(fault: unknown): boolean {
    return says("NOAUTH", fault) && this.#options.target.kind !== "cluster";
  }

  #fail(fault: unknown): never {
    this.failures++;
    const why = isOffline(fault) ? this.#lastFault : fault;
    throw new StoreError("io", `The shared store did not answer: ${causeOf(why).replace(/\.$/, "")}`, {
      remedy: remedyOf(why) ?? "See whether it runs, and can be reached from here.",
      cause: fault,
    });
  }

  /**
   * Asks whoever may be there again, as nobody else may for long: an answer alone says that he is.
   * @param place whose connection has come up; undefined: where what matters most is
   */
  #look(place?: string): void {
    if (this.#closed) return;
    const away = this.#away.get(place ?? this.#commands.placeOf(this.#probe));
    if (away !== undefined) away.askAgainAtMs = 0;
    // Of a cluster, who was not missed is asked when he is needed.
    if (away !== undefined || place === undefined) this.#lookAt(away?.key ?? this.#probe);
  }

  #lookAt(key: string): void {
    const send = () => this.#commands.send(key, isThere(key));
    const place = this.#commands.placeOf(key);
    // What comes of it is noted; it is no question of anybody's. Whom it may not be asked will answer others.
    this.#attempt(place, key, send).catch((fault) => isRefusal(fault) && this.#sayUp(place));
  }

  /** Until all answer, and all channels are heard. */
  #lookAgain(): void {
    if (this.#askAgain.isSet || (this.#up && !this.#channels.isOneMissed)) return;
    this.#askAgain.set(this.#silenceMs / ASKED_IN_SILENCE, () => {
      if (!this.#up) this.#lookAtAll();
      if (this.#channels.isOneMissed) this.#channels.seek();
      this.#lookAgain();
    });
  }

  #lookAtAll(): void {
    const nowMs = performance.now();
    this.#commands.lookAround();
    // What only a ping was not answered has nobody's question about it.
    if (this.#away.size === 0) this.#lookAt(this.#probe);
    for (const [place, { key, askAgainAtMs }] of [...this.#away]) {
      // Or whoever has taken its place.
      if (nowMs >= askAgainAtMs || this.#commands.placeOf(key) !== place) this.#lookAt(key);
      else if (this.#options.target.kind !== "cluster") this.#lookBeside(key);
    }
  }

  /**
   * It may be the connection that is silent, and not the store: behind half an answer, or a host in between that has
   * forgotten it.
   */
  async #lookBeside(key: string): Promise<void> {
    const ask = async (client: RedisClient) => {
      try {
        await client.send(key, isThere(key));
      } catch (fault) {
        if (!isRefusal(fault)) throw fault;
      }
    };
    if (await this.#commands.trySpare(ask, this.#spareMs)) this.#look();
  }

  /** Who is asked takes no writes. */
  seekMaster(): void {
    // Sentinels, and the nodes of a cluster, tell the library by themselves.
    if (!this.#closed && this.#options.target.kind === "single") this.#master.seek();
  }

  #onMaster(): void {
    this.#look();
    this.#policy.look();
    // What is said there is heard over another one.
    this.#messages.renew();
  }

  /** How long another connection is tried: to connect, and for an answer. */
  get #spareMs(): number {
    return 2 * Math.max(this.#options.timeoutMs, this.#silenceMs / ASKED_IN_SILENCE);
  }

  /** A key that is never there. */
  get #probe(): string {
    return `{${this.prefix}:revoked}`;
  }

  /** @param place that has answered */
  #sayUp(place: string): void {
    if (this.#closed) return;
    this.#away.delete(place);
    // Whoever has lost its keys to another place is asked for nothing more.
    for (const [at, { key }] of this.#away) if (this.#commands.placeOf(key) !== at) this.#away.delete(at);
    if (this.#up || this.#away.size > 0) return;
    this.#commands.letGoOfSpare();
    this.#up = true;
    this.#options.onChange?.(true, this.lastFault);
    this.#policy.look();
    this.#wake();
  }

  #sayDown(fault: unknown): void {
    if (this.#closed) return;
    this.#noteFault(fault);
    const wasUp = this.#up;
    this.#up = false;
    this.#lookAgain();
    if (wasUp) this.#options.onChange?.(false, this.lastFault);
    // That it is there, and lets nobody in, is another matter than what was told first.
    else if (isAnswer(fault)) this.#refusals.say(fault);
  }

  #noteFault(fault: unknown): void {
    if (!isOffline(fault)) this.#lastFault = fault;
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
  }
}

/**
 * What is asked to know whether a place answers: a script, as all that matters is one. A store that keeps writes waiting, as
 * before a failover, answers anything else.
 */
function isThere(key: string): readonly string[] {
  return ["EVAL", "return 1", "1", key];
}
