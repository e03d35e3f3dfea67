// What is asked of a shared store as one atomic step, and how long its answer may be: whoever writes there could leave 512 MB
// under a key, which each replica would read whole for each that asks (docs/behaviour.md M6, R6).
import { createHash } from "../../platform/runtime/builtin.ts";

/** A text that is sealed has at most 96 KiB, and no answer holds more than one. */
const MOST_BYTES = 128 * 1024;
/** A page of a list: a thousand of what is written here, at its longest. */
export const MOST_OF_LIST: number = 8 * 1024 * 1024;

/** Counted before anything of it is sent, behind the question's own name, which comes as the last word. */
const SIZE_OF = `
local function sizeOf(answer)
  if type(answer) == 'string' then return #answer end
  local size = 8
  if type(answer) == 'table' then for _, part in pairs(answer) do size = size + sizeOf(part) end end
  return size
end`;

/** A Lua script, sent by its digest. It answers its question's name and the answer; beyond its bound an error in its place. */
export class Script {
  readonly text: string;
  readonly sha1: string;

  /** @param mostBytes of its answer */
  constructor(text: string, mostBytes: number = MOST_BYTES) {
    this.text = `${SIZE_OF}
local question = table.remove(ARGV)
local function asked()
${text}
end
local answer = asked()
if sizeOf(answer) > ${mostBytes} then return redis.error_reply('TOOLONG found more than ${mostBytes} bytes') end
return {question, answer}`;
    this.sha1 = createHash("sha1").update(this.text).digest("hex");
  }
}

/**
 * Whether who answers takes writes: who does not is a replica, or was the master once, and may not know what has been revoked
 * since. The last of KEYS is never there. Whatever else keeps it from writing (its disk, too few replicas) is no such sign.
 */
export const TAKES_WRITES = `
local function takesWrites()
  local taken = redis.pcall('DEL', KEYS[#KEYS])
  return type(taken) ~= 'table' or not string.find(taken.err or '', 'READONLY', 1, true)
end`;
/** Only from who takes writes: else it is refused, in the store's own words. */
export const IF_TAKES_WRITES = `${TAKES_WRITES}
if not takesWrites() then redis.call('DEL', KEYS[#KEYS]) end`;

/** KEYS key. ARGV command, words behind the key. */
const READ = "return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))";

/** Any command that answers with what somebody has written. */
export const READ_TEXT: Script = new Script(READ);
export const READ_LIST: Script = new Script(READ, MOST_OF_LIST);
