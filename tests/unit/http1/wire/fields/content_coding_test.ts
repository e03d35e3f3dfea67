// A coding is found in whatever lines it stands, and what is none of them is none.
import assert from "node:assert/strict";
import { contentCoding } from "../../../../../lib/http1/wire/fields/content_coding.ts";

const CASES: readonly (readonly [lines: readonly string[], coding: string | undefined])[] = [
  [[], undefined],
  [[""], undefined],
  [["Identity"], undefined],
  [["identity", " "], undefined],
  [["GZip "], "gzip"],
  [["identity", "gzip"], "gzip"],
  [["gzip", "identity"], "gzip"],
  [["gzip, identity"], "gzip"],
  [["gzip", "br"], "gzip, br"],
  [["gzip,gzip"], "gzip, gzip"],
];

for (const [lines, coding] of CASES) {
  Deno.test(`contentCoding of ${JSON.stringify(lines)} is ${coding ?? "none"}`, () => {
    const fields = ["content-type", "text/plain", ...lines.flatMap((line) => ["content-encoding", line])];
    assert.equal(contentCoding(fields), coding);
  });
}
