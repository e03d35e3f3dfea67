// HTTP/1.1 on the runtime that the executable is made with: the engine's unit tests, the differential against llhttp, torn
// delivery, smuggling over real sockets and server and pool back to back, as they are, on Bun.
import { needingBun, runTestsOnBun, testFilesIn } from "../support/on_bun.ts";

/** Of what cannot run there, why; what else stands in these files runs, without a list that somebody has to think of. */
const WITHOUT: ReadonlyMap<string, string> = new Map();

const files = [
  ...await testFilesIn("tests/unit/http1"),
  ...["http1_known_heads", "http1_llhttp", "http1_torn"].map((name) => `tests/property/${name}_test.ts`),
  ...["http1_pass_through", "http1_smuggling", "http1_smuggling_wire"].map((name) => `tests/contract/${name}_test.ts`),
];

Deno.test(
  "HTTP/1.1 keeps its contract on Bun",
  needingBun("HTTP/1.1"),
  (t) => runTestsOnBun(t, files, { deadlineMs: 240_000, without: WITHOUT }),
);
