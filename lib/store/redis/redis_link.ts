// A shared store as its users see it: a command or a script with a deadline, a channel, and whether it can be asked.
// It never waits for a store that is away: what cannot be asked now is a StoreError now, and it comes back by itself.
// Keys stand under one prefix; what has to be one atomic step stands in one slot of a cluster (docs/guides/replicas.md).
import { Buffer } from "node:buffer";
import { StoreError } from "../store.ts";
import { ignoreStoreError } from "../turns.ts";
import { createRedisClient, type RedisClient, type RedisClientOptions } from "./redis_client.ts";
import type { RedisTarget } from "./redis_target.ts";
import { certificateWords } from "../../platform/certificate_fault.ts";
import { createHash } from "../../platform/builtin.ts";
import { atDeadline } from "../../platform/timers.ts";

export interface RedisLinkOptions {
  readonly target: RedisTarget;
  readonly password?: string | undefined;
  readonly caCerts?: readonly string[] | undefined;
  /** Before every key and channel. */
  readonly prefix: string;
  /** For one answer, and for one attempt to connect. */
  readonly timeoutMs: number;
  /** How long a connection may say nothing before it is taken for none, in ms. Default 10,000. */
  readonly silenceMs?: number;
  /** Told when it goes away, with the cause, and when it is back. Must not throw. */
  readonly onChange?: (up: boolean, cause: string) => void;
  /** Tries to connect once only. */
  readonly once?: boolean;
  /** For tests. */
  readonly createClient?: (options: RedisClientOptions) => RedisClient;
}

/** A Lua script, sent by its digest. */
export class Script {
  readonly text: string;
  readonly sha1: string;

  constructor(text: string) {
    this.text = text;
    this.sha1 = createHash("sha1").update(text).digest("hex");
  }
}

/** A place that did not answer: the only one there is, or a node of a cluster. */
interface Away {
  /** What it was asked about. */
  readonly key: string;
  readonly cause: string;
  /** It is asked nothing until then, by `performance.now()`. */
  askAgainAtMs: number;
}

const MAX_WAITING = 10_000;
const SILENCE_MS = 10_000;
const RESUBSCRIBE_MS = 250;

/** Names something without saying it: 128 bits of SHA-256. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest().subarray(0, 16).toString("base64url");
}

export class RedisLink {
  readonly prefix: string;
  /** Questions that got no answer, for metrics. */
  failures = 0;
  readonly #options: RedisLinkOptions;
  readonly #commands: RedisClient;
  readonly #messages: RedisClient;
  readonly #wakes = new Set<() => void>();
  readonly #retries = new Set<ReturnType<typeof setTimeout>>();
  #up = false;
  #listening = false;
  #lastFault = "not connected yet";
  readonly #silenceMs: number;
  /** By place, those that did not answer what they were asked last. */
  readonly #away = new Map<string, Away>();
  #closed = false;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.prefix = options.prefix;
    const make = options.createClient ?? createRedisClient;
    const { target, password, caCerts, timeoutMs, once } = options;
    const silenceMs = this.#silenceMs = options.silenceMs ?? SILENCE_MS;
    const common = { target, password, caCerts, connectTimeoutMs: timeoutMs, silenceMs, maxWaiting: MAX_WAITING, once };
    const onFault = (fault: unknown, isAll: boolean) => isAll ? this.#sayDown(fault) : this.#noteFault(fault);
    this.#commands = make({ ...common, onFault, onReady: (place) => this.#noteReady(place) });
    this.#messages = make({
      ...common,
      onFault: () => this.#listening = false,
      onReady: () => {
        this.#listening = true;
        this.#wake();
      },
    });
  }

  /** Settles once connected, or after the deadline: it then goes on trying by itself, unless it was to try once only. */
  async open(): Promise<void> {
    const { timeoutMs, once = false } = this.#options;
    let isOver = false;
    this.#commands.connect().then(() => this.#sayUp(), (fault) => {
      this.#sayDown(fault);
      isOver = once;
    });
    this.#messages.connect().catch(() => {});
    for (let waitedMs = 0; !this.#up && !isOver && waitedMs < timeoutMs && !this.#closed; waitedMs += 10) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Whether the last question was answered, by each who was asked. */
  get up(): boolean {
    return this.#up;
  }

  /** Whether messages arrive. */
  get listening(): boolean {
    return this.#listening;
  }

  /** Why it is not up. Holds no address and no secret. */
  get lastFault(): string {
    return this.#lastFault;
  }

  /** @throws StoreError */
  async command(key: string, ...args: readonly string[]): Promise<unknown> {
    const [name = "", ...rest] = args;
    return await this.#ask(key, () => this.#commands.send(key, [name, key, ...rest]));
  }

  /** One atomic step. All keys must be in one slot. @throws StoreError */
  async script(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args.map(String)];
    const [first = ""] = keys;
    return await this.#ask(first, async () => {
      try {
        return await this.#commands.send(first, ["EVALSHA", script.sha1, ...rest]);
      } catch (fault) {
        if (!/^NOSCRIPT/.test((fault as Error)?.message ?? "")) throw fault;
        return await this.#commands.send(first, ["EVAL", script.text, ...rest]);
      }
    });
  }

  /** What it does when it is full; undefined where this user may not ask. @throws StoreError */
  async evictionPolicy(): Promise<string | undefined> {
    await this.#ask("", () => this.#commands.send("", ["PING"]));
    const mayNot = (fault: unknown) => {
      if (isAnswer(fault)) return undefined;
      throw fault;
    };
    const info = await this.#ask("", () => this.#commands.send("", ["INFO", "memory"]).catch(mayNot));
    return /^maxmemory_policy:(\S+)/m.exec(textOf(info) ?? "")?.[1];
  }

  /** Calls `listener` for every message, and `wake` whenever some may have been missed. Must not throw. */
  listen(channel: string, listener: (message: string) => void, wake: () => void): void {
    this.#wakes.add(wake);
    const attempt = (): void => {
      if (this.#closed) return;
      // Once done it is renewed with every connection.
      this.#messages.subscribe(channel, listener).then(wake, () => {
        if (this.#closed) return;
        const timer = setTimeout(() => {
          this.#retries.delete(timer);
          attempt();
        }, RESUBSCRIBE_MS);
        this.#retries.add(timer);
      });
    };
    attempt();
  }

  /** Again: nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#up = false;
    for (const timer of this.#retries) clearTimeout(timer);
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
    if (this.#closed) {
      throw new StoreError("closed", "The store was used after it had been closed", {
        remedy: "This is a fault of Signet.",
      });
    }
    const place = this.#commands.placeOf(key);
    const away = this.#away.get(place);
    if (away !== undefined && performance.now() < away.askAgainAtMs) return this.#fail(new Error(away.cause));
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
      if (isAnswer(fault)) throw explain(fault);
      this.#sayDown(fault);
      const away: Away = { key, cause: this.#lastFault, askAgainAtMs: 0 };
      if (!this.#closed) this.#away.set(place, away);
      if (asked !== undefined && fault instanceof LateError) this.#keepSilent(asked, place, away);
      return this.#fail(fault);
    } finally {
      onTime?.();
    }
  }

  /**
   * Nobody there is asked before a late answer is there, or its connection is given up: who asked on would keep a connection
   * from being found silent that nobody is at any more, for as long as the system tries to send.
   */
  #keepSilent(asked: Promise<unknown>, place: string, away: Away): void {
    // Or longer than anybody who is there is silent: then something else is wrong.
    away.askAgainAtMs = performance.now() + 2 * this.#silenceMs;
    asked.then(() => this.#sayUp(place), (fault) => isAnswer(fault) ? this.#sayUp(place) : away.askAgainAtMs = 0);
  }

  #fail(fault: unknown): never {
    this.failures++;
    throw new StoreError("io", `The shared store did not answer: ${(fault as Error)?.message ?? fault}`, {
      remedy: "See whether it runs, and can be reached from here.",
      cause: fault,
    });
  }

  #noteReady(place: string | undefined): void {
    if (place === undefined) return this.#sayUp();
    const away = this.#away.get(place);
    if (away === undefined) return;
    away.askAgainAtMs = 0;
    // Whoever needs something there may not come for long, and until then the store would be said not to answer.
    const { key } = away;
    this.#ask(key, () => this.#commands.send(key, ["PING"])).catch(ignoreStoreError);
  }

  /** @param place that has answered; undefined: all there is can be asked */
  #sayUp(place?: string): void {
    if (this.#closed) return;
    if (place === undefined) this.#away.clear();
    else this.#away.delete(place);
    // Whoever has lost its keys to another place is asked for nothing more.
    for (const [at, { key }] of this.#away) if (this.#commands.placeOf(key) !== at) this.#away.delete(at);
    if (this.#up || this.#away.size > 0) return;
    this.#up = true;
    this.#options.onChange?.(true, this.#lastFault);
    this.#wake();
  }

  #sayDown(fault: unknown): void {
    if (this.#closed) return;
    this.#noteFault(fault);
    if (!this.#up) return;
    this.#up = false;
    this.#options.onChange?.(false, this.#lastFault);
  }

  #noteFault(fault: unknown): void {
    const cause = causeOf(fault);
    // Why it is offline has been said before.
    if (!/offline|client is closed/i.test(cause)) this.#lastFault = cause;
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
  }
}

class LateError extends Error {
  constructor(timeoutMs: number) {
    super(`found no answer within ${timeoutMs} ms`);
  }
}

/** Whether the store has answered, and said no: it is there. */
function isAnswer(fault: unknown): fault is Error {
  return fault instanceof Error && /^[A-Z]{2,}[A-Z0-9]* /.test(fault.message) &&
    !/^(LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|READONLY) /.test(fault.message);
}

function explain(fault: Error): StoreError {
  const word = fault.message.split(" ")[0]!;
  if (word === "OOM") {
    return new StoreError("full", "The shared store has no memory left", {
      remedy: "Give it more: nothing of Signet's may be evicted (maxmemory-policy noeviction).",
      cause: fault,
    });
  }
  const remedy = ["NOAUTH", "WRONGPASS", "NOPERM"].includes(word)
    ? "Name its user in --store and its password in --store-password-file; the user needs its keys, its channel and scripts."
    : "See its own log.";
  return new StoreError("io", `The shared store refused: ${word}`, { remedy, cause: fault });
}

/** Fit for the log: a library's words may name the address, which is the operator's own, but no command is quoted. */
function causeOf(fault: unknown): string {
  const { code, message } = fault as { code?: unknown; message?: unknown };
  const certificate = certificateWords(fault);
  if (certificate !== undefined) return `${certificate} (--store-ca-file)`;
  return String(code ?? message ?? fault).slice(0, 200);
}

/** What the store answers, as text. */
export function textOf(answer: unknown): string | undefined {
  if (answer === null || answer === undefined) return undefined;
  return Buffer.isBuffer(answer) ? answer.toString() : String(answer);
}
