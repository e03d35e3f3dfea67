import assert from "node:assert/strict";
import { slotOf } from "../../../../lib/store/redis/key_slot.ts";
import { STRICT } from "../../../support/strict.ts";

// As `CLUSTER KEYSLOT` of Redis 7 answers; the first is the specification's own (CRC 0x31C3).
const SLOTS: readonly (readonly [key: string, slot: number])[] = [
  ["123456789", 12739],
  ["", 0],
  ["foo", 12182],
  ["{user1000}.following", 3443],
  ["{user1000}.followers", 3443],
  ["foo{}{bar}", 8363],
  ["foo{{bar}}zap", 4015],
  ["foo{bar}{zap}", 5061],
  ["{signet:revoked}:log", 15851],
  ["über", 15496],
];

Deno.test("R6: a key is in the slot that the cluster has it in", STRICT, () => {
  for (const [key, slot] of SLOTS) assert.equal(slotOf(key), slot, key);
});
