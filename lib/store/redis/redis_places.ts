// Places of sessions under their principal's cap, over all replicas and by the store's clock (docs/behaviour.md M1, M5,
// R5). One sorted set a principal: session → when it was last in use. Who dies simply stops using.
import type { Place, PlaceBounds, PlaceOutcome, PlaceStore } from "../shared.ts";
import { digestOf } from "./digest.ts";
import { listIn, numberIn } from "./redis_answer.ts";
import type { RedisLink } from "./redis_link.ts";
import { Script } from "./script.ts";

const NOW = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
`;
/**
 * Places of a clock that has been set back since, by more than it is corrected by again and again: nobody can tell how long
 * they have been unused, so they hold nobody up, one before the other as they were used. ARGV[3] is yieldAfterMs.
 */
const HEED = `
local ahead = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. (now + 1000), '+inf', 'WITHSCORES')
for i = 1, #ahead, 2 do
  redis.call('ZADD', KEYS[1], now - tonumber(ARGV[3]) - (tonumber(ahead[#ahead]) - tonumber(ahead[i + 1])), ahead[i])
end
`;
/**
 * KEYS places, yields. ARGV session, limit, yieldAfterMs, idleMs. Answers 1, or 0 and when one can be free.
 * No more give way within `idleMs` than there may be: what gives way is still open at its server (M5).
 */
const TAKE = new Script(`${NOW}${HEED}
local limit, idle = tonumber(ARGV[2]), tonumber(ARGV[4])
if redis.call('PTTL', KEYS[2]) > idle then redis.call('PEXPIRE', KEYS[2], idle) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - idle)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  local over = redis.call('ZCARD', KEYS[1]) - limit + 1
  if over > 0 then
    local oldest = redis.call('ZRANGE', KEYS[1], over - 1, over - 1, 'WITHSCORES')
    local free = tonumber(ARGV[3]) - (now - tonumber(oldest[2]))
    if free > 0 then return {0, free} end
    if tonumber(redis.call('GET', KEYS[2]) or '0') >= limit then return {0, math.max(1, redis.call('PTTL', KEYS[2]))} end
    if redis.call('INCR', KEYS[2]) == 1 then redis.call('PEXPIRE', KEYS[2], ARGV[4]) end
    redis.call('ZREMRANGEBYRANK', KEYS[1], 0, over - 1)
  end
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {1, 0}`);
/** KEYS places. ARGV limit, idleMs, yieldAfterMs, session … */
const TOUCH = new Script(`${NOW}${HEED}
for i = 4, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1])
if over > 0 then redis.call('ZREMRANGEBYRANK', KEYS[1], 0, over - 1) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`);
/** KEYS places. ARGV idleMs. */
const COUNT = new Script(`${NOW} return redis.call('ZCOUNT', KEYS[1], '(' .. (now - tonumber(ARGV[1])), '+inf')`);

/** Sessions in one script. */
const MOST_AT_ONCE = 500;

export class RedisPlaces implements PlaceStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async take({ principal, session }: Place, { limit, yieldAfterMs, idleMs }: PlaceBounds): Promise<PlaceOutcome> {
    const key = this.#keyOf(principal);
    const args = [digestOf(session), limit, yieldAfterMs, idleMs];
    const answer = listIn(await this.#link.script(TAKE, [key, `${key}:yields`], args), 2);
    const [taken, freeInMs] = answer.map(numberIn) as [number, number];
    return taken === 1 ? { taken: true } : { taken: false, freeInMs };
  }

  async touch(places: readonly Place[], { limit, idleMs, yieldAfterMs }: PlaceBounds): Promise<void> {
    const byPrincipal = Map.groupBy(places, ({ principal }) => principal);
    for (const [principal, ofOne] of byPrincipal) {
      for (let at = 0; at < ofOne.length; at += MOST_AT_ONCE) {
        const sessions = ofOne.slice(at, at + MOST_AT_ONCE).map(({ session }) => digestOf(session));
        await this.#link.script(TOUCH, [this.#keyOf(principal)], [limit, idleMs, yieldAfterMs, ...sessions]);
      }
    }
  }

  async release({ principal, session }: Place): Promise<void> {
    await this.#link.command(this.#keyOf(principal), "ZREM", digestOf(session));
  }

  async count(principal: string, idleMs: number): Promise<number> {
    return numberIn(await this.#link.script(COUNT, [this.#keyOf(principal)], [idleMs]));
  }

  #keyOf(principal: string): string {
    return `{${this.#link.prefix}:places:${digestOf(principal)}}`;
  }
}
