import assert from "node:assert/strict";
import { LEAST_RATE, Patience } from "../../../../lib/http1/wire/deadline.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test(
  "patience lasts for the time-out at first, and in all for that and what has come at the least rate",
  STRICT,
  () => {
    const patience = new Patience();
    assert.equal(patience.begin(0, 100, 0), 100);
    patience.end(60);
    assert.equal(patience.begin(60, 100, 1), 60 + 40 + 1 / LEAST_RATE);
    patience.end(90);
    assert.equal(patience.begin(90, 100, 1000 * LEAST_RATE), 190, "no pause is longer than the time-out");
  },
);

Deno.test("patience is not spent while nobody waits", STRICT, () => {
  const patience = new Patience();
  patience.begin(0, 100, 0);
  patience.end(10);
  assert.equal(patience.begin(10_000, 100, 0), 10_090);
});
