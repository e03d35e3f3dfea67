import assert from "node:assert/strict";
import { DURATION_BOUNDS, ExchangeCounts } from "../../../lib/gateway/exchange_counts.ts";
import { methodNumber } from "../../../lib/mcp/messages/methods.ts";
import { STRICT } from "../../support/strict.ts";

Deno.test("requests are counted by method and status, unusual statuses by their class", STRICT, () => {
  const counts = new ExchangeCounts();
  const call = methodNumber("tools/call");
  for (const status of [200, 200, 418, 299, 0, 999]) counts.count(call, status, 0.003);
  counts.count(methodNumber("ping"), 200, 4000);
  assert.deepEqual(
    new Map(counts.samples().map(([labels, n]) => [labels.join(" "), n])),
    new Map([
      ["ping 200", 1],
      ["tools/call 200", 2],
      ["tools/call 2xx", 1],
      ["tools/call 4xx", 1],
      ["tools/call cut", 2],
    ]),
  );
});

Deno.test("durations of a method are those of all its statuses together", STRICT, () => {
  const counts = new ExchangeCounts();
  const call = methodNumber("tools/call");
  counts.count(call, 200, 0.003);
  counts.count(call, 502, 0.003);
  counts.count(call, 502, 1000);
  const [[labels, { counts: buckets, sum }]] = counts.durations() as [ReturnType<ExchangeCounts["durations"]>[0]];
  assert.deepEqual(labels, ["tools/call"]);
  assert.equal(buckets[DURATION_BOUNDS.indexOf(0.005)], 2);
  assert.equal(buckets.at(-1), 1);
  assert.equal(sum.toFixed(3), "1000.006");
});
