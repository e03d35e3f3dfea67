// Rates counted for all replicas, by the store's clock, all buckets of a request in one script (docs/behaviour.md G5).
// A bucket is what was taken and has not come back, and when that was: small whole numbers, whatever the time of day. It
// is forgotten when it is full again.
import { decidesOver, exactly, judgeTake, type RateOutcome, type RateStore, type RateTake } from "../rates.ts";
import { digestOf } from "./digest.ts";
import { listIn, numberIn } from "./redis_answer.ts";
import type { RedisLink } from "./redis_link.ts";
import { Script } from "./script.ts";

/**
 * KEYS buckets. ARGV for each scale, burst in units, what has to be there in units, what of it is taken.
 * Answers for each what was out before: in units, which come back at `scale` a ms.
 */
const TAKE = new Script(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local out, allowed = {}, true
for i = 1, #KEYS do
  local scale, burst, cost = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1])
  local at, taken = string.match(redis.call('GET', KEYS[i]) or '', '^(%d+):(%d+)$')
  local left = 0
  -- Of a clock that has been set back since: nothing would come back until it is there again.
  if at and tonumber(at) > now + 1000 then
    at = now
    redis.call('SET', KEYS[i], string.format('%.0f:%s', now, taken), 'PX', string.format('%.0f', math.ceil(tonumber(taken) / scale) + 1))
  end
  if at then left = math.min(burst, math.max(0, tonumber(taken) - math.max(0, now - tonumber(at)) * scale)) end
  out[i] = left
  if left + cost > burst then allowed = false end
end
local answer = {}
for i = 1, #KEYS do
  answer[i] = string.format('%.0f', out[i])
  local scale, takes = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i])
  if allowed and takes > 0 then
    local taken = out[i] + takes
    redis.call('SET', KEYS[i], string.format('%.0f:%.0f', now, taken), 'PX', string.format('%.0f', math.ceil(taken / scale) + 1))
  end
end
return answer`);

export class RedisRates implements RateStore {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async take(takes: readonly RateTake[]): Promise<RateOutcome> {
    const exact = takes.map(({ rate }) => exactly(rate));
    const keys = takes.map(({ rate, key }) => `{${this.#link.prefix}:rates}:${digestOf(`${rate.id}\n${key}`)}`);
    const args = takes.flatMap(({ cost, stays }, i) => {
      const { scale, burst, per } = exact[i]!;
      return [scale, burst, cost * per, stays ? 0 : cost * per];
    });
    const taken = listIn(await this.#link.script(TAKE, keys, args), keys.length).map(numberIn);
    let decided: RateOutcome | undefined;
    for (const [at, { cost }] of takes.entries()) {
      const outcome = judgeTake(exact[at]!, { fullAt: taken[at]!, now: 0, cost });
      if (decided === undefined || decidesOver(outcome, decided)) decided = { ...outcome, at };
    }
    if (decided === undefined) throw new RangeError("taking from rates: found none, want at least one");
    return decided;
  }
}
