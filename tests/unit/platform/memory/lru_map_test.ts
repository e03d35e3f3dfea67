import { strict as assert } from "node:assert";
import { LruMap } from "../../../../lib/platform/memory/lru_map.ts";

const kept = (map: LruMap<number>) => ["a", "b", "c", "d"].filter((key) => map.has(key)).join("");

function filled(...keys: string[]): LruMap<number> {
  const map = new LruMap<number>({ max: 3 });
  keys.forEach((key, at) => map.set(key, at));
  return map;
}

Deno.test("LruMap lets go of what was asked for longest ago", () => {
  const map = filled("a", "b", "c");
  assert.equal(map.get("a"), 0);
  map.set("d", 3);
  assert.equal(kept(map), "acd");
  assert.equal(map.size, 3);
});

Deno.test("LruMap counts a new value as a use, and looking whether one is there as none", () => {
  const map = filled("a", "b", "c");
  map.set("a", 7);
  assert.ok(map.has("b"));
  map.set("d", 3);
  assert.equal(kept(map), "acd");
  assert.equal(map.get("a"), 7);
});

Deno.test("LruMap asked for the newest over and over keeps the order of the others", () => {
  const map = filled("a", "b", "c");
  for (let i = 0; i < 3; i++) map.get("c");
  map.delete("c");
  map.get("a");
  map.set("c", 1);
  map.set("d", 1);
  assert.equal(kept(map), "acd");
});

Deno.test("LruMap weighs what it holds, once, and keeps nothing that is heavier than all of it", () => {
  const evicted: string[] = [];
  const map = new LruMap<{ weight: number }>({
    maxWeight: 10,
    weigh: ({ weight }) => weight,
    onEvicted: (key) => evicted.push(key),
  });
  const growing = { weight: 4 };
  map.set("a", growing);
  map.set("b", { weight: 4 });
  growing.weight = 9;
  map.set("c", { weight: 3 });
  assert.deepEqual(evicted, ["a"]);
  map.set("b", { weight: 11 });
  assert.deepEqual(evicted, ["a", "b"]);
  assert.equal(map.size, 1);
  map.delete("c");
  map.set("d", { weight: 10 });
  assert.ok(map.has("d"));
  assert.deepEqual(evicted, ["a", "b"]);
});

Deno.test("LruMap tells nobody of what was deleted or replaced, and has a bound or is none", () => {
  const evicted: string[] = [];
  const map = new LruMap<number>({ max: 1, onEvicted: (key) => evicted.push(key) });
  map.set("a", 1);
  map.set("a", 2);
  assert.equal(map.delete("a"), true);
  assert.equal(map.delete("a"), false);
  assert.deepEqual(evicted, []);
  assert.throws(() => new LruMap({}), RangeError);
});

Deno.test("LruMap of no entries keeps nothing, whatever is set, and tells of it", () => {
  const evicted: string[] = [];
  const map = new LruMap<number>({ max: 0, onEvicted: (key) => evicted.push(key) });
  map.set("a", 1);
  map.set("a", 2);
  map.set("b", 3);
  assert.deepEqual([map.size, map.get("a"), map.delete("b"), evicted], [0, undefined, false, ["a", "a", "b"]]);
  const weightless = new LruMap<number>({ maxWeight: 0, weigh: (weight) => weight });
  weightless.set("a", 1);
  weightless.set("b", 0);
  assert.equal(kept(weightless), "b");
});

Deno.test("LruMap takes no bound that is none", () => {
  for (const bad of [{ max: -1 }, { max: NaN }, { max: 1.5 }, { maxWeight: -1 }, { max: 3, maxWeight: NaN }, {}]) {
    assert.throws(() => new LruMap(bad), RangeError);
  }
});
