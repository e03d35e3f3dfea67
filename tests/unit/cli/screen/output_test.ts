// P1: what commands print as JSON drives no terminal, and is read back as it was.
import assert from "node:assert/strict";
import { jsonLine } from "../../../../lib/cli/screen/output.ts";

Deno.test("P1: a line of JSON holds nothing that a terminal acts on, and says what it said", () => {
  const value = { name: "a\x9b31m\x85b\u2028\u202egnp.exe\x7f\n", "\x9bkey": 1 };
  const line = jsonLine(value);
  assert.match(line, /^[\x20-\x7e]*\n$/);
  assert.deepEqual(JSON.parse(line), value);
});
