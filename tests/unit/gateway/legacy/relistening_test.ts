import assert from "node:assert/strict";
import { Relistening } from "../../../../lib/gateway/legacy/relistening.ts";
import { STRICT } from "../../../support/strict.ts";

const EVENT = { event: "message", data: "", id: undefined, retry: undefined };

Deno.test(
  "B11: a stream is listened to again as late as its server wants, and later each time it is away",
  STRICT,
  () => {
    const relistening = new Relistening();
    const after = (status: number) => {
      relistening.answered(status, 0);
      return relistening.next();
    };
    relistening.hear({ ...EVENT, retry: 0 });
    assert.deepEqual([200, 200, 503, 502, 429, 200, 503].map(after), [1000, 1000, 1000, 2000, 4000, 1000, 1000]);
    relistening.hear({ ...EVENT, retry: 20_000 });
    assert.deepEqual([200, 503, 503, 503, 503].map(after), [20_000, 20_000, 40_000, 60_000, 60_000]);
    assert.equal(after(405), undefined);
  },
);

for (const status of [400, 404, 405, 500, 503]) {
  Deno.test(`B11: who has answered ${status} to who first listened has no stream`, STRICT, () => {
    const relistening = new Relistening();
    relistening.answered(status, 0);
    assert.equal(relistening.next(), undefined);
  });
}

Deno.test("B11: a place that is refused, or of a session before, is named no more", STRICT, () => {
  const relistening = new Relistening();
  relistening.answered(200, 0);
  relistening.hear({ ...EVENT, id: "a" });
  assert.equal(relistening.placeIn(0), "a");
  relistening.answered(400, 0);
  assert.equal(relistening.next(), 1000);
  assert.equal(relistening.placeIn(0), undefined);
  relistening.answered(200, 0);
  relistening.hear({ ...EVENT, id: "b" });
  assert.equal(relistening.placeIn(1), undefined);
});
