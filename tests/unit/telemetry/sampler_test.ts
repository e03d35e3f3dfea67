import assert from "node:assert/strict";
import { Sampler } from "../../../lib/telemetry/sampler.ts";
import { STRICT } from "../../support/strict.ts";

/** Repeatable: a 32-bit xorshift. */
function dice(seed = 1): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function ids(next: () => number): () => string {
  return () => Array.from({ length: 8 }, () => Math.floor(next() * 65536).toString(16).padStart(4, "0")).join("");
}

const parent = (sampled: boolean, traceId = "f".repeat(32)) => ({ traceId, spanId: "1".repeat(16), sampled });

Deno.test("a sampler that heeds its parent does as that one did", STRICT, () => {
  for (const name of ["parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"]) {
    const sampler = new Sampler({ name, ratio: 0.5 });
    assert.equal(sampler.follows(parent(true)), true);
    assert.equal(sampler.follows(parent(false)), false);
  }
});

Deno.test("one that does not heed it decides by itself", STRICT, () => {
  assert.equal(new Sampler({ name: "always_on", ratio: 1 }).follows(parent(false)), true);
  assert.equal(new Sampler({ name: "always_off", ratio: 1 }).follows(parent(true)), false);
  const half = new Sampler({ name: "traceidratio", ratio: 0.5 });
  assert.equal(half.follows(parent(false, "f".repeat(32))), true);
  assert.equal(half.follows(parent(true, "0".repeat(31) + "1")), false);
});

Deno.test(
  "of requests without a parent the ratio is traced, with ids that the same ratio takes elsewhere",
  STRICT,
  () => {
    for (const ratio of [0.01, 0.1, 0.5]) {
      const next = dice();
      const sampler = new Sampler({ name: "traceidratio", ratio });
      let begun = 0;
      for (let i = 0; i < 50_000; i++) {
        const traceId = sampler.begin(next, ids(next));
        if (traceId === undefined) continue;
        begun++;
        assert.match(traceId, /^[0-9a-f]{32}$/);
        assert.ok(sampler.follows(parent(false, traceId)), traceId);
      }
      assert.ok(Math.abs(begun / 50_000 - ratio) < 0.01, `${ratio}: found ${begun} of 50000`);
    }
  },
);

Deno.test("nothing is begun at 0, everything at 1, whatever the dice say", STRICT, () => {
  const make = ids(dice());
  assert.equal(new Sampler({ name: "traceidratio", ratio: 0 }).begin(() => 0, make), undefined);
  assert.equal(new Sampler({ name: "always_off", ratio: 1 }).begin(() => 0, make), undefined);
  assert.ok(new Sampler({ name: "parentbased_always_on", ratio: 0 }).begin(() => 0.999999, make));
});
