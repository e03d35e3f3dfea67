import assert from "node:assert/strict";
import { Resumption } from "../../../../lib/gateway/legacy/resumption.ts";
import { STRICT } from "../../../support/strict.ts";

const EVENT = { event: "message", data: "", id: undefined, retry: undefined };

Deno.test("B11: the rest of an answer is asked for behind its last event, as late as the server wants", STRICT, () => {
  const resumption = new Resumption();
  assert.equal(resumption.next(), undefined, "no event had an id");
  resumption.hear({ ...EVENT, id: "a" });
  assert.deepEqual(resumption.next(), { lastEventId: "a", afterMs: 1000 });
  resumption.hear({ ...EVENT, id: "b", retry: 5000 });
  assert.deepEqual(resumption.next(), { lastEventId: "b", afterMs: 5000 });
  resumption.hear({ ...EVENT, retry: 0 });
  resumption.hear({ ...EVENT, id: "c" });
  assert.deepEqual(resumption.next(), { lastEventId: "c", afterMs: 100 });
});

Deno.test("B11: streams that end where they began are asked for later each time, and six times at most", STRICT, () => {
  const resumption = new Resumption();
  resumption.hear({ ...EVENT, id: "a", retry: 10_000 });
  const waits = [];
  for (let next = resumption.next(); next !== undefined; next = resumption.next()) {
    waits.push(next.afterMs);
    resumption.hear({ ...EVENT, id: "a" });
  }
  assert.deepEqual(waits, [10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
});

Deno.test("B11: behind an id that no field can carry nothing is asked for", STRICT, () => {
  const resumption = new Resumption();
  resumption.hear({ ...EVENT, id: "a" });
  resumption.hear({ ...EVENT, id: "place-→" });
  assert.equal(resumption.next(), undefined);
});
