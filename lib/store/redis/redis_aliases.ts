// Where sessions went that were opened again, which of them stateless clients share, and whose turn it is to open one
// (docs/behaviour.md L4, R1, S3). What is kept is sealed by whoever sets it; each key dies with its session.
import type { AliasStore, Replacement } from "../shared.ts";
import { digestOf } from "./digest.ts";
import { numberIn, strangeAnswer, textIn } from "./redis_answer.ts";
import type { RedisLink } from "./redis_link.ts";
import { READ_TEXT, Script } from "./script.ts";

/**
 * KEYS turn. ARGV holder, ttlMs. No turn lasts longer from now on, or one whose holder has died would if the clock is set
 * back.
 */
const TAKE_TURN = new Script(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`);
/** KEYS turn. ARGV holder. */
const GIVE_BACK = new Script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`);
/** KEYS text. ARGV before ('': none), text, ttlMs. */
const REPLACE = new Script(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`);
/** KEYS text. ARGV text, ttlMs. */
const TOUCH = new Script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`);
/** KEYS text. ARGV text, leftMs. Answers 0 if it stays, being used by others. */
const REMOVE_UNUSED = new Script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 1 end
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
return 1`);

/** What the texts are about: the names of keys, and of the channel where those that are set are told. */
export interface AliasNames {
  readonly text: string;
  readonly turn: string;
  readonly channel: string;
}

export const MOVED: AliasNames = { text: "alias", turn: "turn", channel: "moved" };
export const POOLED: AliasNames = { text: "pool", turn: "pool-turn", channel: "pooled" };

export class RedisAliases implements AliasStore {
  readonly #link: RedisLink;
  readonly #names: AliasNames;

  constructor(link: RedisLink, names: AliasNames) {
    this.#link = link;
    this.#names = names;
  }

  async get(sid: string): Promise<string | undefined> {
    return textIn(await this.#link.script(READ_TEXT, [this.#textOf(sid)], ["GET"]));
  }

  async replace(sid: string, { before = "", text, ttlMs }: Replacement): Promise<boolean> {
    const isDone = numberIn(await this.#link.script(REPLACE, [this.#textOf(sid)], [before, text, whole(ttlMs)])) === 1;
    if (isDone) await this.#link.command(this.#channel, "PUBLISH", text);
    return isDone;
  }

  async remove(sid: string): Promise<void> {
    await this.#link.command(this.#textOf(sid), "DEL");
  }

  async touch(sid: string, text: string, ttlMs: number): Promise<boolean> {
    return numberIn(await this.#link.script(TOUCH, [this.#textOf(sid)], [text, whole(ttlMs)])) === 1;
  }

  async removeUnused(sid: string, text: string, leftMs: number): Promise<boolean> {
    return numberIn(await this.#link.script(REMOVE_UNUSED, [this.#textOf(sid)], [text, whole(leftMs)])) === 1;
  }

  async takeTurn(sid: string, holder: string, ttlMs: number): Promise<boolean> {
    const answer = numberIn(await this.#link.script(TAKE_TURN, [this.#turnOf(sid)], [holder, whole(ttlMs)]));
    // Whoever took anything else for a turn of another's would wait for its end.
    if (answer !== 0 && answer !== 1) throw strangeAnswer();
    return answer === 1;
  }

  async giveTurnBack(sid: string, holder: string): Promise<void> {
    await this.#link.script(GIVE_BACK, [this.#turnOf(sid)], [holder]);
  }

  watch(listener: (text: string) => void): void {
    this.#link.listen(this.#channel, listener, () => {});
  }

  get #channel(): string {
    return `${this.#link.prefix}:${this.#names.channel}`;
  }

  #textOf(sid: string): string {
    return `${this.#link.prefix}:${this.#names.text}:${digestOf(sid)}`;
  }

  #turnOf(sid: string): string {
    return `${this.#link.prefix}:${this.#names.turn}:${digestOf(sid)}`;
  }
}

function whole(ms: number): string {
  return String(Math.max(1, Math.ceil(ms)));
}
