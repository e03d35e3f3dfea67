// What is asked of a shared store about revocations, each as one atomic step: when they end, cut-offs, and the log of them, which
// is the truth that replicas read on (docs/behaviour.md L6, R4, R6).
import { BEHIND_MS } from "../purge_clock.ts";
import { IF_TAKES_WRITES, MOST_OF_LIST, Script, TAKES_WRITES } from "./script.ts";

/** Changes that can be read back. */
export const MOST_LOGGED: number = 10_000;
/** A revocation names an owner or a session, and has some hundred characters when it is sealed. */
const MOST_OF_ENTRY = 4096;
/** Purged in one go: a script holds up everybody else. */
export const PURGED_AT_ONCE: number = 1000;

/** How long it is known since when a store is there, while nobody asks. */
const KNOWN_SINCE_MS = 30 * 60_000;

/**
 * Since when the store is there, in ms, and what time it is, both by its own clock. Where nobody has said so yet it has just
 * begun, or lost all it had: whoever knows of revocations hears of it, and tells it again. 0 where it has some all the same, as
 * from a Signet that did not say so, or one that had evicted this alone.
 */
const SINCE = `
local function since(key, last, channel)
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  local found = tonumber(redis.call('GET', key) or '')
  if found and found <= now then return found, now end
  found = redis.call('EXISTS', last) == 1 and 0 or now
  local said = redis.pcall('SET', key, string.format('%.0f', found), 'PX', ${KNOWN_SINCE_MS})
  if said.ok then redis.call('PUBLISH', channel, '0') end
  return found, now
end`;

/**
 * KEYS until, cut-offs, log, last, since, none. ARGV member, untilMs, beforeMs or "", entry, ttlMs, channel, most logged.
 * What is refused in the middle stays written: the log first, or it would be no news when it is written again, and nobody
 * would hear of it who has the session in memory.
 * An entry's number is the store's time in microseconds, and goes back only if the store has lost all it had and another
 * clock, or one that was set back, goes on: who has read further then begins anew. Answers it; 0 if all was there before.
 */
export const ADD: Script = new Script(`${SINCE}
local lasts = tonumber(ARGV[2]) > tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '-1')
local cuts = ARGV[3] ~= '' and tonumber(ARGV[3]) > tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '-1')
if not lasts and not cuts then
  -- Not before: a script that has begun to write is not refused for want of memory any more.
  ${IF_TAKES_WRITES}
  return 0
end
local _, now = since(KEYS[5], KEYS[4], ARGV[6])
local time = redis.call('TIME')
local number = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = tonumber(redis.call('GET', KEYS[4]) or '0')
local top = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
if top then last = math.max(last, tonumber(string.match(top[1], '^%d+'))) end
if number <= last then number = last + 1 end
local text = string.format('%.0f', number)
redis.call('SET', KEYS[4], text)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[7], text .. '-0', 'r', ARGV[4])
if cuts then redis.call('HSET', KEYS[2], ARGV[1], ARGV[3]) end
if lasts then redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) end
-- By both clocks, since either may be ahead.
local ttl = math.max(tonumber(ARGV[5]), tonumber(ARGV[2]) - now + ${2 * BEHIND_MS})
for i = 1, 4 do
  if redis.call('PTTL', KEYS[i]) < ttl then redis.call('PEXPIRE', KEYS[i], string.format('%.0f', ttl)) end
end
redis.call('PUBLISH', ARGV[6], text)
return text`);

/**
 * KEYS until, cut-offs. ARGV untilMs, how many. By the store's clock where a replica's is ahead: what it purges is gone
 * for all.
 */
export const PURGE: Script = new Script(`
local time = redis.call('TIME')
local past = math.min(tonumber(ARGV[1]), tonumber(time[1]) * 1000)
local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', past), 'LIMIT', 0, ARGV[2])
for _, member in ipairs(over) do
  redis.call('ZREM', KEYS[1], member)
  redis.call('HDEL', KEYS[2], member)
end
return #over`);

/**
 * KEYS until, cut-offs, last, since, none. ARGV session, owner, all, channel, settlingMs. The last of what it answers is since
 * when the store is there, while that is not long enough for others to have told it again what it may have lost.
 */
export const FIND: Script = new Script(`${IF_TAKES_WRITES}
${SINCE}
local begun, now = since(KEYS[4], KEYS[3], ARGV[4])
return {redis.call('HGET', KEYS[2], ARGV[3]) or '', redis.call('HGET', KEYS[2], ARGV[2]) or '',
  redis.call('ZSCORE', KEYS[1], ARGV[1]) or '',
  now - begun < tonumber(ARGV[5]) and string.format('%.0f', begun) or ''}`);

/**
 * KEYS until, cut-offs, log, last, since, none. ARGV the first that is new, how many of those, one that has to be there, channel.
 * Of an entry that is longer than any that is written here, nothing: it keeps nobody from hearing the next one.
 */
export const CHANGES: Script = new Script(
  `${TAKES_WRITES}
${SINCE}
local isMaster = takesWrites()
if isMaster then
  since(KEYS[5], KEYS[4], ARGV[4])
  if redis.call('PTTL', KEYS[5]) < ${KNOWN_SINCE_MS / 2} then redis.call('PEXPIRE', KEYS[5], ${KNOWN_SINCE_MS}) end
end
local function briefly(entries)
  for _, entry in ipairs(entries) do
    local fields = entry[2]
    local sealed = fields[2] or ''
    entry[2] = {'', #sealed > ${MOST_OF_ENTRY} and '' or sealed}
  end
  return entries
end
return {
  briefly(redis.call('XRANGE', KEYS[3], ARGV[1], '+', 'COUNT', ARGV[2])),
  briefly(redis.call('XRANGE', KEYS[3], ARGV[3], ARGV[3])),
  briefly(redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 1)),
  redis.call('XLEN', KEYS[3]),
  redis.call('GET', KEYS[4]) or '0',
  redis.call('EXISTS', KEYS[1]),
  redis.call('EXISTS', KEYS[2]),
  briefly(redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)),
  isMaster and 1 or 0
}`,
  MOST_OF_LIST,
);
