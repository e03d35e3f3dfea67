// What is asked of a shared store about records of session tokens, each as one atomic step (docs/behaviour.md T1–T3).
import { ENDED_KEPT_MS } from "../purge_clock.ts";
import { IF_TAKES_WRITES, MOST_OF_LIST, Script } from "./script.ts";

export const PURGED_AT_ONCE: number = 1000;
/** Of one agent, likewise; there may be a million. */
export const REMOVED_AT_ONCE: number = 1000;
/** Of one agent there may be more than one answer holds. */
export const SCANNED_AT_ONCE: number = 10_000;
/** A record begins with its agent's digest. */
export const AGENT_CHARACTERS: number = 22;

/**
 * KEYS records, expiries, all ids. ARGV nowS, before agents' keys. A record is its agent's digest, 22 characters, and JSON.
 * By the store's clock where a replica's is ahead: what one purges is gone for all. An agent's own key only counts: where it
 * is somebody else's, that holds nobody up.
 */
const purgeExpired = (keptS: number) => `
local now = math.min(tonumber(ARGV[1]), tonumber(redis.call('TIME')[1]))
local past = now - ${keptS}
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', past, 'LIMIT', 0, ${PURGED_AT_ONCE})
for _, sid in ipairs(over) do
  local record = redis.call('HGET', KEYS[1], sid)
  redis.call('HDEL', KEYS[1], sid)
  redis.call('ZREM', KEYS[2], sid)
  redis.call('ZREM', KEYS[3], sid)
  if record then redis.pcall('ZREM', ARGV[2] .. string.sub(record, 1, ${AGENT_CHARACTERS}), sid) end
end
`;
export const PURGE: Script = new Script(`${purgeExpired(0)} return #over`);
/** KEYS … agent. ARGV … sid, expiresAtS, record, limit, ttlMs. Answers inserted (2: there is such an id), live. */
export const INSERT: Script = new Script(`${purgeExpired(ENDED_KEPT_MS / 1000)}
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', past)
local live = redis.call('ZCOUNT', KEYS[4], '(' .. now, '+inf')
if live >= tonumber(ARGV[6]) then return {0, live} end
if redis.call('HEXISTS', KEYS[1], ARGV[3]) == 1 then return {2, live} end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
redis.call('ZADD', KEYS[3], 0, ARGV[3])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[3])
for i = 1, 4 do
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[7]) then redis.call('PEXPIRE', KEYS[i], ARGV[7]) end
end
return {1, live + 1}`);
/** KEYS records, none. ARGV sid. */
export const GET: Script = new Script(`${IF_TAKES_WRITES}
return redis.call('HGET', KEYS[1], ARGV[1])`);
/** KEYS records, expiries, all ids, none. ARGV before agents' keys, sids. Answers how many there were. */
export const REMOVE: Script = new Script(`${IF_TAKES_WRITES}
local removed = 0
for i = 2, #ARGV do
  local record = redis.call('HGET', KEYS[1], ARGV[i])
  if record then
    redis.call('HDEL', KEYS[1], ARGV[i])
    redis.pcall('ZREM', ARGV[1] .. string.sub(record, 1, ${AGENT_CHARACTERS}), ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
    redis.call('ZREM', KEYS[3], ARGV[i])
    removed = removed + 1
  end
end
return removed`);
/**
 * KEYS records, expiries, all ids, agent, none. ARGV nowS. Some of the agent's; answers them, and how many of those were
 * live.
 */
export const REMOVE_OF_AGENT: Script = new Script(`${IF_TAKES_WRITES}
local over = redis.call('ZRANGE', KEYS[4], 0, ${REMOVED_AT_ONCE - 1}, 'WITHSCORES')
local live = 0
local removed = {}
for i = 1, #over, 2 do
  removed[#removed + 1] = over[i]
  redis.call('HDEL', KEYS[1], over[i])
  redis.call('ZREM', KEYS[2], over[i])
  redis.call('ZREM', KEYS[3], over[i])
  redis.call('ZREM', KEYS[4], over[i])
  if tonumber(over[i + 1]) > tonumber(ARGV[1]) then live = live + 1 end
end
return {removed, live}`);
/**
 * KEYS records, expiries, all ids, none. ARGV cursor, the agent's digest, nowS. Answers the next cursor, the agent's, and
 * how many were live.
 */
export const REMOVE_UNLISTED: Script = new Script(
  `${IF_TAKES_WRITES}
local scanned = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ${SCANNED_AT_ONCE})
local live = 0
local removed = {}
for i = 1, #scanned[2], 2 do
  local sid = scanned[2][i]
  if string.sub(scanned[2][i + 1], 1, ${AGENT_CHARACTERS}) == ARGV[2] then
    if tonumber(redis.call('ZSCORE', KEYS[2], sid) or 'inf') > tonumber(ARGV[3]) then live = live + 1 end
    removed[#removed + 1] = sid
    redis.call('HDEL', KEYS[1], sid)
    redis.call('ZREM', KEYS[2], sid)
    redis.call('ZREM', KEYS[3], sid)
  end
end
return {scanned[1], removed, live}`,
  MOST_OF_LIST,
);
