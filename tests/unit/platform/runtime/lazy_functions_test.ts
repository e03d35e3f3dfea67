import assert from "node:assert/strict";
import { LAZY_FUNCTIONS } from "../../../../lib/platform/runtime/lazy_functions.ts";
import { STRICT } from "../../../support/strict.ts";

Deno.test("what is asked for at the start are functions that are there", STRICT, () => {
  for (const [holder, names] of LAZY_FUNCTIONS) {
    for (const name of names) assert.equal(typeof Reflect.get(holder, name), "function", name);
  }
});
