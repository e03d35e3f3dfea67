// What clients bring back is sealed by native ciphers: on the runtime that the executable is made with they give the same
// texts, and refuse the same ones.
import { needingBun, runTestsOnBun } from "../support/on_bun.ts";

const files = [
  ...["aes_ctr", "carried_value", "hmac_sha256"].map((name) => `tests/unit/envelope/${name}_test.ts`),
  "tests/property/envelope_carried_test.ts",
];

Deno.test(
  "E1 S1: what clients bring back is sealed alike on Bun",
  needingBun("sealing what clients bring back"),
  (t) => runTestsOnBun(t, files, { deadlineMs: 60_000 }),
);
