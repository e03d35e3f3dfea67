// Steps that are taken together: all have come as far before the first goes on, nobody is lost, and none keeps the others.
import assert from "node:assert/strict";
import { Steps } from "../../../../lib/platform/time/steps.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("whoever comes alone goes on at once", STRICT, () => {
  const steps = new Steps();
  const log: string[] = [];
  steps.take({ go: () => void log.push("one") });
  assert.deepEqual(log, ["one"]);
});

Deno.test("whoever comes with others waits until all have come as far, and they go on in order, once", STRICT, () => {
  const steps = new Steps();
  const log: string[] = [];
  for (let round = 1; round <= 2; round++) {
    steps.begin();
    for (const name of ["a", "b", "c"]) steps.take({ go: () => void log.push(`${name}${round}`) });
    assert.equal(log.length, 3 * (round - 1));
    steps.end();
  }
  assert.deepEqual(log, ["a1", "b1", "c1", "a2", "b2", "c2"]);
});

Deno.test("who comes while the others go on does not wait", STRICT, () => {
  const steps = new Steps();
  const log: string[] = [];
  steps.begin();
  const go = () => steps.take({ go: () => void log.push("behind the first") });
  steps.take({ go });
  steps.take({ go: () => void log.push("second") });
  steps.end();
  assert.deepEqual(log, ["behind the first", "second"]);
});

Deno.test("what one throws is told, and the others go on", STRICT, () => {
  const faults: unknown[] = [];
  const steps = new Steps((fault) => void faults.push(fault));
  const log: string[] = [];
  const fault = new RangeError("a fault of the first");
  const fails = () => {
    throw fault;
  };
  steps.begin();
  steps.take({ go: fails });
  steps.take({ go: () => void log.push("second") });
  steps.end();
  assert.deepEqual([log, faults], [["second"], [fault]]);
});
