import assert from "node:assert/strict";
import { Sampler } from "../../../lib/telemetry/sampler.ts";
import { parseTraceparent } from "../../../lib/telemetry/trace_context.ts";
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
        if (!sampler.rolls(next)) continue;
        const traceId = sampler.rootId(ids(next)());
        begun++;
        assert.match(traceId, /^[0-9a-f]{32}$/);
        assert.ok(sampler.follows(parent(false, traceId)), traceId);
      }
      assert.ok(Math.abs(begun / 50_000 - ratio) < 0.01, `${ratio}: found ${begun} of 50000`);
    }
  },
);

Deno.test("nothing is begun at 0, everything at 1, whatever the dice say", STRICT, () => {
  assert.equal(new Sampler({ name: "traceidratio", ratio: 0 }).rolls(() => 0), false);
  assert.equal(new Sampler({ name: "always_off", ratio: 1 }).rolls(() => 0), false);
  const always = new Sampler({ name: "parentbased_always_on", ratio: 0 });
  assert.equal(always.rolls(() => 0.999999), true);
  assert.equal(always.rootId("1".repeat(32)), "1".repeat(32));
});

Deno.test("what passes at a glance is what its parent did not sample", STRICT, () => {
  const heeding = new Sampler({ name: "parentbased_traceidratio", ratio: 0.5 });
  const deciding = new Sampler({ name: "traceidratio", ratio: 0.5 });
  for (let flags = 0; flags < 256; flags++) {
    const text = `00-${"a".repeat(32)}-${"b".repeat(16)}-${flags.toString(16).padStart(2, "0")}`;
    assert.equal(heeding.passes(text), !parseTraceparent(text)!.sampled, text);
    assert.equal(deciding.passes(text), false);
  }
  for (const text of ["", "00-", `cc-${"a".repeat(52)}`, "x".repeat(55), `00-${"a".repeat(53)}`]) {
    assert.equal(heeding.passes(text), false, "looked at more closely");
  }
});
