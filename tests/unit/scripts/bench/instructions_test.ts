// What `perf stat -x,` prints, read: a sum where all is counted, nothing where the machine does not count.
import assert from "node:assert/strict";
import { countIn } from "../../../../scripts/bench/instructions.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test(
  "countIn sums what was counted, and says so where an event is not counted or the report is empty",
  STRICT,
  () => {
    const head = "# started on Wed Nov 25 23:30:00 2026\n\n";
    assert.equal(countIn(`${head}1200,,instructions:u,99,100.00,,\n800,,instructions:k,99,100.00,,\n`), 2000);
    assert.equal(
      countIn(`${head}1200,,instructions:u,99,100.00,,\n<not supported>,,instructions:k,0,100.00,,\n`),
      undefined,
    );
    assert.equal(countIn(`${head}<not counted>,,instructions:u,0,0.00,,\n`), undefined);
    assert.equal(countIn(head), undefined);
  },
);
