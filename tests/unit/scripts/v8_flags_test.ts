import assert from "node:assert/strict";
import { V8_FLAGS } from "../../../scripts/v8_flags.ts";
import deno from "../../../deno.json" with { type: "json" };

Deno.test("V8_FLAGS stand in the start task as they do in the compiled program and the bench", () => {
  assert.equal(deno.tasks.start.command, `deno run -A --lock=deno.lock --frozen ${V8_FLAGS} main.ts`);
});
