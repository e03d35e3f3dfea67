import assert from "node:assert/strict";
import {
  formatBytes,
  formatCount,
  formatRate,
  formatSeconds,
  observedSince,
  quantile,
} from "../../../../lib/cli/screen/status_numbers.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("a quantile lies between bounds in proportion, and beyond the last it is not known", STRICT, () => {
  const boundsS = [1, 2, 4];
  assert.equal(quantile({ boundsS, counts: [0, 0, 0, 0] }, 0.5), undefined);
  assert.equal(quantile({ boundsS, counts: [2, 2, 0, 0] }, 0.5), 1);
  assert.equal(quantile({ boundsS, counts: [0, 4, 0, 0] }, 0.5), 1.5);
  assert.equal(quantile({ boundsS, counts: [0, 0, 0, 3] }, 0.5), Infinity);
  assert.equal(quantile({ boundsS, counts: [99, 0, 0, 1] }, 0.99), 1);
});

Deno.test("what was observed since a look is the difference, unless the process is another", STRICT, () => {
  const now = { boundsS: [1], counts: [5, 1] };
  assert.deepEqual(observedSince(now, { boundsS: [1], counts: [3, 1] }).counts, [2, 0]);
  assert.deepEqual(observedSince(now, { boundsS: [1], counts: [9, 0] }).counts, [5, 1]);
  assert.deepEqual(observedSince(now, undefined).counts, [5, 1]);
});

Deno.test("numbers read as people write them", STRICT, () => {
  assert.deepEqual([0, 999, 1000, 1234567].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
  assert.deepEqual([[0, 1000], [7, 2000], [5000, 1000], [1, 0]].map(([n, ms]) => formatRate(n!, ms!)), [
    "0/s",
    "3.5/s",
    "5,000/s",
    "0/s",
  ]);
  assert.deepEqual([0.0005, 0.25, 2.5, 30, Infinity].map(formatSeconds), ["0.5ms", "250ms", "2.5s", "30s", "over 60s"]);
  assert.deepEqual([0, 1023, 1536, 1024 ** 3].map(formatBytes), ["0 B", "1023 B", "1.5 KiB", "1.0 GiB"]);
});
